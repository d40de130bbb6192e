//! Looking for secrets where none may be.

use std::path::Path;

/// Searches every file under a folder: databases, logs, whatever was left behind. Returns how many
/// bytes were looked at and what was found where.
pub fn files(folder: &Path, secrets: &Secrets) -> (u64, Vec<String>) {
    let (mut searched, mut found) = (0, Vec::new());
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What vanishes while it is looked at was not left behind.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
                continue;
            }
            let Ok(content) = std::fs::read(&path) else { continue };
            searched += content.len() as u64;
            let place = path.display().to_string();
            found.extend(secrets.within(&String::from_utf8_lossy(&content), &place));
        }
    }
    (searched, found)
}

/// What must not be found: how the secrets begin, or all of them.
#[derive(Debug)]
pub struct Secrets {
    forms: Vec<String>,
}

impl Secrets {
    /// Texts in the forms in which a database or a log might hold them.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let forms = texts
            .into_iter()
            .flat_map(|text| [text.to_owned(), hex::encode(text), hex::encode_upper(text)]);
        Self { forms: forms.collect() }
    }

    /// What of them a text holds: a line each, without the secret.
    pub fn within(&self, text: &str, place: &str) -> Vec<String> {
        let hits = self.forms.iter().filter_map(|form| text.find(form.as_str()));
        hits.map(|at| format!("{place}, byte {at}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secrets = Secrets::of(["glpat-"]);
        for text in ["xglpat-1", "x676c7061742d", "676C7061742D"] {
            assert_eq!(secrets.within(text, "here").len(), 1, "{text}");
        }
        assert_eq!(secrets.within("glpa-t", "here"), Vec::<String>::new());
    }

    #[test]
    fn every_file_is_looked_at() {
        let folder = portcullis_test_support::scratch_dir();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("deep/file"), "a glpat-1").unwrap();
        std::fs::write(folder.path().join("other"), "nothing").unwrap();
        let (searched, found) = files(folder.path(), &Secrets::of(["glpat-"]));
        assert_eq!(searched, 16);
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("deep/file, byte 2"), "{found:?}");
    }
}
