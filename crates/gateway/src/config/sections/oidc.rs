//! `[[auth.oidc]]`: OIDC providers whose tokens pass at `/auth`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis_base::SystemClock;
use portcullis_base::http::is_safe;
use portcullis_jwt_verify::sources::JwksFile;
use url::Url;

use super::super::section::Section;
use super::server::CaFile;

/// The longest issuer, in bytes: it becomes a part of every identity.
const LONGEST: usize = 512;

/// An OIDC provider.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// `aud` has to be, or have, one of these.
    pub audiences: Vec<String>,
    /// Whether its `email` counts although `email_verified` does not say so.
    pub trust_email: bool,
    /// A private CA for it, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

/// Where somebody's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// Where the discovery document of this authority says (OIDC Discovery 1.0, section 4).
    Discovery(String),
    /// A JWK set at this address.
    Url(Url),
    /// A JWK set in this file, read again when it changes.
    File(PathBuf),
}

/// Reads all of them.
pub(super) fn read(section: &mut Section<'_>) -> Vec<Oidc> {
    let all = section.tables("oidc", read_one);
    let mut seen = BTreeMap::new();
    for (i, one) in all.iter().enumerate() {
        let Some(one) = one else { continue };
        if let Some(first) = seen.insert(&one.issuer, i) {
            let problem = format!("the same as that of oidc[{first}]");
            section.problem(&format!("oidc[{i}].issuer"), problem);
        }
    }
    all.into_iter().flatten().collect()
}

fn read_one(section: &mut Section<'_>) -> Option<Oidc> {
    let issuer: Option<String> = section.required("issuer");
    check_issuer(section, "issuer", issuer.as_deref());
    let keys = read_keys(section, issuer.as_deref());
    let audiences = read_audiences(section, "is required");
    let trust_email = section.or("trust_email", false);
    let ca_file = CaFile::read(section);
    Some(Oidc { issuer: issuer?, keys: keys?, audiences, trust_email, ca_file })
}

/// Whom tokens are for; `missing` is said where nobody is named.
pub(super) fn read_audiences(section: &mut Section<'_>, missing: &str) -> Vec<String> {
    let given = section.has("audiences");
    let audiences = section.list::<String>("audiences").unwrap_or_default();
    if !given {
        section.problem("audiences", missing);
    } else if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        section.problem("audiences", "must name at least one audience, and none that is empty");
    }
    audiences
}

pub(super) fn check_issuer(section: &mut Section<'_>, key: &str, issuer: Option<&str>) {
    // A `#` ends the issuer in an identity.
    let fits = |b: u8| b.is_ascii_graphic() && b != b'#';
    let good = |text: &str| (1..=LONGEST).contains(&text.len()) && text.bytes().all(fits);
    if !issuer.is_none_or(good) {
        section.problem(key, "must be 1 to 512 visible ASCII characters without '#'");
    }
}

/// Where the keys of `issuer` are; they are discovered at it where nothing else is said. `None` only
/// without an issuer, or with a problem noted.
pub(super) fn read_keys(section: &mut Section<'_>, issuer: Option<&str>) -> Option<KeysFrom> {
    let keys = ["authority", "jwks_url", "jwks_file"];
    let given: Vec<&str> = keys.into_iter().filter(|key| section.has(key)).collect();
    let authority = section.optional::<String>("authority").map(KeysFrom::Discovery);
    let url = section.optional::<Url>("jwks_url").map(KeysFrom::Url);
    let file = section.optional::<PathBuf>("jwks_file").map(KeysFrom::File);
    match given[..] {
        [] => check_authority(section, "issuer", issuer?),
        ["authority"] => match authority? {
            KeysFrom::Discovery(authority) => check_authority(section, "authority", &authority),
            other @ (KeysFrom::Url(_) | KeysFrom::File(_)) => Some(other),
        },
        ["jwks_url"] => url.filter(|keys| check_url(section, keys)),
        ["jwks_file"] => file.filter(|keys| check_file(section, keys)),
        [.., last] => {
            section.problem(last, "authority, jwks_url and jwks_file: only one of them");
            None
        }
    }
}

fn check_authority(section: &mut Section<'_>, key: &str, authority: &str) -> Option<KeysFrom> {
    if is_authority(authority) {
        return Some(KeysFrom::Discovery(authority.to_owned()));
    }
    let mut problem = "must be an https URL, since keys are discovered there".to_owned();
    if key == "issuer" {
        problem += "; or give authority, jwks_url or jwks_file";
    }
    section.problem(key, problem);
    None
}

/// Whether keys can be discovered there.
pub(in super::super) fn is_authority(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    plain
        && Url::parse(text).is_ok_and(|url| {
            let anonymous = url.username().is_empty() && url.password().is_none();
            let whole = url.query().is_none() && url.fragment().is_none();
            anonymous && whole && url.has_host() && is_safe(&url)
        })
}

fn check_url(section: &mut Section<'_>, keys: &KeysFrom) -> bool {
    let safe = !matches!(keys, KeysFrom::Url(url) if !is_safe(url));
    if !safe {
        section.problem("jwks_url", "must be an https URL");
    }
    safe
}

fn check_file(section: &mut Section<'_>, keys: &KeysFrom) -> bool {
    let KeysFrom::File(path) = keys else { return true };
    // As the start opens it, so that neither takes what the other refuses.
    let Err(error) = JwksFile::open(path, Arc::new(SystemClock)) else { return true };
    let problem = format!("{}: {error}", path.display());
    section.problem("jwks_file", problem);
    false
}
