//! What a configuration says, key by key: to tell two readings apart without keeping a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files;
use super::node::Node;
use super::problem::KnownKey;

/// How keys end whose files are followed while the gateway runs, our own and those of issuers: what counts is
/// their names. Those of `tls` are followed too, and no key of theirs says that it names a file.
const FOLLOWED: &str = "jwks_file";

/// Every key that is not at its default, with a digest of its value or of its file's content.
#[derive(Clone, Default)]
pub struct Said(BTreeMap<String, Value>);

#[derive(Clone, PartialEq, Eq)]
struct Value {
    /// The key as it was written: a secret may come as `x` or as `x_file`.
    key: String,
    digest: [u8; 32],
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Said {
    /// What stands at and below `root`.
    pub(super) fn of(root: &Node) -> Self {
        let mut said = Self::default();
        said.walk("", root);
        said
    }

    /// Leaves out what is as it would be anyway.
    pub(super) fn without_defaults(mut self, known: &[KnownKey]) -> Self {
        for key in known.iter().filter(|key| key.default == Some(true)) {
            self.0.remove(&key.key);
        }
        self
    }

    /// Adds a value that came from elsewhere.
    pub(super) fn add(&mut self, key: &str, value: &[u8]) {
        let value = Value { key: key.to_owned(), digest: Sha256::digest(value).into() };
        self.0.insert(normal(key), value);
    }

    /// The keys that differ between the two, each by the name that it has in `self`, or else in `other`.
    pub fn changed(&self, other: &Self) -> BTreeSet<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let differs = |name: &&String| {
            let [one, two] = [self, other].map(|said| said.0.get(*name).map(|value| value.digest));
            one != two
        };
        let shown = |name: &String| {
            let value = self.0.get(name).or_else(|| other.0.get(name));
            value.map_or_else(|| name.clone(), |value| value.key.clone())
        };
        names.into_iter().filter(differs).map(shown).collect()
    }

    /// Says what `other` says of the keys that `choose` takes.
    pub fn take_over(&mut self, other: &Self, choose: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| !choose(name));
        let taken = other.0.iter().filter(|(name, _)| choose(name));
        self.0.extend(taken.map(|(name, value)| (name.clone(), value.clone())));
    }

    fn walk(&mut self, path: &str, node: &Node) {
        match node {
            Node::Absent => {}
            Node::Table(entries) => {
                for (key, node) in entries {
                    let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    self.walk(&at, node);
                }
            }
            Node::List(items) => {
                // An empty list may say more than none.
                if items.is_empty() {
                    self.add(path, b"[]");
                }
                for (i, node) in items.iter().enumerate() {
                    self.walk(&format!("{path}[{i}]"), node);
                }
            }
            Node::Value(toml::Value::String(text)) | Node::Text { text, .. } => {
                self.text(path, text);
            }
            Node::Value(value) => self.add(path, value.to_string().as_bytes()),
        }
    }

    fn text(&mut self, path: &str, text: &str) {
        let names_a_file = normal(path) != path && !path.ends_with(FOLLOWED);
        let content = names_a_file.then(|| files::read_small(Path::new(text)).ok()).flatten();
        match content {
            // As a secret is read from its file.
            Some(file) => {
                self.add(path, file.bytes.strip_suffix(b"\n").unwrap_or(&file.bytes));
            }
            None => self.add(path, text.as_bytes()),
        }
    }
}

/// `a.x` for `a.x_file`, and `a.xs[0]` for `a.xs_files[0]`.
fn normal(path: &str) -> String {
    let (stem, index) = match path.rfind('[') {
        Some(at) if path.ends_with(']') => path.split_at(at),
        _ => (path, ""),
    };
    let stem = stem.strip_suffix("_files").or_else(|| stem.strip_suffix("_file")).unwrap_or(stem);
    format!("{stem}{index}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    use portcullis_test_support::scratch_dir;

    /// Every key that names a file of this folder.
    fn naming(folder: &Path) -> Said {
        let at = |name: &str| toml::Value::from(folder.join(name).display().to_string());
        let mut text = String::new();
        for (table, keys) in [
            ("server.tls", &["certificate", "private_key"][..]),
            ("server.admin_tls", &["certificate", "private_key", "client_ca"]),
            ("[auth.oidc]", &["jwks_file"]),
            ("oidc_proxy", &["jwks_file", "upstream_jwks_file"]),
            ("http", &["ca_file"]),
            ("secrets", &["master_key_file"]),
        ] {
            let _ = writeln!(text, "[{table}]");
            for key in keys {
                let _ = writeln!(text, "{key} = {}", at(key));
            }
        }
        Said::of(&Node::from_toml(text.parse::<toml::Table>().unwrap().into()))
    }

    #[test]
    fn what_is_followed_changes_with_its_name_alone() {
        let (one, other) = (scratch_dir(), scratch_dir());
        let names = ["certificate", "private_key", "client_ca", "jwks_file", "upstream_jwks_file"];
        let write = |folder: &Path, content: &str| {
            for name in names.iter().chain(&["ca_file", "master_key_file"]) {
                std::fs::write(folder.join(name), content).unwrap();
            }
        };
        write(one.path(), "before");
        write(other.path(), "before");
        let before = naming(one.path());
        let moved = naming(other.path()).changed(&before);
        let paths: BTreeSet<&str> = moved.iter().filter_map(|key| key.rsplit('.').next()).collect();
        assert_eq!(paths, names.into(), "{moved:?}");
        assert_eq!(moved.len(), 8, "{moved:?}");
        write(one.path(), "after");
        let changed = naming(one.path()).changed(&before);
        assert_eq!(changed, ["http.ca_file", "secrets.master_key_file"].map(str::to_owned).into());
    }

    #[test]
    fn a_key_has_one_name_however_its_value_comes() {
        for (path, name) in [
            ("secrets.admin_tokens_files[2]", "secrets.admin_tokens[2]"),
            ("revocation_api.clients[0].token_file", "revocation_api.clients[0].token"),
            ("server.listen", "server.listen"),
            ("a.files[0]", "a.files[0]"),
        ] {
            assert_eq!(normal(path), name);
        }
    }
}
