//! Our keys, and which of them signs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_base::SystemClock;
use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keyfile::{KeyFile, KeyFileError};
use portcullis_oidc_proxy::keyring::{Choice, Signing};

use super::super::super::files;
use super::super::super::section::Section;
use super::super::super::setting::{Setting, parsed};

const PINNED: &str = "signing_key_ids";
const LATEST: &str = "signing_algs";
const DEFAULT: &str = "default_signing_alg";
pub(super) const FILE: &str = "jwks_file";

#[derive(PartialEq)]
struct Name(Algorithm);

impl Setting for Name {
    const WHAT: &'static str = "the name of an algorithm";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(
            value,
            "one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
            |text| text.parse().ok().map(Self),
        )
    }
}

/// The file of keys and what signs. Each is `None` only with a problem noted.
pub(super) fn read(section: &mut Section<'_>) -> (Option<PathBuf>, Option<Signing>) {
    let file: Option<PathBuf> = section.required(FILE);
    let file = file.filter(|path| is_file(section, path));
    let choices = read_choices(section);
    if let Some(file) = &file {
        check_keys(section, file, &choices);
    }
    let choices: BTreeMap<Algorithm, Choice> =
        choices.into_iter().map(|(_, algorithm, choice)| (algorithm, choice)).collect();
    let default = read_default(section, &choices);
    (file, default.map(|default| Signing { choices, default }))
}

/// Secrets that others can read are a warning, here as everywhere.
fn is_file(section: &mut Section<'_>, path: &Path) -> bool {
    match files::read_small(path) {
        Ok(file) => {
            if file.exposed {
                section.warn(FILE, "others on this machine can read the file; chmod 600 it");
            }
            true
        }
        Err(error) => {
            section.problem(FILE, format!("cannot read {}: {error}", path.display()));
            false
        }
    }
}

pub(super) type Choices = Vec<(String, Algorithm, Choice)>;

/// What signs by which algorithm, each with the key that says so. What cannot is noted.
pub(super) fn read_choices(section: &mut Section<'_>) -> Choices {
    if !section.has(PINNED) && !section.has(LATEST) {
        let problem = format!("is required (or {LATEST}): by which algorithms is signed");
        section.problem(PINNED, problem);
    }
    let mut choices = Choices::new();
    for (name, kid) in section.map::<String>(PINNED) {
        let key = format!("{PINNED}.{name}");
        // Variables are read in lower case.
        let algorithm =
            Algorithm::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(&name));
        match algorithm {
            Some(algorithm) => choices.push((key, algorithm, Choice::Pinned(kid))),
            None => {
                section.problem(&key, "is none of the algorithms that can sign");
            }
        }
    }
    for (i, Name(algorithm)) in section.list(LATEST).unwrap_or_default().into_iter().enumerate() {
        choices.push((format!("{LATEST}[{i}]"), algorithm, Choice::Latest));
    }
    for i in 1..choices.len() {
        if choices[..i].iter().any(|(_, before, _)| *before == choices[i].1) {
            let key = choices[i].0.clone();
            section.problem(&key, "the algorithm is named twice");
        }
    }
    choices
}

/// Each choice by itself, as the start opens the file: so that every one that cannot be met is told.
fn check_keys(section: &mut Section<'_>, file: &Path, choices: &Choices) {
    for (key, algorithm, choice) in choices {
        let signing =
            Signing { choices: [(*algorithm, choice.clone())].into(), default: *algorithm };
        match KeyFile::open(file, signing, Arc::new(SystemClock)) {
            Ok(_) => {}
            Err(KeyFileError::Keyring(error)) => {
                section.problem(key, format!("{} {error}", file.display()));
            }
            Err(
                error @ (KeyFileError::Read(_)
                | KeyFileError::Kind
                | KeyFileError::Changing
                | KeyFileError::Keys(_)),
            ) => {
                section.problem(FILE, format!("{} {error}", file.display()));
                return;
            }
        }
    }
}

fn read_default(
    section: &mut Section<'_>,
    choices: &BTreeMap<Algorithm, Choice>,
) -> Option<Algorithm> {
    let given = section.has(DEFAULT);
    let default: Option<Name> = section.optional(DEFAULT);
    match (default, choices.first_key_value()) {
        (Some(Name(default)), Some(_)) if !choices.contains_key(&default) => {
            section.problem(DEFAULT, format!("must be in {PINNED} or {LATEST}"));
            None
        }
        (Some(Name(default)), _) => Some(default),
        (None, Some((only, _))) if choices.len() == 1 && !given => Some(*only),
        (None, Some(_)) if !given => {
            section.problem(DEFAULT, "is required where there are several algorithms");
            None
        }
        (None, _) => None,
    }
}
