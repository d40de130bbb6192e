//! What holds of every preset, and of every format.

mod samples;

use std::collections::BTreeSet;

use portcullis_base::secret::SecretString;

use super::*;
use crate::formats::{Format, GITLAB_TYPES, PAT_TYPE};
use crate::http::Call;

/// Pairs of which one configures one or the other.
const ALTERNATIVES: [[&str; 2]; 2] =
    [["github", "github-enterprise"], ["gitlab-runner-remove", "gitlab-runner-rotate"]];

/// Tokens of these have no form of their own: the reporter's word is all there is.
const FORMLESS: [&str; 4] = ["buildkite", "fastly", "linear-oauth", "vercel"];

fn format(preset: &Preset, name: &str) -> Format {
    Format::new(&preset.types[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_preset_is_a_call_that_its_formats_can_fill() {
    for (name, preset) in Preset::all() {
        assert!(!preset.types.is_empty(), "{name}");
        let base = preset.base.is_none().then_some("https://vendor.example/");
        let url = preset.url(base).unwrap();
        assert_eq!(preset.url(None).is_some(), preset.base.is_some(), "{name}");
        let needs_credential =
            preset.call.headers.values().any(|value| value.contains("{credential}"));
        let credential = needs_credential.then(|| SecretString::from("the operator's"));
        for token_type in preset.types.keys() {
            let format = format(preset, token_type);
            let groups: Vec<&str> = format.group_names().collect();
            let call = Call::new(&url, &preset.call, credential.clone(), &groups);
            assert!(call.is_ok(), "{name}: {:?}", call.err());
        }
        assert_eq!(needs_credential, name == "github-enterprise", "{name}");
    }
}

#[test]
fn secrets_go_to_hosts_that_are_written_out_and_over_https() {
    for (name, preset) in Preset::all() {
        let url = preset.url(preset.base.is_none().then_some("https://own.example")).unwrap();
        let beginning = url.split('{').next().unwrap();
        let parsed = url::Url::parse(beginning).unwrap();
        assert_eq!(parsed.scheme(), "https", "{name}");
        assert!(preset.path.starts_with('/'), "{name}");
        if let Some(base) = &preset.base {
            assert_eq!(&parsed.origin().ascii_serialization(), base, "{name}: a host, no more");
        }
    }
}

#[test]
fn every_preset_says_where_it_comes_from() {
    for (name, preset) in Preset::all() {
        let legal = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(name.split('-').all(legal), "{name}");
        assert!(!preset.vendor.is_empty() && !preset.source.is_empty(), "{name}");
        let letters: Vec<&str> = preset.evidence.split(' ').collect();
        let known = letters.iter().all(|letter| ["D", "S", "K", "C", "R"].contains(letter));
        let distinct = letters.iter().collect::<BTreeSet<_>>().len() == letters.len();
        assert!(known && distinct, "{name}: {}", preset.evidence);
        let (year, month) = preset.checked.split_once('-').unwrap();
        assert!(year.len() == 4 && year.parse::<u16>().is_ok_and(|y| y >= 2026), "{name}");
        assert!(month.len() == 2 && (1..=12).contains(&month.parse::<u8>().unwrap()), "{name}");
        assert!(preset.base.is_some() || preset.notes.contains("base_url"), "{name}");
    }
}

#[test]
fn what_is_recalled_is_what_no_document_bears_out() {
    let recalled: Vec<&str> =
        Preset::all().iter().filter(|(_, p)| p.is_recalled()).map(|(n, _)| n.as_str()).collect();
    assert_eq!(recalled, ["hubspot-refresh-token", "okta"]);
}

#[test]
fn only_a_vendor_who_says_so_knows_a_token_as_dead() {
    let confirming = |preset: &Preset| preset.call.answers.all().any(|answer| answer.confirmed);
    let all = Preset::all().iter().filter(|(_, preset)| confirming(preset));
    assert_eq!(all.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["slack"]);
}

#[test]
fn no_type_is_claimed_twice() {
    let mut claims: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, preset) in Preset::all() {
        for token_type in preset.types.keys() {
            claims.entry(token_type).or_default().push(name);
        }
    }
    for (token_type, by) in &claims {
        let alternatives = ALTERNATIVES.iter().any(|pair| by == pair);
        assert!(by.len() == 1 || alternatives, "{token_type} by {by:?}");
        assert_ne!(*token_type, PAT_TYPE);
        assert!(!GITLAB_TYPES.contains(token_type), "{token_type}");
        let of_gitlab = Format::built_in(token_type).is_some();
        assert_eq!(of_gitlab, by[0].starts_with("gitlab-runner-"), "{token_type}");
        assert!(token_type.bytes().all(|b| b.is_ascii_graphic()), "{token_type}");
        let known = ["gitleaks_rule_id_", "portcullis_"].iter().any(|p| token_type.starts_with(p));
        assert!(known, "{token_type}");
    }
    let notes = |name: &str| &Preset::named(name).unwrap().notes;
    for [one, other] in ALTERNATIVES {
        let said = notes(one).contains("Instead of") || notes(other).contains("Instead of");
        assert!(said, "{one} and {other}");
    }
}

#[test]
fn what_cannot_be_revoked_is_not_claimed() {
    let mut types = Preset::all().values().flat_map(|preset| preset.types.keys());
    assert!(types.all(|name| !name.contains("batch") && !name.contains("registration")));
    for secret in [
        format!("hvb.{}", "A".repeat(150)),
        "GR1348941aaaaaaaaaaaaaaaaaaaa".to_owned(),
        format!("lin_api_{}", "a".repeat(40)),
        "pat-na1-11111111-2222-3333-4444-555555555555".to_owned(),
    ] {
        let formed = |name: &String| !FORMLESS.contains(&name.as_str());
        for (name, preset) in Preset::all().iter().filter(|(name, _)| formed(name)) {
            let fits = preset.types.keys().any(|t| format(preset, t).fits(&secret));
            assert!(!fits, "{name} {secret}");
        }
    }
}
