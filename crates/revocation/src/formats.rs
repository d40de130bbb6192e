//! What secrets of a type look like: anchored patterns, from what scanners look for and wider,
//! because a pattern that is too narrow leaves a live token alive.

use regex::Regex;
use thiserror::Error;

/// The type under which Gitpod's own scanner rule reports our PATs.
pub const PAT_TYPE: &str = "gitleaks_rule_id_gitpod_personal_access_token";

/// GitLab's types whose tokens can revoke themselves, in the form in which GitLab sends them. The
/// classic personal type is absent: GitLab revokes those itself and never reports them.
pub const GITLAB_TYPES: [&str; 1] = ["gitleaks_rule_id_gitlab_personal_access_token_routable"];

/// The most characters that a secret of any type may have.
const LONGEST: usize = 16 * 1024;

/// A personal, project, group or impersonation access token: the classic form of 20 characters, the
/// routable ones of 27 to 300 with a checksum of 9 and a version of 2 in front of it, and before
/// all of it the prefix of an instance.
const GITLAB_ACCESS_TOKEN: &str =
    r"^(?:[0-9A-Za-z_.-]{1,64}-)?glpat-[0-9A-Za-z_-]{20,300}(?:\.[0-9a-z]{2})?(?:\.[0-9a-z]{9})?$";

/// The types with a built-in pattern.
const BUILT_IN: [(&str, &str); 3] = [
    ("gitleaks_rule_id_gitlab_personal_access_token", GITLAB_ACCESS_TOKEN),
    ("gitleaks_rule_id_gitlab_personal_access_token_routable", GITLAB_ACCESS_TOKEN),
    // Of the project's upstream rule set, for installations that use it.
    ("gitleaks_rule_id_gitlab-pat", GITLAB_ACCESS_TOKEN),
];

/// Why a pattern cannot be used.
#[derive(Debug, Error)]
pub enum FormatError {
    /// It would match a part of a secret.
    #[error("a format must begin with ^ and end with $")]
    NotAnchored,
    /// It is no regular expression.
    #[error("not a regular expression: {0}")]
    Syntax(#[source] regex::Error),
}

/// What a secret of one type looks like.
#[derive(Debug, Clone)]
pub struct Format(Regex);

impl Format {
    /// Reads a pattern in the syntax of the `regex` crate, which matches in linear time whatever
    /// the secret is.
    pub fn new(pattern: &str) -> Result<Self, FormatError> {
        if !(pattern.starts_with('^') && pattern.ends_with('$')) || pattern.ends_with(r"\$") {
            return Err(FormatError::NotAnchored);
        }
        // Grouped, so that the anchors hold for every alternative; `\z`, since a line feed at the
        // end belongs to no token.
        let inner = &pattern[1..pattern.len() - 1];
        Regex::new(&format!(r"\A(?:{inner})\z")).map(Self).map_err(FormatError::Syntax)
    }

    /// The built-in format of this type, where there is one.
    pub fn built_in(token_type: &str) -> Option<Self> {
        let (_, pattern) = BUILT_IN.iter().find(|(name, _)| *name == token_type)?;
        Self::new(pattern).ok()
    }

    /// The format of our own PATs with this prefix.
    pub fn pat(prefix: &str) -> Result<Self, FormatError> {
        Self::new(&format!(r"^{}[0-9A-Za-z_-]{{43}}\.[^.]+$", regex::escape(prefix)))
    }

    /// Whether the whole of `secret` is of this format.
    pub fn fits(&self, secret: &str) -> bool {
        secret.len() <= LONGEST && self.0.is_match(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routable() -> Format {
        Format::built_in(GITLAB_TYPES[0]).unwrap()
    }

    #[test]
    fn every_built_in_pattern_compiles() {
        for (name, pattern) in BUILT_IN {
            Format::new(pattern).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        for name in GITLAB_TYPES {
            assert!(Format::built_in(name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_form_of_gitlab_access_token_fits() {
        let long = "Ab3_-".repeat(6);
        for token in [
            "glpat-abcdefghijklmnopqrst".to_owned(),
            format!("glpat-{long}.01z9abcde"),
            format!("glpat-{long}.01.0z9abcdef"),
            format!("acme-glpat-{long}.01.0z9abcdef"),
        ] {
            assert!(routable().fits(&token), "{token}");
        }
    }

    #[test]
    fn what_is_no_gitlab_access_token_does_not_fit() {
        let good = "glpat-abcdefghijklmnopqrst";
        for token in [
            String::new(),
            "glpat-short".to_owned(),
            "ghp_abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
            format!("{good}\n"),
            format!("{good}\0"),
            format!(" {good}"),
            format!("\"{good}\""),
            format!("{good}\n{good}"),
            format!("glpat-{}", "a".repeat(20_000)),
        ] {
            assert!(!routable().fits(&token), "{token:?}");
        }
    }

    #[test]
    fn anchors_hold_for_every_alternative() {
        let format = Format::new("^one|two$").unwrap();
        assert!(format.fits("one") && format.fits("two"));
        assert!(!format.fits("one more") && !format.fits("and two"));
        for bad in ["one", "^one", "one$", r"^one\$", "^(one$"] {
            assert!(Format::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn our_own_tokens_fit_their_prefix() {
        let format = Format::pat("acme_pat_").unwrap();
        let signature = "A".repeat(43);
        assert!(format.fits(&format!("acme_pat_{signature}.abc123")));
        assert!(!format.fits(&format!("gitpod_pat_{signature}.abc123")));
        assert!(!format.fits(&format!("acme_pat_{signature}abc123")));
    }
}
