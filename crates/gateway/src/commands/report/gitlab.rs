//! `gl-secret-detection-report.json`, schemas 14 and 15.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::finding::{Finding, Place, type_of};
use super::loose::{Each, Loose};

const SCAN: &str = "secret_detection";

/// The report as a whole, as far as it matters: findings go to `found` as they come.
pub(super) struct Report<'f>(pub(super) &'f mut dyn FnMut(Finding));

/// What the report says of itself.
#[derive(Debug, Default)]
pub(super) struct About {
    /// The version of its schema.
    pub(super) version: Option<String>,
    /// The kind of scan, where it is another than this one.
    pub(super) other_scan: Option<String>,
    /// Whether it has a list of findings.
    pub(super) has_findings: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Version,
    Scan,
    Vulnerabilities,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Scan {
    #[serde(default, rename = "type")]
    kind: Loose<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    raw_source_code_extract: Loose<String>,
    #[serde(default)]
    identifiers: Loose<Vec<Loose<Identifier>>>,
    #[serde(default)]
    location: Loose<Location>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Deserialize)]
struct Location {
    #[serde(default)]
    file: Loose<String>,
    #[serde(default)]
    start_line: Loose<u64>,
    #[serde(default)]
    commit: Loose<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    #[serde(default)]
    sha: Loose<String>,
}

impl From<Vulnerability> for Finding {
    fn from(one: Vulnerability) -> Self {
        // The first identifier is the one that GitLab goes by.
        let mut identifiers = one.identifiers.0.into_iter().flatten().filter_map(|one| one.0);
        let token_type = identifiers.next().map(|first| type_of(&first.kind, &first.value));
        let place = one.location.0.map_or_else(Place::default, |location| Place {
            file: location.file.0,
            line: location.start_line.0,
            commit: location.commit.0.and_then(|commit| commit.sha.0),
        });
        Self::new(token_type.unwrap_or_default(), one.raw_source_code_extract.0, &place)
    }
}

impl<'de> DeserializeSeed<'de> for Report<'_> {
    type Value = About;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<About, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Report<'_> {
    type Value = About;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<About, A::Error> {
        let mut about = About::default();
        while let Some(name) = map.next_key()? {
            match name {
                Name::Version => about.version = map.next_value::<Loose<String>>()?.0,
                Name::Scan => {
                    let scan = map.next_value::<Loose<Scan>>()?.0;
                    about.other_scan =
                        scan.and_then(|scan| scan.kind.0).filter(|kind| kind != SCAN);
                }
                // Of two, which one would be meant?
                Name::Vulnerabilities if about.has_findings => {
                    return Err(A::Error::custom("twice"));
                }
                Name::Vulnerabilities => {
                    let mut found = |one: Vulnerability| (self.0)(one.into());
                    map.next_value_seed(Each(&mut found))?;
                    about.has_findings = true;
                }
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(about)
    }
}
