//! `[partners.*]`: the partner programmes whose reports are taken.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use portcullis_base::http::is_safe;
use portcullis_revocation_api::partners::{GITHUB_KEYS, Programme};
use url::Url;

use super::super::section::Section;
use super::providers::Provider;
use super::revocation::Revocation;

/// `[partners]`
#[derive(Debug, Clone, Default)]
pub struct Partners {
    /// Those whose section is there.
    pub all: Vec<PartnerIntake>,
}

/// `[partners.github]` or `[partners.gitlab]`.
#[derive(Debug, Clone)]
pub struct PartnerIntake {
    /// Which one.
    pub programme: Programme,
    /// Where its public keys are.
    pub keys_url: Url,
    /// Our own types by theirs.
    pub types: BTreeMap<String, String>,
    /// The largest body, in bytes.
    pub max_body: usize,
}

impl Partners {
    pub(super) fn read(section: &mut Section<'_>, revocation: Option<&Revocation>) -> Self {
        let mut read = |programme: Programme| {
            let name = programme.name();
            let read =
                |section: &mut Section<'_>| PartnerIntake::read(section, programme, revocation);
            section.has(name).then(|| section.table(name, read).flatten()).flatten()
        };
        Self { all: Programme::ALL.into_iter().filter_map(&mut read).collect() }
    }

    /// Which ones are there.
    pub fn programmes(&self) -> Vec<Programme> {
        self.all.iter().map(|partner| partner.programme).collect()
    }
}

impl PartnerIntake {
    /// `None` only with a problem noted.
    fn read(
        section: &mut Section<'_>,
        programme: Programme,
        revocation: Option<&Revocation>,
    ) -> Option<Self> {
        let keys_url = match programme {
            Programme::Github => Some(section.or("keys_url", Url::parse(GITHUB_KEYS).ok()?)),
            // Of GitLab there is no address that is right for all.
            Programme::Gitlab => section.required("keys_url"),
        };
        if keys_url.as_ref().is_some_and(|url| !is_safe(url)) {
            section.problem("keys_url", "must be an https URL");
        }
        let types = section.map::<String>("types");
        if let Some(revocation) = revocation {
            check_types(section, &types, revocation);
        }
        let max_body = section.or("max_body", ByteSize::mib(1));
        let bounds = ByteSize::kib(1)..=ByteSize::mib(64);
        let max_body = section.inside("max_body", max_body, bounds, ByteSize::to_string);
        let max_body = usize::try_from(max_body.as_u64()).unwrap_or(usize::MAX);
        Some(Self { programme, keys_url: keys_url?, types, max_body })
    }
}

/// A partner's word never leads to another provider than our own.
fn check_types(
    section: &mut Section<'_>,
    types: &BTreeMap<String, String>,
    revocation: &Revocation,
) {
    let ours = |provider: &&Provider| matches!(provider, Provider::Portcullis { .. });
    let ours: Vec<&String> =
        revocation.providers.iter().filter(ours).flat_map(Provider::types).collect();
    for (theirs, name) in types {
        if !ours.contains(&name) {
            let key = format!("types.{theirs}");
            section.problem(&key, "must be a type of the provider \"portcullis\": our own tokens");
        }
    }
}
