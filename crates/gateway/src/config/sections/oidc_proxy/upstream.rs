//! Whose tokens are signed anew: the first one in the section itself, more in `upstreams`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis_base::SystemClock;
use portcullis_base::http::is_safe;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_jwt_verify::sources::JwksFile;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::super::super::section::Section;
use super::super::oidc::{KeysFrom, is_authority};
use super::super::server::CaFile;
use super::{DAY, seconds};

/// The keys of the section itself that tell of its own upstream.
const OWN: [&str; 8] = [
    "upstream_issuer",
    "upstream_authority",
    "upstream_jwks_uri",
    "upstream_jwks_file",
    "upstream_jwks_cache_max_age",
    "upstream_timeout",
    "extra_request_headers",
    "ca_file",
];
const LONGEST: usize = 512;

/// An issuer whose tokens are signed anew.
#[derive(Debug, Clone)]
pub struct OidcUpstream {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// How long its keys are kept at the most.
    pub keys_max_age: Duration,
    /// How long fetching them may take.
    pub timeout: Duration,
    /// Headers of the requests for them.
    pub headers: Vec<(HeaderName, SecretString)>,
    /// A private CA for it, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

/// Reads all of them.
pub(super) fn read(section: &mut Section<'_>) -> Vec<OidcUpstream> {
    let own = !section.has("upstreams") || OWN.iter().any(|key| section.has(key));
    let mut all = Vec::new();
    if own {
        all.push(("upstream_issuer".to_owned(), read_one(section, "upstream_")));
    }
    let more = section.tables("upstreams", |section| read_one(section, ""));
    all.extend(
        more.into_iter().enumerate().map(|(i, one)| (format!("upstreams[{i}].issuer"), one)),
    );
    let mut seen = BTreeMap::new();
    for (key, one) in &all {
        let Some(one) = one else { continue };
        if let Some(first) = seen.insert(&one.issuer, key) {
            section.problem(key, format!("the same as {first}"));
        }
    }
    all.into_iter().filter_map(|(_, one)| one).collect()
}

fn read_one(section: &mut Section<'_>, prefix: &str) -> Option<OidcUpstream> {
    let key = |name: &str| format!("{prefix}{name}");
    let issuer: Option<String> = section.required(&key("issuer"));
    let issuer = issuer.filter(|issuer| {
        let fits =
            (1..=LONGEST).contains(&issuer.len()) && issuer.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            section.problem(&key("issuer"), "must be 1 to 512 visible ASCII characters");
        }
        fits
    });
    let keys = read_keys(section, prefix, issuer.as_deref());
    let second = Duration::from_secs(1);
    let keys_max_age = seconds(section, &key("jwks_cache_max_age"), 300, second..=DAY);
    let timeout = seconds(section, &key("timeout"), 30, second..=Duration::from_mins(5));
    let headers = section.table("extra_request_headers", read_headers).unwrap_or_default();
    let ca_file = CaFile::read(section);
    Some(OidcUpstream { issuer: issuer?, keys: keys?, keys_max_age, timeout, headers, ca_file })
}

/// A file wins over an address, an address over discovery. `None` only with a problem noted, or where
/// nothing is said and there is no issuer.
fn read_keys(section: &mut Section<'_>, prefix: &str, issuer: Option<&str>) -> Option<KeysFrom> {
    let [file_key, uri_key, authority_key] =
        ["jwks_file", "jwks_uri", "authority"].map(|name| format!("{prefix}{name}"));
    let given = [&file_key, &uri_key, &authority_key].map(|key| section.has(key));
    let file = section.optional::<PathBuf>(&file_key).filter(|path| {
        // As the start opens it, so that neither takes what the other refuses.
        let opened = JwksFile::open(path, Arc::new(SystemClock));
        if let Err(error) = &opened {
            section.problem(&file_key, format!("{}: {error}", path.display()));
        }
        opened.is_ok()
    });
    let uri = section.optional::<Url>(&uri_key).filter(|url| {
        if !is_safe(url) {
            section.problem(&uri_key, "must be an https URL");
        }
        is_safe(url)
    });
    let authority = section.optional::<String>(&authority_key).filter(|authority| {
        if !is_authority(authority) {
            section.problem(&authority_key, "must be an https URL");
        }
        is_authority(authority)
    });
    match given {
        [true, ..] => file.map(KeysFrom::File),
        [_, true, _] => uri.map(KeysFrom::Url),
        [_, _, true] => authority.map(KeysFrom::Discovery),
        [false, false, false] if is_authority(issuer?) => {
            issuer.map(|issuer| KeysFrom::Discovery(issuer.to_owned()))
        }
        [false, false, false] => {
            let problem = format!(
                "must be an https URL, since keys are discovered there; or give {authority_key}, \
                 {uri_key} or {file_key}"
            );
            section.problem(&format!("{prefix}issuer"), problem);
            None
        }
    }
}

/// Their values may be credentials: each is a secret, and may stand in a file.
fn read_headers(section: &mut Section<'_>) -> Vec<(HeaderName, SecretString)> {
    let mut headers = Vec::new();
    let bare = |name: &String| name.strip_suffix("_file").unwrap_or(name).to_owned();
    for name in section.names().iter().map(bare).collect::<BTreeSet<String>>() {
        let Some(value) = section.secret(&name) else { continue };
        let header = name.parse::<HeaderName>();
        let fits = HeaderValue::from_str(value.expose_secret()).is_ok();
        match header {
            Ok(header) if fits => headers.push((header, value)),
            Ok(_) => section.problem(&name, "must be a value that a header can have"),
            Err(_) => section.problem(&name, "is no name that a header can have"),
        }
    }
    headers
}
