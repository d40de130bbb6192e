//! `[revocation]`: the queue, the worker, the modes, the formats.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_revocation::catalog::Mode;
use portcullis_revocation::formats::{Format, FormatError};

use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::providers::{self, Provider};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

impl Setting for Mode {
    const WHAT: &'static str = "the name of a mode";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"revoke\", \"approve\", \"notify\" or \"dry-run\"", Self::from_name)
    }
}

/// `[revocation]`
#[derive(Debug, Clone)]
pub struct Revocation {
    /// Provider calls at a time, per provider.
    pub concurrency: usize,
    /// The deadline of one call.
    pub call_timeout: Duration,
    /// How much longer than a call its lease is.
    pub lease_margin: Duration,
    /// After how long a secret that cannot be revoked counts as failed.
    pub give_up_after: Duration,
    /// How long what has ended is kept; `None`: for ever.
    pub keep_ended: Option<Duration>,
    /// The first wait between two attempts.
    pub retry_base: Duration,
    /// The longest wait between two attempts.
    pub retry_cap: Duration,
    /// How often the queue is looked at when nothing wakes the worker.
    pub poll_interval: Duration,
    /// By type; [`Mode::Revoke`] where nothing is said.
    pub modes: BTreeMap<String, Mode>,
    /// In the order of the file, which is the order in which several of a kind are asked.
    /// [`Provider::Portcullis`] is always among them, exactly once.
    pub providers: Vec<Provider>,
    /// Anchored patterns by type; they win over the built-in ones.
    pub formats: BTreeMap<String, String>,
}

/// Long enough for an audit of the year before.
const KEEP_ENDED: Duration = Duration::from_hours(400 * 24);
/// What failed keeps its seal for 30 days.
const KEEP_AT_LEAST: Duration = Duration::from_hours(31 * 24);

#[derive(PartialEq)]
struct Keep(Option<Duration>);

impl Setting for Keep {
    const WHAT: &'static str = "a duration, or `forever`";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"forever\" or 31 days and more, such as \"400d\"", |text| {
            if text == "forever" {
                return Some(Self(None));
            }
            let keep = humantime::parse_duration(text).ok()?;
            (KEEP_AT_LEAST..=36_500 * DAY).contains(&keep).then_some(Self(Some(keep)))
        })
    }
}

impl Revocation {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let short = SECOND / 1000;
        let formats = section.map("formats");
        let revocation = Self {
            concurrency: usize::try_from(section.number("concurrency", 16, 1..=1000)).unwrap_or(1),
            call_timeout: section.duration("call_timeout", 10 * SECOND, short..=600 * SECOND),
            lease_margin: section.duration("lease_margin", 30 * SECOND, SECOND..=600 * SECOND),
            give_up_after: section.duration("give_up_after", DAY, SECOND..=365 * DAY),
            keep_ended: section.or("keep_ended", Keep(Some(KEEP_ENDED))).0,
            retry_base: section.duration("retry_base", SECOND, short..=DAY),
            retry_cap: section.duration("retry_cap", 900 * SECOND, short..=DAY),
            poll_interval: section.duration("poll_interval", 5 * SECOND, short..=600 * SECOND),
            modes: section.map("modes"),
            providers: providers::read(section, &formats),
            formats,
        };
        revocation.check(section);
        revocation
    }

    fn check(&self, section: &mut Section<'_>) {
        if self.retry_base > self.retry_cap {
            section.problem("retry_base", "must not be longer than retry_cap");
        }
        for (name, pattern) in &self.formats {
            if let Err(problem) = check_format(pattern) {
                section.problem(&format!("formats.{name}"), problem);
            }
        }
        self.check_formats_needed(section);
        self.check_types_claimed(section);
        self.check_modes(section);
    }

    /// What nobody can revoke needs no mode, and has none but to be told of or tried.
    fn check_modes(&self, section: &mut Section<'_>) {
        let noted = self.providers.iter().filter(|p| matches!(p, Provider::Notify { .. }));
        for name in noted.flat_map(Provider::types) {
            if let Some(Mode::Revoke | Mode::Approve) = self.modes.get(name) {
                let problem = "must be \"notify\" or \"dry-run\": nobody revokes this type";
                section.problem(&format!("modes.{name}"), problem);
            }
        }
    }

    /// A secret of a type without a format could not be told from anything else.
    fn check_formats_needed(&self, section: &mut Section<'_>) {
        let mut missing = BTreeSet::new();
        for provider in self.providers.iter().filter(|p| !matches!(p, Provider::Portcullis { .. }))
        {
            let lacks = |name: &&String| {
                is_type(name)
                    && !self.formats.contains_key(*name)
                    && provider.built_in_format(name).is_none()
            };
            missing.extend(provider.types().iter().filter(lacks));
        }
        for name in missing {
            let key = format!("formats.{name}");
            section.problem(&key, "is required: no format is built in for this type");
        }
    }

    fn check_types_claimed(&self, section: &mut Section<'_>) {
        let modes = self.modes.keys().map(|name| ("modes", name));
        let formats = self.formats.keys().map(|name| ("formats", name));
        for (table, name) in modes.chain(formats) {
            if !self.providers.iter().any(|p| p.types().contains(name)) {
                let key = format!("{table}.{name}");
                section.warn(&key, "has no effect: no provider claims this type");
            }
        }
    }
}

pub(super) const NOT_A_TYPE: &str = "a type is printable ASCII without spaces, and not \"*\"";

/// Whether `name` can be a token type as GitLab builds them.
pub(super) fn is_type(name: &str) -> bool {
    !name.is_empty()
        && name != "*"
        && name.len() <= 255
        && name.bytes().all(|b| b.is_ascii_graphic())
}

fn check_format(pattern: &str) -> Result<(), &'static str> {
    // The library's own text would span lines.
    Format::new(pattern).map(drop).map_err(|error| match error {
        FormatError::NotAnchored => "must be anchored: begin with ^ and end with $",
        FormatError::Syntax(_) => "must be a regular expression",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_an_anchored_pattern() {
        assert_eq!(check_format("^vnd_[a-z]{3}$"), Ok(()));
        for bad in ["", "^", "a", "^a", "a$", r"^a\$", "^($", "^a{1000000000}$"] {
            assert!(check_format(bad).is_err_and(|text| text.starts_with("must be")), "{bad}");
        }
    }

    #[test]
    fn what_ended_is_kept_for_a_month_at_least() {
        let read = |text: &str| Keep::read(&toml::Value::from(text)).ok().map(|keep| keep.0);
        assert_eq!(read("forever"), Some(None));
        assert_eq!(read("400d"), Some(Some(KEEP_ENDED)));
        for bad in ["30d", "0s", "1000000d", "never", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn odd_but_real_types_pass() {
        assert!(is_type("gitleaks_rule_id_google_(gcp)_service-account"));
        assert!(is_type("gitleaks_rule_id_hashicorp_terraform_user/org_api_token"));
        for bad in ["", "*", "a b", "a\n", "ä"] {
            assert!(!is_type(bad), "{bad:?}");
        }
    }
}
