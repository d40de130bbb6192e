//! `kind = "http"`.

use super::{bad, good};
use crate::config::Provider;

const AT: &str = "revocation.providers[0]";

fn preset(rest: &str) -> String {
    format!("[[revocation.providers]]\nkind = \"http\"\n{rest}\n")
}

/// A vendor of one's own, with `rest` for what it is to be about.
fn described(rest: &str) -> String {
    let types = "types = [\"acme\"]\nurl = \"https://acme.example/v1/revoke\"";
    let formats = "[revocation.formats]\nacme = \"^acme_[a-z]{8}$\"";
    preset(&format!("{types}\n{rest}\n{formats}"))
}

#[test]
fn a_preset_says_all_that_is_left_out() {
    let config = good(&preset("preset = \"slack\""), &[]);
    let [_, Provider::Http(slack)] = config.revocation.providers.as_slice() else {
        panic!("our own and one vendor")
    };
    assert_eq!(slack.name, "slack");
    assert_eq!(slack.call.origin(), "https://slack.com");
    assert!(slack.types.contains(&"gitleaks_rule_id_slack_token".to_owned()));

    let chosen = "preset = \"slack\"\nname = \"chat\"\nbase_url = \"https://slack.example\"\n\
                  types = [\"gitleaks_rule_id_slack_token\"]\nrate = { requests = 10, per = \"1m\" }";
    let config = good(&preset(chosen), &[]);
    let Provider::Http(slack) = &config.revocation.providers[1] else { panic!("one vendor") };
    assert_eq!((slack.name.as_str(), slack.types.len()), ("chat", 1));
    assert_eq!(slack.call.origin(), "https://slack.example");
}

#[test]
fn a_preset_is_not_bent_into_something_else() {
    let one = |rest: &str| bad(&preset(&format!("preset = \"slack\"\n{rest}")), &[]);
    assert_eq!(one("url = \"https://thief.example\""), [format!("{AT}.url")]);
    assert_eq!(one("headers = { X = \"{token}\" }"), [format!("{AT}.headers")]);
    assert_eq!(one("name = \"portcullis\""), [format!("{AT}.name")]);
    assert_eq!(one("name = \"impersonation\""), [format!("{AT}.name")]);
    assert_eq!(one("types = [\"acme\"]"), ["revocation.formats.acme"]);
    assert_eq!(one("rate = { requests = 0 }"), [format!("{AT}.rate.requests")]);
    assert_eq!(bad(&preset("preset = \"slak\""), &[]), [format!("{AT}.preset")]);
    for base in ["?x=1", "#x", "/a?", "/#"] {
        let base = one(&format!("base_url = \"https://slack.example{base}\""));
        assert_eq!(base, [format!("{AT}.base_url")]);
    }
    for base in ["ftp://slack.example", "https://u@slack.example", "https://:p@slack.example"] {
        assert_eq!(one(&format!("base_url = \"{base}\"")), [format!("{AT}.base_url")]);
    }
    let twice = format!("{0}{0}", preset("preset = \"slack\""));
    assert!(bad(&twice, &[]).contains(&"revocation.providers[1].name".to_owned()));
}

#[test]
fn a_vendor_is_described() {
    for rest in [
        "headers = { Authorization = \"Bearer {token}\" }\nrevoked = [{ status = 204 }]",
        "method = \"DELETE\"\nbody = '{\"token\": \"{token}\"}'\nsubmitted = [{ status = [200, 202] }]",
        "body = \"token={token}\"\nheaders = { Content-Type = \"application/x-www-form-urlencoded\" }\n\
         revoked = [{ status = 200, where = { \"result.done\" = [true, \"yes\", 1] } }]\n\
         inactive = [{ status = 404, confirmed = true }]\nretry = [{ status = 403 }]",
        "batch = 10\nbody = '{\"all\": [\"{tokens}\"]}'\nrevoked = [{ status = 200 }]",
        "headers = { A = \"{credential}\", B = \"{token}\" }\ncredential = \"of-the-operator\"\n\
         revoked = [{ status = 200 }]",
    ] {
        let config = good(&described(rest), &[]);
        let Provider::Http(acme) = &config.revocation.providers[1] else { panic!("one vendor") };
        assert_eq!(acme.name, "acme.example");
        assert!(!format!("{config:?}").contains("of-the-operator"));
    }
    let groups = "[[revocation.providers]]\nkind = \"http\"\ntypes = [\"hook\"]\n\
                  url = \"https://acme.example/hooks/{id}\"\nrevoked = [{ status = 204 }]\n\
                  [revocation.formats]\nhook = \"^https://acme\\\\.example/hooks/(?<id>[a-z]+)$\"";
    good(groups, &[]);
}

