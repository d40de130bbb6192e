//! Secrets as keys: `x`, or `x_file`; for a list, `x_files`.

use std::path::PathBuf;

use portcullis_base::secret::{ExposeSecret as _, SecretString};

use super::files;
use super::node::Node;
use super::section::Section;

// 22 characters of base64url carry 128 bits.
pub(crate) const SHORT: usize = 22;

impl Section<'_> {
    /// A token of ours: a secret that travels in a header.
    pub(super) fn token(&mut self, key: &str) -> Option<SecretString> {
        let secret = self.secret(key)?;
        self.sound(key, secret)
    }

    /// The secret `key`, or the content of the file that `key_file` names.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretString> {
        let file = format!("{key}_file");
        let (inline, named) = (self.take(key), self.take(&file));
        let given = !matches!((&inline, &named), (Node::Absent, Node::Absent));
        self.known(key, given, None, "a secret");
        if !matches!(inline, Node::Absent) && !matches!(named, Node::Absent) {
            self.problem(key, format!("given here and in {file}: leave one out"));
            return None;
        }
        self.inline(key, inline).or_else(|| self.named_file(&file, named))
    }

    /// The tokens of the list `key`, or of the files that the list `key_files` names.
    pub(super) fn tokens(&mut self, key: &str) -> Vec<SecretString> {
        let files = format!("{key}_files");
        let (inline, named) = (self.take(key).expanded(), self.take(&files).expanded());
        let given = !matches!((&inline, &named), (Node::Absent, Node::Absent));
        self.known(key, given, None, "a list of secrets");
        if !matches!(inline, Node::Absent) && !matches!(named, Node::Absent) {
            self.problem(key, format!("given here and in {files}: leave one out"));
            return Vec::new();
        }
        let mut found = Vec::new();
        for (i, node) in self.entries_of(key, inline).into_iter().enumerate() {
            let at = format!("{key}[{i}]");
            let secret = self.inline(&at, node);
            found.extend(secret.and_then(|s| self.sound(&at, s)));
        }
        for (i, node) in self.entries_of(&files, named).into_iter().enumerate() {
            let at = format!("{files}[{i}]");
            let secret = self.named_file(&at, node);
            found.extend(secret.and_then(|s| self.sound(&at, s)));
        }
        found
    }

    fn entries_of(&mut self, key: &str, node: Node) -> Vec<Node> {
        match node {
            Node::Absent => Vec::new(),
            Node::List(items) => items,
            Node::Table(_) | Node::Value(_) | Node::Text { .. } => {
                self.problem(key, "must be a list");
                Vec::new()
            }
        }
    }

    fn inline(&mut self, key: &str, node: Node) -> Option<SecretString> {
        match node {
            Node::Absent => None,
            Node::Text { text, .. } => Some(text.into()),
            Node::Value(toml::Value::String(text)) => {
                self.notes.inline_secret = true;
                Some(text.into())
            }
            Node::Value(_) | Node::Table(_) | Node::List(_) => {
                self.problem(key, "must be a string");
                None
            }
        }
    }

    fn named_file(&mut self, key: &str, node: Node) -> Option<SecretString> {
        let path = match node {
            Node::Absent => return None,
            Node::Text { text, .. } | Node::Value(toml::Value::String(text)) => PathBuf::from(text),
            Node::Value(_) | Node::Table(_) | Node::List(_) => {
                self.problem(key, "must be the path of a file");
                return None;
            }
        };
        match files::read_secret(&path) {
            Ok((secret, exposed)) => {
                if exposed {
                    self.warn(key, "others on this machine can read the file; chmod 600 it");
                }
                Some(secret)
            }
            Err(error) => {
                // Not the path: a secret may stand there by mistake.
                self.problem(key, format!("cannot read the file: {error}"));
                None
            }
        }
    }

    /// A secret that could never match what a caller sends is a problem; a short one is a warning.
    fn sound(&mut self, key: &str, secret: SecretString) -> Option<SecretString> {
        let text = secret.expose_secret();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            self.problem(key, "must be printable ASCII without spaces, and not empty");
            return None;
        }
        if text.len() < SHORT {
            self.warn(key, "a weak secret: use 22 or more random characters");
        }
        Some(secret)
    }
}
