//! `[revocation_api.jobs]`: CI jobs that report with the token that their GitLab gave them.

use portcullis_jwt_verify::rules::{Claims, Rule, Rules};

use super::super::section::Section;
use super::impersonation::read_claims;
use super::intake::{RateLimit, read_types};
use super::oidc::{KeysFrom, check_issuer, read_audiences, read_keys};
use super::server::CaFile;

const PER_PROJECT: RateLimit = RateLimit { per_second: 5, burst: 100 };

/// `[revocation_api.jobs]`; no job reports without the section.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// What `iss` has to be, to the letter.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeysFrom,
    /// `aud` has to be, or have, one of these.
    pub audiences: Vec<String>,
    /// A private CA for it, believed beside the system's.
    pub ca_file: Option<CaFile>,
    /// Which jobs may report; where there are none, all of this issuer may.
    pub rules: Rules<()>,
    /// The types that they may report; `*` stands for all.
    pub types: Vec<String>,
    /// How often the jobs of one project may call.
    pub rate_limit: RateLimit,
}

impl Jobs {
    /// `None` only with a problem noted.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let issuer: Option<String> = section.required("issuer");
        check_issuer(section, "issuer", issuer.as_deref());
        let keys = read_keys(section, issuer.as_deref());
        let missing = "is required: name the aud of your jobs' id_tokens";
        let audiences = read_audiences(section, missing);
        let ca_file = CaFile::read(section);
        let rules = read_rules(section);
        let types = read_types(section);
        let rate_limit = RateLimit::read(section, "rate_limit", PER_PROJECT);
        Some(Self { issuer: issuer?, keys: keys?, audiences, ca_file, rules, types, rate_limit })
    }
}

fn read_rules(section: &mut Section<'_>) -> Rules<()> {
    let given = section.has("rules");
    let rules = section.tables("rules", |section| {
        let claims = section.whole("claims", read_claims);
        if claims == Some(Claims::default()) {
            section.warn("claims", "there are none: the rule holds for every job");
        }
        Rule { claims: claims.unwrap_or_default(), outcome: () }
    });
    if !given {
        section.warn("rules", "there are none: every job of this issuer may report leaks");
    } else if rules.is_empty() {
        section.problem("rules", "must be a list with at least one rule, or be left out");
    }
    Rules::new(rules)
}
