//! `kind = "http"`: a vendor who revokes a secret by one request, by a preset or described here.

mod described;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_base::secret::SecretString;
use portcullis_revocation::formats::Format;
use portcullis_revocation::http::presets::Preset;
use portcullis_revocation::http::{Call, CallError, Description, Rate};
use url::Url;

use super::super::super::section::Section;
use super::super::server::CaFile;
use super::{RESERVED, check_name, host_of, types, warn_unencrypted};

const SECOND: Duration = Duration::from_secs(1);

/// A vendor.
#[derive(Debug, Clone)]
pub struct Vendor {
    /// What it is called in records and metrics: the preset's name or the host where nothing is said.
    pub name: String,
    /// The types whose secrets it is sent.
    pub types: Vec<String>,
    /// What it is sent.
    pub call: Call,
    /// A private CA for this vendor, believed beside the system's.
    pub ca_file: Option<CaFile>,
    preset: Option<&'static Preset>,
}

impl Vendor {
    /// The format that the preset has for this type.
    pub(super) fn format(&self, token_type: &str) -> Option<Format> {
        let pattern = self.preset?.types.get(token_type)?;
        Format::new(pattern).ok()
    }
}

/// Reads one vendor; `formats` are those that the configuration says.
pub(super) fn read(
    section: &mut Section<'_>,
    formats: &BTreeMap<String, String>,
) -> Option<Vendor> {
    let preset = if section.has("preset") { Some(read_preset(section)?) } else { None };
    let name: Option<String> = section.optional("name");
    let ca_file = CaFile::read(section);
    let credential = section.token("credential");
    let rate = rate(section);
    let known: Vec<&str> =
        preset.iter().flat_map(|(_, p)| p.types.keys()).map(String::as_str).collect();
    if preset.is_none() && !section.has("types") {
        section.problem("types", "is required where there is no preset");
    }
    let types = types(section, &known);
    let (named, preset) = preset.unzip();
    let (url, mut description) = match preset {
        Some(preset) => (url_of(section, preset)?, preset.call.clone()),
        None => described::read(section)?,
    };
    description.rate = rate.or(description.rate);
    let host = check_way(section, preset.is_some(), &url);
    let call = call(section, &url, &description, credential, &groups(preset, formats, &types))?;
    let name = name.or(named).or_else(|| host.map(|url| host_of(&url)))?;
    check_name(section, &name);
    if RESERVED.contains(&name.as_str()) {
        section.problem("name", "is reserved: give it another name");
    }
    Some(Vendor { name, types, call, ca_file, preset })
}

fn read_preset(section: &mut Section<'_>) -> Option<(String, &'static Preset)> {
    let name: Option<String> = section.optional("preset");
    let unproven = section.or("unproven", false);
    let found = name.as_deref().map(Preset::named);
    let Some((name, Some(preset))) = name.zip(found) else {
        let all: Vec<&str> = Preset::all().keys().map(String::as_str).collect();
        section.problem("preset", format!("must be one of {}", all.join(", ")));
        section.ignore_rest();
        return None;
    };
    if preset.is_recalled() && !unproven {
        let problem = "was written down from memory and proven by nobody: try it, and set unproven \
                       = true";
        section.problem("preset", problem);
    }
    Some((name, preset))
}

fn url_of(section: &mut Section<'_>, preset: &Preset) -> Option<String> {
    let base: Option<Url> = section.optional("base_url");
    if base.as_ref().is_some_and(|base| !is_base(base)) {
        let problem = "must be an http or https URL without user, password, query and #";
        section.problem("base_url", problem);
        return None;
    }
    let url = preset.url(base.as_ref().map(Url::as_str));
    if url.is_none() {
        section.problem("base_url", "is required: this vendor has no host of its own");
    }
    url
}

/// Whether the path of a call can stand behind it.
fn is_base(url: &Url) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    let ends = url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && plain && ends
}

/// `rate`, where it is given.
pub(super) fn rate(section: &mut Section<'_>) -> Option<Rate> {
    section.has("rate").then(|| section.table("rate", read_rate).flatten()).flatten()
}

fn read_rate(section: &mut Section<'_>) -> Option<Rate> {
    let requests = section.required::<u64>("requests");
    let per = section.duration("per", 60 * SECOND, SECOND..=Duration::from_hours(24));
    let requests = section.inside("requests", requests?, 1..=1_000_000, u64::to_string);
    let requests = u32::try_from(requests).ok().filter(|requests| *requests > 0)?;
    let begun = u64::from(per.subsec_nanos() > 0);
    Some(Rate { requests, seconds: per.as_secs() + begun })
}

/// Warns of a way in the clear, and gives what is in front of the first hole.
fn check_way(section: &mut Section<'_>, preset: bool, url: &str) -> Option<Url> {
    let beginning = url.split('{').next().unwrap_or_default();
    let url = Url::parse(beginning).ok()?;
    warn_unencrypted(section, if preset { "base_url" } else { "url" }, &url);
    Some(url)
}

/// The pieces of a secret that the formats of all types name.
fn groups(
    preset: Option<&Preset>,
    formats: &BTreeMap<String, String>,
    types: &[String],
) -> Vec<String> {
    let of_type = |name: &String| -> BTreeSet<String> {
        let pattern = formats.get(name).or_else(|| preset?.types.get(name));
        let format = pattern.and_then(|pattern| Format::new(pattern).ok());
        format.map(|f| f.group_names().map(str::to_owned).collect()).unwrap_or_default()
    };
    let common = types.iter().map(of_type).reduce(|a, b| &a & &b);
    common.unwrap_or_default().into_iter().collect()
}

fn call(
    section: &mut Section<'_>,
    url: &str,
    description: &Description,
    credential: Option<SecretString>,
    groups: &[String],
) -> Option<Call> {
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let error = match Call::new(url, description, credential, &groups) {
        Ok(call) => return Some(call),
        Err(error) => error,
    };
    match error {
        CallError::Unknown { name, .. } if name == "credential" => {
            section.problem("credential", "is required (or credential_file)");
        }
        error => section.problem(error.key(), error.to_string()),
    }
    None
}
