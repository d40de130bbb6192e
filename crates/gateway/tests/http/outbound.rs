//! Whom anything is ever sent to: every preset at once, every kind of secret under every type, and all that goes
//! out looked at.

#[path = "outbound/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_revocation::formats::Format;
use portcullis_revocation::http::presets::Preset;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use wire::Wire;

use crate::support::{Database, PATIENCE, TestGateway, eventually};

/// Of a vendor that nobody configured, and where every redirect leads.
const THIEF: &str = "thief.test";

/// One preset as it is configured here.
struct Vendor {
    host: String,
    formats: BTreeMap<&'static str, Format>,
}

/// All presets, as many in one configuration as claim types that no other of it claims.
fn configurations() -> Vec<BTreeMap<&'static str, &'static Preset>> {
    let mut all: Vec<BTreeMap<&str, &Preset>> = Vec::new();
    for (name, preset) in Preset::all() {
        let collides = |one: &BTreeMap<&str, &Preset>| {
            one.values().any(|other| other.types.keys().any(|t| preset.types.contains_key(t)))
        };
        match all.iter_mut().find(|one| !collides(one)) {
            Some(one) => drop(one.insert(name, preset)),
            None => all.push(BTreeMap::from([(name.as_str(), preset)])),
        }
    }
    all
}

fn toml(presets: &BTreeMap<&str, &Preset>) -> String {
    let one = |(name, preset): (&&str, &&Preset)| {
        let wants = preset.call.headers.values().any(|value| value.contains("{credential}"));
        let credential = if wants { "credential = \"of-the-operator\"\n" } else { "" };
        format!(
            "[[revocation.providers]]\nkind = \"http\"\npreset = \"{name}\"\nunproven = true\n\
             base_url = \"http://{name}.test\"\nrate = {{ requests = 100000, per = \"1s\" }}\n{credential}"
        )
    };
    presets.iter().map(one).collect()
}

fn vendors(presets: &BTreeMap<&str, &'static Preset>) -> Vec<Vendor> {
    let one = |(name, preset): (&&str, &&'static Preset)| Vendor {
        host: format!("{name}.test"),
        formats: preset.types.iter().map(|(t, f)| (t.as_str(), Format::new(f).unwrap())).collect(),
    };
    presets.iter().map(one).collect()
}

/// A fresh secret of a format, and its longest run of letters and digits: long enough to stand nowhere by
/// chance.
fn sample(pattern: &str, runner: &mut TestRunner) -> (String, String) {
    let inner = pattern.trim_start_matches('^').trim_end_matches('$');
    let strategy = proptest::string::string_regex(inner).unwrap();
    loop {
        let sample = strategy.new_tree(runner).unwrap().current();
        // Dropbox has ten of them in the middle of each.
        let without = sample.replace("AAAAAAAAAA", ".");
        let runs = without.split(|c: char| !c.is_ascii_alphanumeric());
        let core = runs.max_by_key(|run| run.len()).unwrap().to_owned();
        if core.len() >= 10 {
            return (sample, core);
        }
    }
}

/// The same in the clothes of something else.
const DISGUISES: [fn(&str) -> String; 7] = [
    str::to_owned,
    |secret| format!("https://{THIEF}/{secret}"),
    |secret| format!("{secret}@{THIEF}"),
    |secret| format!("{secret}\r\nHost: {THIEF}"),
    |secret| format!("../{secret}"),
    |secret| format!("{secret}?x=#y"),
    |secret| secret.replace("discord.com", THIEF),
];

/// One leak: what is reported, as what, and by which letters it is known again wherever it turns up.
struct Leak {
    secret: String,
    token_type: String,
    core: String,
}

/// Every format of every vendor, under every type of every vendor; and each in every disguise under its own.
fn leaks(presets: &BTreeMap<&str, &'static Preset>, runner: &mut TestRunner) -> Vec<Leak> {
    let mut leaks = Vec::new();
    let patterns: BTreeSet<&String> = presets.values().flat_map(|p| p.types.values()).collect();
    let own: BTreeMap<&String, &String> = presets.values().flat_map(|p| &p.types).collect();
    for (token_type, own) in own {
        for pattern in &patterns {
            // What one type does to a disguise it does to all that fit it.
            let disguises = if *pattern == own { &DISGUISES[..] } else { &DISGUISES[..1] };
            for disguise in disguises {
                let (sample, core) = sample(pattern, runner);
                leaks.push(Leak {
                    secret: disguise(&sample),
                    token_type: token_type.clone(),
                    core,
                });
            }
        }
    }
    leaks
}

/// Every vendor answers with a way to somebody else: a success where it has one, and a redirect.
fn answer(host: &str) -> &'static str {
    match host.len() % 3 {
        0 => "HTTP/1.1 307 x\r\nLocation: http://thief.test/",
        1 => "HTTP/1.1 204 x\r\nLocation: http://thief.test/",
        _ => "HTTP/1.1 202 x",
    }
}

pub(crate) async fn nothing_goes_where_it_does_not_belong(database: Database) {
    let mut runner = TestRunner::deterministic();
    for presets in configurations() {
        let wire = Wire::start(answer).await;
        let rest =
            format!("{}{}{}", wire.toml(), "[revocation]\ncall_timeout = \"2s\"\n", toml(&presets));
        let gateway = TestGateway::start(&database, &rest).await;
        let vendors = vendors(&presets);
        let mut leaks = leaks(&presets, &mut runner);
        let own = gateway.mint().await.token;
        let token_type = (*vendors[0].formats.keys().next().unwrap()).to_owned();
        leaks.push(Leak { secret: own.clone(), token_type, core: own.clone() });
        report(&gateway, &leaks).await;
        all_were_tried(&gateway).await;
        check(&wire.calls(), &vendors, &leaks, &own);
        gateway.stop().await;
    }
}

async fn report(gateway: &TestGateway, leaks: &[Leak]) {
    let item = |leak: &Leak| json!({ "type": leak.token_type, "token": leak.secret });
    let items: Vec<Value> = leaks.iter().map(item).collect();
    let answer = gateway.report(&Value::from(items)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// What has not ended was tried at least once.
async fn all_were_tried(gateway: &TestGateway) {
    eventually(PATIENCE, async || {
        let waiting = gateway.revocations("?state=pending").await;
        waiting
            .iter()
            .all(|row| row["attempts"].as_u64() > Some(0) && !row["code"].is_null())
            .then_some(())
    })
    .await;
}

fn check(calls: &[wire::Call], vendors: &[Vendor], leaks: &[Leak], own: &str) {
    let mut reached = BTreeSet::new();
    for call in calls {
        let vendor = vendors.iter().find(|vendor| vendor.host == call.host);
        let vendor = vendor.unwrap_or_else(|| panic!("nobody configured {}", call.host));
        assert!(!call.text.contains(own), "our own token left the house");
        let mut some = false;
        for Leak { secret, token_type, .. } in leaks.iter().filter(|l| call.text.contains(&l.core))
        {
            let format = vendor.formats.get(token_type.as_str());
            let format = format.unwrap_or_else(|| panic!("{} was sent a {token_type}", call.host));
            assert!(
                format.fits(secret),
                "{} was sent what is no {token_type}: {secret}",
                call.host
            );
            some = true;
        }
        assert!(some, "{} was asked for nothing: {}", call.host, call.text);
        reached.insert(vendor.host.as_str());
    }
    let all: BTreeSet<&str> = vendors.iter().map(|vendor| vendor.host.as_str()).collect();
    assert_eq!(reached, all, "every vendor was asked");
}
