//! Looking for words where none of them may be.

use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::config;

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Searched {
    /// How much was looked at.
    pub files: usize,
    /// The same in bytes.
    pub bytes: u64,
    /// A place each, without the word.
    pub found: Vec<String>,
}

/// What must not be found.
#[derive(Debug)]
pub struct Words {
    all: AhoCorasick,
}

impl Words {
    /// As they stand.
    pub(crate) fn of<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { all: AhoCorasick::new(words).expect("a few thousand words make an automaton") }
    }

    /// Secrets, in the forms in which a database or a log might hold them.
    ///
    /// # Panics
    /// Where there are too many to make an automaton of.
    pub fn hidden(secrets: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let forms = secrets.into_iter().flat_map(|secret| {
            let coded = [
                hex::encode(&secret),
                hex::encode_upper(&secret),
                STANDARD_NO_PAD.encode(&secret),
                URL_SAFE_NO_PAD.encode(&secret),
            ];
            coded.into_iter().map(String::into_bytes).chain([secret])
        });
        Self::of(forms)
    }

    /// How many are looked for, each form counted.
    pub(crate) fn len(&self) -> usize {
        self.all.patterns_len()
    }

    /// How often they occur, where they do not overlap.
    pub(crate) fn count(&self, content: &[u8]) -> usize {
        self.all.find_iter(content).count()
    }
}

impl Searched {
    /// Takes in every file under a folder: databases, logs, whatever was left behind. The configuration
    /// of a gateway holds secrets by its nature.
    pub fn folder(&mut self, folder: &Path, words: &Words) {
        // What vanishes while it is looked at was not left behind.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.folder(&path, words);
            } else if entry.file_name() != config::FILE
                && let Ok(content) = std::fs::read(&path)
            {
                self.content(&content, &path.display().to_string(), words);
            }
        }
    }

    /// Takes in what lies at a place.
    pub fn content(&mut self, content: &[u8], place: &str, words: &Words) {
        self.files += 1;
        self.bytes += content.len() as u64;
        let hits = words.all.find_iter(content);
        self.found.extend(hits.map(|hit| format!("{place}, byte {}", hit.start())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &Words, content: &str) -> usize {
        let mut searched = Searched::default();
        searched.content(content.as_bytes(), "here", words);
        searched.found.len()
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let words = Words::hidden([b"glpat-".to_vec(), vec![0xff; 3]]);
        assert_eq!(words.len(), 10);
        let good =
            ["xglpat-1", "x676c7061742d", "676C7061742D", "Z2xwYXQt", "0 ffffff", "////", "____"];
        for text in good {
            assert_eq!(found(&words, text), 1, "{text}");
        }
        assert_eq!(found(&words, "glpa-t"), 0);
        assert_eq!(words.count(b"glpat-1 glpat-2"), 2);
    }

    #[test]
    fn every_file_is_looked_at_but_the_configuration() {
        let folder = portcullis_test_support::scratch_dir();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("deep/file"), "a glpat-1").unwrap();
        std::fs::write(folder.path().join("other"), "nothing").unwrap();
        std::fs::write(folder.path().join("deep").join(config::FILE), "glpat-").unwrap();
        let mut searched = Searched::default();
        searched.folder(folder.path(), &Words::of(["glpat-"]));
        assert_eq!((searched.files, searched.bytes), (2, 16));
        assert_eq!(searched.found.len(), 1);
        assert!(searched.found[0].ends_with("deep/file, byte 2"), "{searched:?}");
    }
}
