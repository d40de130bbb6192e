//! `[auth]`: who may pass at `/auth`.

use std::collections::BTreeMap;

use super::super::section::Section;
use super::super::setting::{Setting, parsed};
use super::oidc::{self, Oidc};
use crate::pats::is_scope;

/// A way for a caller of `/auth` to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A JWT that Gerrit had signed; configured by `[gerrit]`.
    Gerrit,
    /// A personal access token of ours; always configured.
    Pat,
    /// A JWT of an OIDC provider; configured by `[[auth.oidc]]`.
    Oidc,
}

impl Setting for Method {
    const WHAT: &'static str = "one of its names";

    fn read(value: &toml::Value) -> Result<Self, String> {
        parsed(value, "\"gerrit\", \"pat\" or \"oidc\"", |text| match text {
            "gerrit" => Some(Self::Gerrit),
            "pat" => Some(Self::Pat),
            "oidc" => Some(Self::Oidc),
            _ => None,
        })
    }
}

/// `[auth]`: the chain of methods at `/auth`.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Asked in this order.
    pub methods: Vec<Method>,
    /// How many proved JWTs are remembered, for each issuer; 0 remembers none.
    pub token_cache: u64,
    /// Scopes by the name of the profile that asks for them.
    pub profiles: BTreeMap<String, Vec<String>>,
    /// OIDC providers, each of another issuer.
    pub oidc: Vec<Oidc>,
}

impl Auth {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = vec![Method::Gerrit, Method::Pat, Method::Oidc];
        let methods = section.or_list("methods", default);
        if methods.is_empty() {
            section.problem("methods", "must name at least one method");
        }
        if (1..methods.len()).any(|i| methods[..i].contains(&methods[i])) {
            section.problem("methods", "names a method twice");
        }
        let token_cache = section.number("token_cache", 10_000, 0..=10_000_000);
        let profiles = section.named_tables("profiles", read_profile).into_iter().flatten();
        let (profiles, oidc) = (profiles.collect(), oidc::read(section));
        Self { methods, token_cache, profiles, oidc }
    }
}

fn read_profile(name: &str, section: &mut Section<'_>) -> Option<(String, Vec<String>)> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    if name.is_empty() || !name.bytes().all(plain) {
        section.problem("scopes", "the name of a profile has letters, digits, '-' and '_'");
    }
    let given = section.has("scopes");
    let scopes: Option<Vec<String>> = section.list("scopes");
    if !given {
        section.problem("scopes", "is required");
    }
    let scopes = scopes?;
    if scopes.is_empty() || !scopes.iter().all(|scope| is_scope(scope)) {
        section.problem("scopes", "must name scopes that a PAT can have, and at least one");
    }
    Some((name.to_owned(), scopes))
}
