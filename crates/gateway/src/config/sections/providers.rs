//! `[[revocation.providers]]`: who is asked to kill a secret of a type.

use std::collections::BTreeMap;

use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::{DOCTOR_TYPE, GITLAB_TYPES, PAT_TYPE, needs_administrator};
use url::Url;

use super::super::section::Section;
use super::revocation::{NOT_A_TYPE, is_type};
use super::server::CaFile;

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
}

impl Provider {
    /// The types that this provider claims.
    pub fn types(&self) -> &[String] {
        match self {
            Self::Portcullis { types } => types,
            Self::Gitlab(gitlab) => &gitlab.types,
        }
    }
}

/// A GitLab instance.
#[derive(Debug, Clone)]
pub struct Gitlab {
    /// What it is called in records and metrics; its host and path where nothing is said.
    pub name: String,
    /// Its root, without a final slash.
    pub url: Url,
    /// The types that it is asked about.
    pub types: Vec<String>,
    /// A token of an administrator, for tokens that cannot revoke themselves.
    pub admin_token: Option<SecretString>,
    /// A private CA for this instance, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

/// Reads all providers; our own is added in front where the file does not name it.
pub(super) fn read(section: &mut Section<'_>) -> Vec<Provider> {
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

fn read_one(section: &mut Section<'_>) -> Option<Provider> {
    let kind: String = section.required("kind")?;
    match kind.as_str() {
        "portcullis" => Some(Provider::Portcullis { types: types(section, &[PAT_TYPE]) }),
        "gitlab" => read_gitlab(section).map(Provider::Gitlab),
        "http" | "partner" => {
            section.problem("kind", format!("this version does not know the kind \"{kind}\""));
            section.ignore_rest();
            None
        }
        _ => {
            section.problem("kind", "must be \"portcullis\" or \"gitlab\"");
            section.ignore_rest();
            None
        }
    }
}

fn read_gitlab(section: &mut Section<'_>) -> Option<Gitlab> {
    let types = types(section, &GITLAB_TYPES);
    let admin_token = admin_token(section, &types);
    let name: Option<String> = section.optional("name");
    let ca_file = CaFile::read(section);
    let url: Url = section.required("url")?;
    if url.scheme() == "http" && !is_loopback(&url) {
        section.warn("url", "tokens travel to this GitLab unencrypted: use https");
    }
    let name = name.unwrap_or_else(|| name_of(&url));
    if name.is_empty() || name.len() > 255 || !name.bytes().all(|b| b.is_ascii_graphic()) {
        section.problem("name", "must be printable ASCII without spaces, and not empty");
    }
    Some(Gitlab { name, url, types, admin_token, ca_file })
}

fn admin_token(section: &mut Section<'_>, types: &[String]) -> Option<SecretString> {
    let given = section.has("admin_token") || section.has("admin_token_file");
    let token = section.token("admin_token");
    let helpless = types.iter().position(|name| needs_administrator(name));
    if let (false, Some(i)) = (given, helpless) {
        let problem = "is required (or admin_token_file): tokens of this type cannot revoke \
                       themselves: ";
        section.problem("admin_token", format!("{problem}{}", types[i]));
    }
    token
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

fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{host}{port}{}", url.path().trim_end_matches('/'))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// One name each, and our own provider once.
fn check_names(section: &mut Section<'_>, providers: &[(String, Provider)]) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (at, provider) in providers {
        let (key, name) = match provider {
            Provider::Portcullis { .. } => ("kind", "portcullis"),
            Provider::Gitlab(gitlab) => ("name", gitlab.name.as_str()),
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
