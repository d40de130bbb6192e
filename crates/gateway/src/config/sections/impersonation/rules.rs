//! `[[impersonation.rules]]`, and what a job is given.

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_impersonation::policy::{
    CLAIMS, Grant, RuleClaimFault, RuleClaimsError, rule_claims,
};
use portcullis_jwt_verify::rules::{Claims, Rule, Rules};
use serde_json::Value;

use super::super::super::node::Node;
use super::super::super::section::Section;

const SCOPES: [&str; 1] = ["write_repository"];
const SECONDS: u64 = 30;
const DAY: u64 = 86_400;

// A misspelt name differs by a letter or two.
const NEAR: usize = 2;

/// What the section itself grants.
pub(super) fn read_grant(section: &mut Section<'_>) -> Grant {
    let scopes = section.or_list("scopes", SCOPES.map(str::to_owned).to_vec());
    check_scopes(section, &scopes);
    let seconds = section.number("revoke_seconds", SECONDS, 1..=DAY);
    Grant { scopes, lifetime: Duration::from_secs(seconds) }
}

/// Reads all rules; what one leaves out is as in `default`.
pub(super) fn read(section: &mut Section<'_>, default: &Grant) -> Rules<Grant> {
    let given = section.has("rules");
    let rules = section.tables("rules", |section| read_one(section, default));
    if !given {
        section.warn("rules", "there are none: every admissible job gets impersonation.scopes");
    } else if rules.is_empty() {
        section.problem("rules", "must be a list with at least one rule, or be left out");
    }
    Rules::new(rules)
}

fn read_one(section: &mut Section<'_>, default: &Grant) -> Rule<Grant> {
    let named = section.whole("claims", read_claims);
    if named == Some(Claims::default()) {
        section.warn("claims", "there are none: the rule holds for every job");
    }
    let scopes = section.list::<String>("scopes");
    if let Some(scopes) = &scopes {
        check_scopes(section, scopes);
    }
    let seconds = section.optional::<u64>("revoke_seconds").map(|seconds| {
        let seconds = section.inside("revoke_seconds", seconds, 1..=DAY, u64::to_string);
        Duration::from_secs(seconds)
    });
    let outcome = Grant {
        scopes: scopes.unwrap_or_else(|| default.scopes.clone()),
        lifetime: seconds.unwrap_or(default.lifetime),
    };
    Rule { claims: named.unwrap_or_default(), outcome }
}

/// Conditions on the claims of a job, each by a name that GitLab gives.
pub(in super::super) fn read_claims(
    section: &mut Section<'_>,
    entries: BTreeMap<String, Node>,
) -> Claims {
    let mut conditions = Vec::with_capacity(entries.len());
    for (name, node) in entries {
        let condition = (name.clone(), json_of_node(node));
        // One by one, so that every bad one is told.
        if !CLAIMS.contains(&name.as_str()) {
            section.problem(&name, unknown(&name));
        } else if let Err(RuleClaimsError { fault, .. }) = rule_claims([condition.clone()]) {
            section.problem(&name, fault.to_string());
        }
        conditions.push(condition);
    }
    // Where this fails, the problem is noted.
    rule_claims(conditions).unwrap_or_default()
}

fn unknown(name: &str) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(name, known);
    let near = CLAIMS.iter().filter(|known| distance(known) <= NEAR).min_by_key(distance);
    let near = near.map(|known| format!("; is {known} meant?")).unwrap_or_default();
    format!("{}{near}", RuleClaimFault::Unknown)
}

/// What is no condition becomes null, which `rule_claims` refuses by name.
pub(in super::super) fn json_of_node(node: Node) -> Value {
    match node.expanded() {
        Node::Text { text, .. } => Value::String(text),
        Node::Value(value) => json_of(value),
        Node::List(items) => items.into_iter().map(json_of_node).collect(),
        Node::Absent | Node::Table(_) => Value::Null,
    }
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => Value::Null,
    }
}

fn check_scopes(section: &mut Section<'_>, scopes: &[String]) {
    if scopes.is_empty() {
        section.problem("scopes", "must name at least one scope");
    }
    for (i, scope) in scopes.iter().enumerate() {
        let key = format!("scopes[{i}]");
        if scope.is_empty() || !scope.bytes().all(|b| b.is_ascii_graphic()) {
            section.problem(&key, "must be a scope of GitLab: visible ASCII characters");
        } else if scopes[..i].contains(scope) {
            section.problem(&key, "named twice");
        } else if matches!(scope.as_str(), "sudo" | "admin_mode") {
            let warning = format!("{scope} hands out an administrator's power");
            section.warn(&key, &warning);
        }
    }
}
