//! `[gerrit]`: callers whose requests a Gerrit had signed.

use actix_web::http::header::HeaderName;
use portcullis_base::http::is_safe;
use portcullis_jwt_verify::GERRIT_HEADER;
use url::Url;

use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::server::CaFile;

/// Where Google publishes the certificates of its service accounts.
const CERTS: &str = "https://www.googleapis.com/robot/v1/metadata/x509/";

/// `[gerrit]`; off without the section.
#[derive(Debug, Clone)]
pub struct Gerrit {
    /// The header that holds the JWT.
    pub header: String,
    /// Google service accounts whose signatures are taken; their names are what `iss` has to be.
    pub signer_accounts: Vec<String>,
    /// `aud` has to be one of these.
    pub audiences: Vec<String>,
    /// Only changes of these hosts; empty: any.
    pub hosts: Vec<String>,
    /// Only changes of these repositories; empty: any.
    pub repositories: Vec<String>,
    /// Only changes of these numbers; empty: any.
    pub changes: Vec<i64>,
    /// The certificates of an account are at this address, with its name behind it.
    pub certs_url: Url,
    /// A private CA for that address, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

#[derive(PartialEq)]
struct Header(String);

impl Setting for Header {
    const WHAT: &'static str = "the name of a header";

    fn read(value: &toml::Value) -> Result<Self, String> {
        // What others read for their own purposes is not for a JWT alone.
        let taken = [
            "accept",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "forwarded",
            "host",
            "te",
            "transfer-encoding",
            "upgrade",
            "user-agent",
            "x-request-id",
        ];
        let of_proxies = ["x-auth-", "x-forwarded-"];
        parsed(value, "the name of a header that nothing else uses", |text| {
            let name: HeaderName = text.parse().ok()?;
            let free = !taken.contains(&name.as_str())
                && !of_proxies.iter().any(|prefix| name.as_str().starts_with(prefix));
            free.then(|| Self(text.to_owned()))
        })
    }
}

impl Gerrit {
    /// `None` only with a problem noted.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let Header(header) = section.or("header", Header(GERRIT_HEADER.to_owned()));
        let signer_accounts = signers(section);
        let audiences = audiences(section);
        let hosts = names(section, "hosts");
        let repositories = names(section, "repositories");
        let changes = changes(section);
        let certs_url = section.or("certs_url", Url::parse(CERTS).ok()?);
        if !is_safe(&certs_url) {
            section.problem("certs_url", "must be an https URL");
        }
        let ca_file = CaFile::read(section);
        Some(Self {
            header,
            signer_accounts,
            audiences,
            hosts,
            repositories,
            changes,
            certs_url,
            ca_file,
        })
    }
}

/// An empty list limits nothing, so an empty name in one is a mistake that would let nobody in.
fn names(section: &mut Section<'_>, key: &str) -> Vec<String> {
    let all = section.or_list::<String>(key, Vec::new());
    if all.iter().any(String::is_empty) {
        section.problem(key, "has an empty name");
    }
    all
}

/// A token that names no change says 0, so 0 would let every such token in.
fn changes(section: &mut Section<'_>) -> Vec<i64> {
    let all = section.or_list::<u64>("changes", Vec::new());
    // None is left out: an empty list limits nothing.
    let counted: Option<Vec<i64>> =
        all.into_iter().map(|number| number.try_into().ok().filter(|number| *number > 0)).collect();
    counted.unwrap_or_else(|| {
        section.problem("changes", "must be numbers of changes, which are counted from 1");
        Vec::new()
    })
}

fn signers(section: &mut Section<'_>) -> Vec<String> {
    let given = section.has("signer_accounts");
    let all: Vec<String> = section.list("signer_accounts").unwrap_or_default();
    if !given {
        section.problem("signer_accounts", "is required");
    } else if all.is_empty() {
        section.problem("signer_accounts", "must name at least one account");
    }
    for (i, account) in all.iter().enumerate() {
        let key = format!("signer_accounts[{i}]");
        if !is_account(account) {
            section
                .problem(&key, "must be a service account, name@project.iam.gserviceaccount.com");
        } else if all[..i].contains(account) {
            section.problem(&key, "named twice");
        }
    }
    all
}

/// Google publishes certificates for these alone; and the name becomes a part of an address.
fn is_account(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    name.split_once('@').is_some_and(|(user, domain)| {
        let both = [user, domain].iter().all(|part| !part.is_empty() && part.bytes().all(plain));
        both && domain.ends_with(".gserviceaccount.com")
    })
}

fn audiences(section: &mut Section<'_>) -> Vec<String> {
    let given = section.has("audience");
    let all: Vec<String> = section.one_or_list("audience").unwrap_or_default();
    if !given {
        section.problem("audience", "is required");
    } else if all.is_empty() || all.iter().any(String::is_empty) {
        section.problem("audience", "must be one audience or a list of them, and none empty");
    }
    all
}
