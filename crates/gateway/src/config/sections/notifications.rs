//! `[[notifications]]`: which webhooks are told what became of leaked secrets.

use std::collections::BTreeMap;

use portcullis_base::http::is_safe;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_revocation::notify::Format;
use portcullis_store::queue::State;
use url::Url;

use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::intake::is_name;
use super::revocation::{NOT_A_TYPE, is_type};
use super::server::CaFile;

/// Of what a webhook is told that says nothing else: of everything but what nobody asked to be done.
const ON: [State; 7] = [
    State::Held,
    State::Noted,
    State::Failed,
    State::Revoked,
    State::Submitted,
    State::Refused,
    State::Inactive,
];

/// A webhook.
#[derive(Debug, Clone)]
pub struct Notification {
    /// What it is called in the database and in logs.
    pub name: String,
    /// Its address, which may be all that is needed to speak in its name.
    pub url: SecretString,
    /// What it understands.
    pub format: Format,
    /// The types of which it is told; `*` stands for all.
    pub types: Vec<String>,
    /// The states of which it is told.
    pub on: Vec<State>,
    /// The key of its signatures.
    pub signing_secret: Option<SecretString>,
    /// A private CA for this webhook, believed beside the system's.
    pub ca_file: Option<CaFile>,
}

#[derive(Clone, Copy, PartialEq)]
struct Kind(Format);

impl Setting for Kind {
    const WHAT: &'static str = "one of its names";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"json\" or \"slack\"", |text| match text {
            "json" => Some(Self(Format::Json)),
            "slack" => Some(Self(Format::Slack)),
            _ => None,
        })
    }
}

#[derive(PartialEq)]
struct Told(State);

impl Setting for Told {
    const WHAT: &'static str = "one of its names";

    fn read(value: &toml::Value) -> Result<Self, String> {
        let expected = "\"held\", \"noted\", \"failed\", \"revoked\", \"submitted\", \"refused\", \
                        \"inactive\", \"simulated\" or \"cancelled\"";
        parsed(value, expected, |text| {
            State::from_name(text).filter(|state| *state != State::Pending).map(Self)
        })
    }
}

/// Reads all of them.
pub(super) fn read(root: &mut Section<'_>) -> Vec<Notification> {
    let all = root.tables("notifications", Notification::read);
    let mut names = BTreeMap::new();
    for (i, one) in all.iter().enumerate() {
        let Some(one) = one else { continue };
        if let Some(first) = names.insert(one.name.clone(), i) {
            let problem = format!("the same as that of notifications[{first}]");
            root.problem(&format!("notifications[{i}].name"), problem);
        }
    }
    all.into_iter().flatten().collect()
}

impl Notification {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name: Option<String> = section.required("name");
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            section.problem("name", "must be 1 to 64 letters, digits, '-', '_' or '.'");
        }
        let url = url(section);
        let format: Option<Kind> = section.required("format");
        let types = section.or_list("types", vec!["*".to_owned()]);
        check_types(section, &types);
        let on = section.or_list("on", ON.map(Told).into());
        if on.is_empty() {
            section.problem("on", "must name at least one state, or be left out");
        }
        let signing_secret = section.token("signing_secret");
        if signing_secret.is_some() && format == Some(Kind(Format::Slack)) {
            section
                .problem("signing_secret", "is for the format \"json\": Slack checks no signature");
        }
        let ca_file = CaFile::read(section);
        let on = on.into_iter().map(|Told(state)| state).collect();
        let Kind(format) = format?;
        Some(Self { name: name?, url: url?, format, types, on, signing_secret, ca_file })
    }
}

/// Unlike other addresses it may have a query, and is never shown.
fn url(section: &mut Section<'_>) -> Option<SecretString> {
    if !section.has("url") && !section.has("url_file") {
        section.problem("url", "is required (or url_file)");
    }
    let secret = section.secret("url")?;
    let fits = Url::parse(secret.expose_secret()).is_ok_and(|url| {
        let safe = is_safe(&url);
        let plain = url.username().is_empty() && url.password().is_none();
        safe && plain && url.has_host() && url.fragment().is_none()
    });
    if !fits {
        let expected = "must be an https URL, or http on loopback, without user and fragment";
        section.problem("url", expected);
    }
    fits.then_some(secret)
}

fn check_types(section: &mut Section<'_>, types: &[String]) {
    if types.is_empty() {
        section.problem("types", "must name at least one type, or be left out");
    }
    for (i, name) in types.iter().enumerate().filter(|(_, name)| *name != "*") {
        if !is_type(name) {
            section.problem(&format!("types[{i}]"), NOT_A_TYPE);
        }
    }
}
