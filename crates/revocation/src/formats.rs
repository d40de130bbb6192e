//! What secrets of a type look like: anchored patterns, from what scanners look for and wider,
//! because a pattern that is too narrow leaves a live token alive.

mod noted;

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use regex::Regex;
use thiserror::Error;

pub use noted::NOTED_TYPES;

/// The type under which Gitpod's own scanner rule reports our PATs.
pub const PAT_TYPE: &str = "gitleaks_rule_id_gitpod_personal_access_token";

/// The type of the made-up tokens with which `portcullis doctor` tries a gateway. They open nothing.
pub const DOCTOR_TYPE: &str = "portcullis_doctor";

/// GitLab's types whose tokens can revoke themselves, in the form in which GitLab sends them. The
/// classic personal type is absent: GitLab revokes those itself and never reports them.
pub const GITLAB_TYPES: [&str; 1] = ["gitleaks_rule_id_gitlab_personal_access_token_routable"];

/// The most characters that a secret of any type may have.
const LONGEST: usize = 16 * 1024;

/// What GitLab's tokens of a type begin with, after the prefix that an instance may set.
const ACCESS_TOKENS: [(&str, &str); 4] = [
    ("gitleaks_rule_id_gitlab_personal_access_token", "glpat"),
    (GITLAB_TYPES[0], "glpat"),
    // Of the project's upstream rule set, for installations that use it.
    ("gitleaks_rule_id_gitlab-pat", "glpat"),
    ("gitleaks_rule_id_gitlab-pat-routable", "glpat"),
];

/// The same of those that cannot speak for themselves: only an administrator can revoke them. The
/// names are those of GitLab's own rules, then of the upstream ones.
const ADMIN_TYPES: [(&str, &str); 19] = [
    ("gitleaks_rule_id_gitlab_deploy_token", "gldt"),
    ("gitleaks_rule_id_gitlab_feed_token_v2", "glft"),
    ("gitleaks_rule_id_gitlab_incoming_email_token", "glimt"),
    ("gitleaks_rule_id_gitlab_kubernetes_agent_token", "glagent"),
    ("gitleaks_rule_id_gitlab_oauth_app_secret", "gloas"),
    ("gitleaks_rule_id_gitlab_pipeline_trigger_token", "glptt"),
    ("gitleaks_rule_id_gitlab_runner_auth_token", "glrtr?"),
    ("gitleaks_rule_id_gitlab_runner_auth_token_routable", "glrtr?"),
    ("gitleaks_rule_id_gitlab_scim_oauth_token", "glsoat"),
    ("gitleaks_rule_id_gitlab-deploy-token", "gldt"),
    ("gitleaks_rule_id_gitlab-feature-flag-client-token", "glffct"),
    ("gitleaks_rule_id_gitlab-feed-token", "glft"),
    ("gitleaks_rule_id_gitlab-incoming-mail-token", "glimt"),
    ("gitleaks_rule_id_gitlab-kubernetes-agent-token", "glagent"),
    ("gitleaks_rule_id_gitlab-oauth-app-secret", "gloas"),
    ("gitleaks_rule_id_gitlab-ptt", "glptt"),
    ("gitleaks_rule_id_gitlab-runner-authentication-token", "glrtr?"),
    ("gitleaks_rule_id_gitlab-runner-authentication-token-routable", "glrtr?"),
    ("gitleaks_rule_id_gitlab-scim-token", "glsoat"),
];

/// Whether tokens of this type are users' access tokens, of which GitLab says what it knows when they
/// ask about themselves.
pub fn speaks_for_itself(token_type: &str) -> bool {
    ACCESS_TOKENS.iter().any(|(name, _)| *name == token_type)
}

/// Whether this is a feed token in the form in which GitLab puts it into a feed's address: a digest
/// of the path under the user's token, and the user's number (GitLab's
/// `Gitlab::Auth::AuthFinders::PATH_DEPENDENT_FEED_TOKEN_REGEX`). Nobody can find a token by it.
pub fn feed_of_a_path(token_type: &str, secret: &str) -> bool {
    let feed = ADMIN_TYPES.iter().any(|(name, form)| *name == token_type && *form == "glft");
    let Some((digest, user)) = secret.rsplit_once('-').filter(|_| feed) else { return false };
    let digest = digest.rsplit('-').next().unwrap_or_default();
    digest.len() == 64
        && digest.bytes().all(|b| b.is_ascii_hexdigit())
        && !user.is_empty()
        && user.bytes().all(|b| b.is_ascii_digit())
}

/// Whether GitLab's tokens of this type take an administrator's token to be revoked.
pub fn needs_administrator(token_type: &str) -> bool {
    ADMIN_TYPES.iter().any(|(name, _)| *name == token_type)
}

