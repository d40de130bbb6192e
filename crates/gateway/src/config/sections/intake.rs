//! `[revocation_api]`: who may report leaks, and how much.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use portcullis_base::secret::{ExposeSecret as _, SecretString, same};
use portcullis_revocation::issuance::LENT_PROVIDER;
use portcullis_revocation_api::partners::Programme;

use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::jobs::Jobs;
use super::revocation::is_type;
use crate::revocations::ADMIN_REPORTER;

/// `[revocation_api]`
#[derive(Debug, Clone)]
pub struct RevocationApi {
    /// The path under which the endpoints live: `/`, or `/a/b` without a final slash.
    pub mount: String,
    /// Items per commit; a larger body is committed in chunks.
    pub max_batch: usize,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// With more secrets than this waiting, reports are answered 429.
    pub max_waiting: u64,
    /// Who may report. Never empty in a [`Loaded`](crate::config::Loaded).
    pub clients: Vec<Client>,
    /// `[revocation_api.jobs]`, where it is there.
    pub jobs: Option<Jobs>,
}

/// A reporter.
#[derive(Debug, Clone)]
pub struct Client {
    /// What it is called in records and metrics.
    pub name: String,
    /// What it shows in `Authorization`.
    pub token: SecretString,
    /// The types that it may report; `*` stands for all.
    pub types: Vec<String>,
    /// How often it may call.
    pub rate_limit: RateLimit,
}

/// Requests of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per second, in the long run.
    pub per_second: u32,
    /// Requests at once, after a rest.
    pub burst: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 50, burst: 100 }
    }
}

/// The path under which a surface lives.
#[derive(PartialEq)]
pub(super) struct Mount(pub(super) String);

impl Setting for Mount {
    const WHAT: &'static str = "a path in URLs";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let fits = |part: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            !matches!(part, "" | "." | "..") && part.bytes().all(plain)
        };
        parsed(value, "\"/\", or a path such as \"/leaks\" without a final slash", |text| {
            let rest = text.strip_prefix('/')?;
            (rest.is_empty() || rest.split('/').all(fits)).then(|| Self(text.to_owned()))
        })
    }
}

impl RevocationApi {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let mount = section.or("mount", Mount("/".to_owned())).0;
        let max_batch = size(section.number("max_batch", 10_000, 1..=100_000));
        let max_body = section.or("max_body", ByteSize::mib(64));
        let bounds = ByteSize::kib(1)..=ByteSize::gib(1);
        let max_body = section.inside("max_body", max_body, bounds, ByteSize::to_string);
        let max_waiting = section.number("max_waiting", 1_000_000, 1..=1_000_000_000);
        let clients = section.tables("clients", Client::read);
        check(section, &clients);
        let clients = clients.into_iter().flatten().collect();
        let jobs = section.has("jobs").then(|| section.table("jobs", Jobs::read));
        let jobs = jobs.flatten().flatten();
        Self { mount, max_batch, max_body: size(max_body.as_u64()), max_waiting, clients, jobs }
    }
}

impl Client {
    /// The client that stands where the file names none.
    pub(crate) fn by_default(token: SecretString) -> Self {
        let (name, types) = ("gitlab".to_owned(), vec!["*".to_owned()]);
        Self { name, token, types, rate_limit: RateLimit::default() }
    }

    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name: Option<String> = section.required("name");
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            section.problem("name", "must be 1 to 64 letters, digits, '-', '_' or '.'");
        } else if name.as_deref().is_some_and(is_taken) {
            section.problem("name", "is the name of another way in: sightings would be mixed up");
        }
        let given = section.has("token") || section.has("token_file");
        let token = section.token("token");
        if !given {
            section.problem("token", "is required (or token_file)");
        }
        let types = read_types(section);
        let rate_limit = RateLimit::read(section, "rate_limit", RateLimit::default());
        Some(Self { name: name?, token: token?, types, rate_limit })
    }
}

impl RateLimit {
    /// Reads the table `key`, each of whose numbers has a default.
    pub(super) fn read(section: &mut Section<'_>, key: &str, default: Self) -> Self {
        let read = |section: &mut Section<'_>| {
            let mut limit = |key, default| {
                let value = section.number(key, u64::from(default), 1..=1_000_000);
                u32::try_from(value).unwrap_or(default)
            };
            Self {
                per_second: limit("per_second", default.per_second),
                burst: limit("burst", default.burst),
            }
        };
        section.table(key, read).unwrap_or(default)
    }
}

/// What may be reported.
pub(super) fn read_types(section: &mut Section<'_>) -> Vec<String> {
    let types = section.or_list("types", vec!["*".to_owned()]);
    if types.is_empty() || types.iter().any(|name| name != "*" && !is_type(name)) {
        section.problem("types", "must be [\"*\"] or a list of types, not empty");
    }
    types
}

pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether reports that come another way are kept under this name.
fn is_taken(name: &str) -> bool {
    [ADMIN_REPORTER, LENT_PROVIDER].contains(&name)
        || Programme::ALL.iter().any(|programme| programme.reporter() == name)
}

/// Two clients with one name could not be told apart in records, with one token not at all.
fn check(section: &mut Section<'_>, clients: &[Option<Client>]) {
    let mut names = BTreeMap::new();
    for (i, client) in clients.iter().enumerate() {
        let Some(client) = client else { continue };
        if let Some(first) = names.insert(&client.name, i) {
            let problem = format!("the same as that of clients[{first}]");
            section.problem(&format!("clients[{i}].name"), problem);
        }
        let secret = client.token.expose_secret().as_bytes();
        let equal = |c: &Client| same(c.token.expose_secret().as_bytes(), secret);
        if let Some(first) = clients[..i].iter().position(|c| c.as_ref().is_some_and(equal)) {
            let problem = format!("the same as that of clients[{first}]");
            section.problem(&format!("clients[{i}].token"), problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_a_plain_path() {
        for (text, good) in [
            ("/", true),
            ("/leaks", true),
            ("/a/b.c~d", true),
            ("", false),
            ("leaks", false),
            ("/a/", false),
            ("//", false),
            ("/a/../b", false),
            ("/{id}", false),
            ("/a b", false),
        ] {
            assert_eq!(Mount::read(&toml::Value::from(text)).is_ok(), good, "{text}");
        }
    }
}