#[test]
fn a_description_that_could_not_work_is_refused_with_the_key_to_blame() {
    let ok = "revoked = [{ status = 204 }]";
    let token = "headers = { A = \"{token}\" }";
    for (rest, key) in [
        (ok.to_owned(), "body"),
        (token.to_owned(), "revoked"),
        (format!("{token}\nretry = [{{ status = 429 }}]"), "revoked"),
        (format!("{token}\nrevoked = [{{ status = 9 }}]"), "revoked"),
        (format!("{token}\n{ok}\nmethod = \"HEAD\""), "method"),
        (format!("{ok}\nheaders = {{ Host = \"{{token}}\" }}"), "headers"),
        (format!("{ok}\nheaders = {{ A = \"{{token}}\", \"b c\" = \"d\" }}"), "headers"),
        (format!("{ok}\nbody = \"{{token}}\""), "body"),
        (format!("{token}\n{ok}\nbody = '{{\"a\": \"{{other}}\"}}'"), "body"),
        (format!("{token}\n{ok}\nbatch = 10"), "batch"),
        (format!("{ok}\nbody = '[\"{{tokens}}\"]'"), "batch"),
        (format!("{ok}\nheaders = {{ A = \"{{token}} {{other}}\" }}"), "headers"),
        (format!("{ok}\nheaders = {{ A = \"{{token}}\", a = \"b\" }}"), "headers"),
        (format!("{ok}\nheaders = {{ A = \"{{credential}} {{token}}\" }}"), "credential"),
    ] {
        assert_eq!(bad(&described(&rest), &[]), [format!("{AT}.{key}")], "{rest}");
    }
    for url in [
        "{token}",
        "https://{token}/",
        "https://acme.example{token}",
        "ftp://acme.example/",
        "https://acme.example/#{token}",
        "acme",
    ] {
        let vendor = format!("types = [\"acme\"]\nurl = \"{url}\"\n{token}\n{ok}");
        let formats = "[revocation.formats]\nacme = \"^a$\"";
        let keys = bad(&preset(&format!("{vendor}\n{formats}")), &[]);
        assert_eq!(keys, [format!("{AT}.url")], "{url}");
    }
    assert_eq!(bad(&preset(&format!("url = \"https://a.example\"\n{token}\n{ok}")), &[]).len(), 2);
}

#[test]
fn what_nobody_revokes_has_no_mode_that_revokes() {
    let notify = |rest: &str| format!("[[revocation.providers]]\nkind = \"notify\"\n{rest}\n");
    let config = good(&notify(""), &[]);
    let types = config.revocation.providers[1].types();
    for name in ["gitleaks_rule_id_aws", "gitleaks_rule_id_heroku_api_key"] {
        assert!(types.contains(&name.to_owned()), "{name}");
    }
    let modes =
        |mode: &str| notify(&format!("types = [\"acme\"]\n[revocation.modes]\nacme = \"{mode}\""));
    for mode in ["notify", "dry-run"] {
        good(&modes(mode), &[]);
    }
    for mode in ["revoke", "approve"] {
        assert_eq!(bad(&modes(mode), &[]), ["revocation.modes.acme"], "{mode}");
    }
    let twice = notify("types = [\"a\"]") + &notify("types = [\"b\"]");
    assert_eq!(bad(&twice, &[]), ["revocation.providers[1].kind"]);
}

/// All presets and all that is noted can stand beside one another.
#[test]
fn what_is_noted_is_claimed_by_no_preset() {
    use portcullis_revocation::formats::{Format, NOTED_TYPES};
    use portcullis_revocation::http::presets::Preset;
    for name in NOTED_TYPES {
        let claimed = Preset::all().values().any(|preset| preset.types.contains_key(name));
        assert!(!claimed && Format::built_in(name).is_none(), "{name}");
    }
}

#[test]
fn a_rate_is_never_faster_than_it_says() {
    let slow = "preset = \"slack\"\nrate = { requests = 2, per = \"1500ms\" }";
    let config = good(&preset(slow), &[]);
    let Provider::Http(slack) = &config.revocation.providers[1] else { panic!("one vendor") };
    assert_eq!(slack.call.rate().map(|rate| (rate.requests, rate.seconds)), Some((2, 2)));
}
