//! `[oidc_proxy]`: tokens of a private issuer, signed anew by one that the world can see.

mod claims;
mod issuer;
mod keys;
mod signing;
mod upstream;

use std::path::PathBuf;
use std::time::Duration;

use portcullis_jwt_verify::rules::Rules;
use portcullis_oidc_proxy::IssuerName;
use portcullis_oidc_proxy::keyring::Signing;
use portcullis_oidc_proxy::subject::Template;

pub(crate) use issuer::is_issuer;
pub(crate) use keys::KeySettings;
pub use upstream::OidcUpstream;

use super::super::section::{Section, shown};
use super::super::setting::Setting;
use super::intake::Mount;
use super::server::Server;

const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);

/// `[oidc_proxy]`; off without the section.
#[derive(Debug, Clone)]
pub struct OidcProxy {
    /// The path under which the endpoints live: `/`, or `/a/b` without a final slash.
    pub mount: String,
    /// How the issuer is called.
    pub issuer: IssuerName,
    /// Where our keys are.
    pub jwks_file: PathBuf,
    /// Which of them signs by which algorithm.
    pub signing: Signing,
    /// Whose tokens are signed anew, each of another issuer.
    pub upstreams: Vec<OidcUpstream>,
    /// Claims that are taken over.
    pub clone_upstream_claims: Vec<String>,
    /// Whom tokens may be for; anybody where nothing is said.
    pub audiences: Option<Vec<String>>,
    /// Which tokens are signed anew; all where there are none.
    pub rules: Rules<()>,
    /// How `sub` is composed.
    pub subject: Option<Template>,
    /// The longest life of a token of ours.
    pub max_lifetime: Option<Duration>,
    /// Whether tokens of ours have a `jti`.
    pub token_id: bool,
    /// Whether an upstream token is good for one of ours only.
    pub once: bool,
    /// For how long others may keep our discovery document and our public keys.
    pub cache_max_age: Duration,
}

impl OidcProxy {
    /// `None` only with a problem noted, or where `server` has one.
    pub(super) fn read(section: &mut Section<'_>, server: Option<&Server>) -> Option<Self> {
        let Mount(mount) = section.or("mount", Mount("/".to_owned()));
        let issuer = issuer::read(section, &mount, server);
        let (jwks_file, signing) = signing::read(section);
        let upstreams = upstream::read(section);
        let token_id = section.or("token_id", false);
        // One that is broken is there all the same.
        let composed = section.has("subject");
        let subject = claims::read_subject(section);
        let cloned = claims::read_cloned(section, composed, token_id);
        if upstreams.len() > 1 {
            claims::warn_of_namesakes(section, subject.as_ref(), &cloned);
        }
        claims::check_issuers(section, subject.as_ref(), &upstreams);
        let audiences = claims::read_audiences(section);
        let rules = claims::read_rules(section);
        let max_lifetime = read_max_lifetime(section);
        let once = section.or("once", false);
        let cache_max_age = read_cache_max_age(section);
        Some(Self {
            mount,
            issuer: issuer?,
            jwks_file: jwks_file?,
            signing: signing?,
            upstreams,
            clone_upstream_claims: cloned,
            audiences,
            rules,
            subject,
            max_lifetime,
            token_id,
            once,
            cache_max_age,
        })
    }
}

fn read_max_lifetime(section: &mut Section<'_>) -> Option<Duration> {
    section.optional::<Seconds>("max_lifetime").map(|Seconds(longest)| {
        let second = Duration::from_secs(1);
        section.inside("max_lifetime", longest, second..=YEAR, shown)
    })
}

fn read_cache_max_age(section: &mut Section<'_>) -> Duration {
    seconds(section, "cache_max_age", 300, Duration::ZERO..=DAY)
}

/// A duration with its unit, or a whole number of seconds as `oidc-token-proxy` has it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seconds(Duration);

impl Setting for Seconds {
    const WHAT: &'static str = "a duration, or seconds";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let whole = u64::read(value).map(Duration::from_secs);
        whole.or_else(|_| Duration::read(value)).map(Self).map_err(|_| {
            "must be a duration with its unit, such as \"30s\", or a number of seconds".to_owned()
        })
    }
}

/// A duration with a default, inside `range`.
fn seconds(
    section: &mut Section<'_>,
    key: &str,
    default: u64,
    range: std::ops::RangeInclusive<Duration>,
) -> Duration {
    let Seconds(value) = section.or(key, Seconds(Duration::from_secs(default)));
    section.inside(key, value, range, shown)
}
