//! What concerns the file of our keys alone, for who works on it without a gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use portcullis_jwt_verify::Algorithm;
use portcullis_oidc_proxy::keyring::Choice;

use super::super::super::section::Section;
use super::{read_cache_max_age, read_max_lifetime, signing};

/// The part of `[oidc_proxy]` that concerns the file of keys.
#[derive(Debug)]
pub(crate) struct KeySettings {
    /// Where it is, or is to be.
    pub(crate) jwks_file: PathBuf,
    /// Which key signs by which algorithm.
    pub(crate) choices: BTreeMap<Algorithm, Choice>,
    /// The longest life of a token.
    pub(crate) max_lifetime: Option<Duration>,
    /// For how long others may keep what is published.
    pub(crate) cache_max_age: Duration,
}

impl KeySettings {
    /// `None` only with a problem noted.
    pub(in crate::config) fn read(section: &mut Section<'_>) -> Option<Self> {
        let jwks_file: Option<PathBuf> = section.required(signing::FILE);
        let choices = signing::read_choices(section);
        let max_lifetime = read_max_lifetime(section);
        let cache_max_age = read_cache_max_age(section);
        section.ignore_rest();
        let choices = choices.into_iter().map(|(_, algorithm, choice)| (algorithm, choice));
        Some(Self {
            jwks_file: jwks_file?,
            choices: choices.collect(),
            max_lifetime,
            cache_max_age,
        })
    }
}
