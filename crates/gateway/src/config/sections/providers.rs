//! `[[revocation.providers]]`: who is asked to kill a secret of a type.

mod gitlab;
mod http;
mod partner;

use std::collections::BTreeMap;

use portcullis_base::http::is_safe;
use portcullis_revocation::formats::{DOCTOR_TYPE, Format, NOTED_TYPES, PAT_TYPE};
use portcullis_revocation::gitlab::GitlabProvider;
use portcullis_revocation::intake::OWN_PROVIDER;
use portcullis_revocation::issuance::LENT_PROVIDER;
use url::Url;

use super::super::section::Section;
use super::revocation::{NOT_A_TYPE, is_type};

pub use gitlab::Gitlab;
pub use http::Vendor;
pub use partner::Partner;

/// Names that rows of the queue have for other reasons.
const RESERVED: [&str; 6] =
    [OWN_PROVIDER, GitlabProvider::NAME, LENT_PROVIDER, NOTIFY, "oidc_proxy", "none"];

/// The provider of what nobody revokes.
pub(crate) const NOTIFY: &str = "notify";

/// One provider.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Our own tokens.
    Portcullis {
        /// The types by which reporters call them.
        types: Vec<String>,
    },
    /// A GitLab instance.
    Gitlab(Gitlab),
    /// A vendor who revokes by one request.
    Http(Box<Vendor>),
    /// A vendor who is told.
    Partner(Box<Partner>),
    /// Nobody: people are told.
    Notify {
        /// The types of which they are told.
        types: Vec<String>,
    },
}

impl Provider {
    /// The types that this provider claims.
    pub fn types(&self) -> &[String] {
        match self {
            Self::Portcullis { types } | Self::Notify { types } => types,
            Self::Gitlab(gitlab) => &gitlab.types,
            Self::Http(vendor) => &vendor.types,
            Self::Partner(partner) => &partner.types,
        }
    }

    /// The format that secrets of this type have, where the configuration does not say it.
    pub fn built_in_format(&self, token_type: &str) -> Option<Format> {
        match self {
            Self::Portcullis { .. } => None,
            Self::Gitlab(_) | Self::Partner(_) => Format::built_in(token_type),
            Self::Http(vendor) => vendor.format(token_type),
            Self::Notify { .. } => Format::any().ok(),
        }
    }
}

/// Reads all providers; our own is added in front where the file does not name it.
/// `formats` are those that the configuration says.
pub(super) fn read(section: &mut Section<'_>, formats: &BTreeMap<String, String>) -> Vec<Provider> {
    let read_one = |section: &mut Section<'_>| read_one(section, formats);
    let read = section.tables("providers", read_one).into_iter().enumerate();
    let mut all: Vec<(String, Provider)> =
        read.filter_map(|(i, one)| Some((format!("providers[{i}]"), one?))).collect();
    if !all.iter().any(|(_, p)| matches!(p, Provider::Portcullis { .. })) {
        let own = Provider::Portcullis { types: vec![PAT_TYPE.to_owned()] };
        all.insert(0, ("the built-in provider".to_owned(), own));
    }
    check_names(section, &all);
    check_claims(section, &all);
    all.into_iter().map(|(_, provider)| provider).collect()
}

fn read_one(section: &mut Section<'_>, formats: &BTreeMap<String, String>) -> Option<Provider> {
    let kind: String = section.required("kind")?;
    match kind.as_str() {
        "portcullis" => Some(Provider::Portcullis { types: types(section, &[PAT_TYPE]) }),
        "gitlab" => gitlab::read(section).map(Provider::Gitlab),
        "http" => http::read(section, formats).map(|vendor| Provider::Http(Box::new(vendor))),
        "partner" => partner::read(section).map(|one| Provider::Partner(Box::new(one))),
        "notify" => Some(Provider::Notify { types: types(section, &NOTED_TYPES) }),
        _ => {
            let kinds = "\"portcullis\", \"gitlab\", \"http\", \"partner\" or \"notify\"";
            section.problem("kind", format!("must be {kinds}"));
            section.ignore_rest();
            None
        }
    }
}

/// Warns where secrets would travel in the clear.
fn warn_unencrypted(section: &mut Section<'_>, key: &str, url: &Url) {
    if !is_safe(url) {
        section.warn(key, "tokens travel to it unencrypted: use https");
    }
}

fn check_name(section: &mut Section<'_>, name: &str) {
    if name.is_empty() || name.len() > 255 || !name.bytes().all(|b| b.is_ascii_graphic()) {
        section.problem("name", "must be printable ASCII without spaces, and not empty");
    }
}

fn name_of(url: &Url) -> String {
    format!("{}{}", host_of(url), url.path().trim_end_matches('/'))
}

/// What a vendor is called: what waits for it waits under this name, also while its path is mended.
fn host_of(url: &Url) -> String {
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

fn types(section: &mut Section<'_>, default: &[&str]) -> Vec<String> {
    let given = section.list::<String>("types");
    let types = given.unwrap_or_else(|| default.iter().map(ToString::to_string).collect());
    if types.is_empty() {
        section.problem("types", "must name at least one type, or be left out");
    }
    for (i, name) in types.iter().enumerate() {
        let key = format!("types[{i}]");
        if !is_type(name) {
            section.problem(&key, NOT_A_TYPE);
        } else if name == DOCTOR_TYPE {
            section.problem(
                &key,
                "is the gateway's own, for `portcullis doctor`: no provider is asked",
            );
        } else if types[..i].contains(name) {
            section.problem(&key, "named twice");
        }
    }
    types
}

/// One name each, and our own provider once.
fn check_names(section: &mut Section<'_>, providers: &[(String, Provider)]) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (at, provider) in providers {
        let (key, name) = match provider {
            Provider::Portcullis { .. } => ("kind", "portcullis"),
            Provider::Notify { .. } => ("kind", NOTIFY),
            Provider::Gitlab(gitlab) => ("name", gitlab.name.as_str()),
            Provider::Http(vendor) => ("name", vendor.name.as_str()),
            Provider::Partner(partner) => ("name", partner.name.as_str()),
        };
        if let Some(first) = seen.insert((key, name), at) {
            section.problem(&format!("{at}.{key}"), format!("the same as that of {first}"));
        }
    }
}

/// One claimant per type, except several instances of GitLab.
fn check_claims(section: &mut Section<'_>, providers: &[(String, Provider)]) {
    let mut claims: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for (at, provider) in providers {
        let shares = matches!(provider, Provider::Gitlab(_));
        for name in provider.types() {
            let (first, first_shares) = *claims.entry(name).or_insert((at, shares));
            if first != at && !(shares && first_shares) {
                let problem = format!("{name} is claimed by {first} already");
                section.problem(&format!("{at}.types"), problem);
            }
        }
    }
}
