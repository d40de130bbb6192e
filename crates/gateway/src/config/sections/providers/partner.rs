//! `kind = "partner"`: a vendor who is told of leaks by GitLab's partner protocol.

use std::path::PathBuf;

use portcullis_base::http::is_safe;
use portcullis_base::secret::ExposeSecret as _;
use portcullis_revocation::http::Rate;
use portcullis_revocation::partner::{PublicKey, SigningKey};
use url::Url;

use super::super::super::files;
use super::super::super::section::Section;
use super::super::server::CaFile;
use super::http::rate;
use super::{RESERVED, check_name, host_of, types};

/// A vendor who is told.
#[derive(Debug, Clone)]
pub struct Partner {
    /// What it is called in records and metrics, and under what secrets wait for it: its host where nothing is said.
    pub name: String,
    /// Where it takes reports.
    pub url: Url,
    /// The types that it is told of.
    pub types: Vec<String>,
    /// What its reports are signed with.
    pub key: SigningKey,
    /// What they were signed with before, still published.
    pub previous: Vec<PublicKey>,
    /// How many requests it takes.
    pub rate: Option<Rate>,
    /// A private CA for this vendor, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

pub(super) fn read(section: &mut Section<'_>) -> Option<Partner> {
    if !section.has("types") {
        section.problem("types", "is required: a vendor is told of its own tokens only");
    }
    let types = if section.has("types") { types(section, &[]) } else { Vec::new() };
    let name: Option<String> = section.optional("name");
    let ca_file = CaFile::read(section);
    let rate = rate(section);
    let (key, previous) = (signing_key(section), previous_keys(section));
    let url = read_url(section);
    let name = name.or_else(|| url.as_ref().map(host_of));
    if let Some(name) = &name {
        check_name(section, name);
        if RESERVED.contains(&name.as_str()) {
            section.problem("name", "is reserved: give it another name");
        }
    }
    Some(Partner { name: name?, url: url?, types, key: key?, previous, rate, ca_file })
}

/// `None` only with a problem noted.
fn read_url(section: &mut Section<'_>) -> Option<Url> {
    let url: Url = section.required("url")?;
    if !is_safe(&url) || !url.has_host() {
        section.problem("url", "must be an https URL: leaked secrets travel to it");
    } else if !url.username().is_empty() || url.password().is_some() {
        section.problem("url", "must not hold a user or a password: the signature says who we are");
    }
    Some(url)
}

/// `None` only with a problem noted.
fn signing_key(section: &mut Section<'_>) -> Option<SigningKey> {
    let key = if section.has("signing_key") { "signing_key" } else { "signing_key_file" };
    if !section.has(key) {
        section.problem(key, "is required (or signing_key): openssl makes one");
    }
    let pem = section.secret("signing_key")?;
    let read = SigningKey::from_pem(pem.expose_secret().as_bytes());
    read.map_err(|error| section.problem(key, error.to_string())).ok()
}

fn previous_keys(section: &mut Section<'_>) -> Vec<PublicKey> {
    let paths: Vec<PathBuf> = section.list("previous_key_files").unwrap_or_default();
    let read = |(i, path): (usize, PathBuf)| {
        let at = format!("previous_key_files[{i}]");
        let file = match files::read_small(&path) {
            Ok(file) => file,
            Err(error) => {
                // Not the path: a key may stand there by mistake.
                section.problem(&at, format!("cannot read the file: {error}"));
                return None;
            }
        };
        if file.exposed && SigningKey::from_pem(&file.bytes).is_ok() {
            section
                .warn(&at, "others on this machine can read the private key in it; chmod 600 it");
        }
        PublicKey::from_pem(&file.bytes)
            .map_err(|error| section.problem(&at, error.to_string()))
            .ok()
    };
    paths.into_iter().enumerate().filter_map(read).collect()
}