/// The classic form of 20 characters or more; the routable one of 27 to 300 with a checksum of 9
/// and a version of 2 in front of it; before all of it the prefix of an instance. One form for all
/// kinds: their lengths have changed, and will.
fn gitlab_token(prefix: &str) -> String {
    format!(
        r"^(?:[0-9A-Za-z_.-]{{1,64}}-)?{prefix}-[0-9A-Za-z_-]{{20,300}}(?:\.[0-9a-z]{{2}})?(?:\.[0-9a-z]{{9}})?$"
    )
}

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
        // By itself, too: one that closes our group is anchored no more.
        Regex::new(inner).map_err(FormatError::Syntax)?;
        Regex::new(&format!(r"\A(?:{inner})\z")).map(Self).map_err(FormatError::Syntax)
    }

    /// The built-in format of this type, where there is one.
    pub fn built_in(token_type: &str) -> Option<Self> {
        let mut types = ACCESS_TOKENS.iter().chain(&ADMIN_TYPES);
        let (_, prefix) = types.find(|(name, _)| *name == token_type)?;
        Self::new(&gitlab_token(prefix)).ok()
    }

    /// The format of our own PATs with this prefix.
    pub fn pat(prefix: &str) -> Result<Self, FormatError> {
        Self::new(&format!(r"^{}[0-9A-Za-z_-]{{43}}\.[^.]+$", regex::escape(prefix)))
    }

    /// The pieces of `secret` that the pattern names, `(?<name>…)`; `None` where it is not of this format.
    pub fn groups(&self, secret: &SecretString) -> Option<Vec<(String, SecretString)>> {
        let text = secret.expose_secret();
        let found = (text.len() <= LONGEST).then(|| self.0.captures(text)).flatten()?;
        let named = |name: &str| Some((name.to_owned(), found.name(name)?.as_str().into()));
        Some(self.group_names().filter_map(named).collect())
    }

    /// The names of those pieces.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.0.capture_names().flatten()
    }

    /// The format of made-up tokens ([`DOCTOR_TYPE`]).
    pub fn doctor() -> Result<Self, FormatError> {
        Self::new("^portcullis_doctor_[0-9a-f]{32}$")
    }

    /// Any text: for types whose secrets are sent nowhere.
    pub fn any() -> Result<Self, FormatError> {
        Self::new(r"^(?s:.)+$")
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
        let all = ACCESS_TOKENS.iter().chain(&ADMIN_TYPES).map(|(name, _)| *name);
        for name in all.chain(GITLAB_TYPES) {
            assert!(Format::built_in(name).is_some(), "{name}");
            let alone = ADMIN_TYPES.iter().any(|(admin, _)| *admin == name);
            assert_eq!(needs_administrator(name), alone, "{name}");
        }
    }

    #[test]
    fn every_kind_of_gitlab_token_has_its_own_form() {
        let long = "Ab3_-".repeat(12);
        for (name, token) in [
            ("gitlab_deploy_token", format!("gldt-{}", &long[..20])),
            ("gitlab_deploy_token", format!("acme-gldt-{long}")),
            ("gitlab_feed_token_v2", format!("glft-{}-42", "a1".repeat(32))),
            ("gitlab_incoming_email_token", format!("glimt-{}", &long[..25])),
            ("gitlab_kubernetes_agent_token", format!("glagent-{}", &long[..50])),
            ("gitlab_oauth_app_secret", format!("gloas-{}", "a1".repeat(32))),
            ("gitlab_pipeline_trigger_token", format!("glptt-{}", "a1".repeat(20))),
            ("gitlab_runner_auth_token", format!("glrt-t3_{}", &long[..20])),
            ("gitlab_runner_auth_token", format!("glrtr-{}", &long[..20])),
            ("gitlab_runner_auth_token_routable", format!("glrt-t1_{}.01.0z9abcdef", &long[..27])),
            ("gitlab_scim_oauth_token", format!("glsoat-{}", &long[..20])),
            ("gitlab-feature-flag-client-token", format!("glffct-{}", &long[..20])),
        ] {
            let format = Format::built_in(&format!("gitleaks_rule_id_{name}")).unwrap();
            assert!(format.fits(&token), "{name} {token}");
            assert!(!format.fits(&token[..10]), "{name} {token}");
            assert!(!format.fits(&format!("glpat-{long}")), "{name}");
        }
    }

    #[test]
    fn the_feed_token_of_a_path_is_known_by_its_form() {
        let (digest, feed) = ("a1".repeat(32), "gitleaks_rule_id_gitlab_feed_token_v2");
        assert!(feed_of_a_path(feed, &format!("glft-{digest}-42")));
        assert!(feed_of_a_path(feed, &format!("acme-glft-{digest}-42")));
        for other in [format!("glft-{}", &digest[..20]), format!("glft-{digest}"), digest.clone()] {
            assert!(!feed_of_a_path(feed, &other), "{other}");
        }
        assert!(!feed_of_a_path(GITLAB_TYPES[0], &format!("glpat-{digest}-42")));
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
        for bad in ["one", "^one", "one$", r"^one\$", "^(one$", "^one)|(?:two$"] {
            assert!(Format::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn made_up_tokens_say_that_they_are() {
        let (format, digits) = (Format::doctor().unwrap(), "0123456789abcdef".repeat(2));
        assert!(format.fits(&format!("portcullis_doctor_{digits}")));
        for other in [
            digits.clone(),
            format!("portcullis_doctor_{digits}0"),
            format!("portcullis_doctor_{}", digits.to_uppercase()),
            "glpat-abcdefghijklmnopqrst".to_owned(),
        ] {
            assert!(!format.fits(&other), "{other}");
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
