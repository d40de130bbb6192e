//! What a scanner found.

use std::fmt::Write as _;

use portcullis_base::secret::SecretString;

use super::extract;

/// One finding of a report.
#[derive(Debug)]
pub(super) struct Finding {
    /// The type as GitLab's client names it; empty where the report names none.
    pub(super) token_type: String,
    /// The secret, where the report has it whole.
    pub(super) secret: Option<SecretString>,
    /// Where it was found; empty where the report does not say.
    pub(super) location: String,
}

/// Where in a repository something is.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) commit: Option<String>,
}

impl Finding {
    pub(super) fn new(token_type: String, extract: Option<String>, place: &Place) -> Self {
        Self { token_type, secret: extract.and_then(extract::secret), location: place.shown() }
    }
}

/// The type string, as GitLab builds it: white space within stays, but for the space itself.
pub(super) fn type_of(external_type: &str, external_id: &str) -> String {
    format!("{external_type}_{external_id}").replace(' ', "_").to_lowercase()
}

impl Place {
    /// As git names a file of a commit, with the line as GitLab links to it.
    fn shown(&self) -> String {
        // Without git history, scanners write a commit of zeros.
        let commit = self.commit.as_deref().filter(|sha| sha.bytes().any(|b| b != b'0'));
        let mut shown = commit.unwrap_or_default().to_owned();
        if let Some(file) = self.file.as_deref().filter(|file| !file.is_empty()) {
            if commit.is_some() {
                shown.push(':');
            }
            shown.push_str(file);
            if let Some(line) = self.line.filter(|line| *line > 0) {
                let _ = write!(shown, "#L{line}");
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_built_as_gitlab_builds_it() {
        for (kind, id, built) in [
            ("gitleaks_rule_id", "AWS", "gitleaks_rule_id_aws"),
            ("gitleaks_rule_id", "Password in URL", "gitleaks_rule_id_password_in_url"),
            (
                "gitleaks_rule_id",
                "Google (GCP) Service-account",
                "gitleaks_rule_id_google_(gcp)_service-account",
            ),
            ("gitleaks_rule_id", "a/b\tc  d", "gitleaks_rule_id_a/b\tc__d"),
            ("My Scanner", "ÄÖ", "my_scanner_äö"),
        ] {
            assert_eq!(type_of(kind, id), built);
        }
    }

    #[test]
    fn a_place_tells_as_much_as_is_known() {
        let shown = |file: &str, line, commit: &str| {
            Place { file: Some(file.into()), line, commit: Some(commit.into()) }.shown()
        };
        assert_eq!(shown("a/b c.rb", Some(7), "0830d9e4"), "0830d9e4:a/b c.rb#L7");
        assert_eq!(shown("a", Some(0), "0000000"), "a");
        assert_eq!(shown("a", None, ""), "a");
        assert_eq!(shown("", Some(3), "0830d9e4"), "0830d9e4");
        assert_eq!(Place::default().shown(), "");
    }
}
