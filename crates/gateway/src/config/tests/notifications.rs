//! `[[notifications]]`.

use std::fs;

use portcullis_base::secret::ExposeSecret as _;
use portcullis_revocation::notify::Format;
use portcullis_store::queue::State;

use super::super::*;
use super::{Setup, bad, good};

const HOOK: &str = "[[notifications]]\nname = \"a\"\nurl = \"https://a.example/x?key=y\"\n";

fn hook(rest: &str) -> Notification {
    good(&format!("{HOOK}{rest}"), &[]).notifications.remove(0)
}

#[test]
fn what_is_left_out_is_the_default() {
    assert!(good("", &[]).notifications.is_empty());
    let one = hook("format = \"slack\"");
    assert_eq!((one.name.as_str(), one.format), ("a", Format::Slack));
    assert_eq!(one.types, ["*"]);
    assert!(!one.on.contains(&State::Simulated) && !one.on.contains(&State::Cancelled));
    assert_eq!(one.on.len(), 7);
    assert!(one.signing_secret.is_none() && one.ca_file.is_none());
    assert!(!format!("{one:?}").contains("example"), "its address is a secret");
    let two = hook("format = \"json\"\ntypes = [\"t\"]\non = [\"cancelled\"]");
    assert_eq!((two.types, two.on), (vec!["t".to_owned()], vec![State::Cancelled]));
}

#[test]
fn every_problem_is_told_at_once() {
    let text = r#"
        [[notifications]]
        colour = "red"
        [[notifications]]
        name = "a b"
        url = "http://a.example"
        format = "xml"
        types = []
        on = ["pending", "dead"]
        [[notifications]]
        name = "c"
        url = "https://a.example"
        format = "slack"
        types = ["*", "x y"]
        on = []
        signing_secret = "a-key-of-22-or-more-characters"
        ca_file = "/nowhere.pem"
        [[notifications]]
        name = "c"
        url = "https://b.example"
        format = "json"
    "#;
    let mut keys = bad(text, &[]);
    keys.sort();
    let expected = [
        "notifications[0].colour",
        "notifications[0].format",
        "notifications[0].name",
        "notifications[0].url",
        "notifications[1].format",
        "notifications[1].name",
        "notifications[1].on",
        "notifications[1].on[0]",
        "notifications[1].on[1]",
        "notifications[1].types",
        "notifications[1].url",
        "notifications[2].ca_file",
        "notifications[2].on",
        "notifications[2].signing_secret",
        "notifications[2].types[1]",
        "notifications[3].name",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn an_address_is_https_or_on_loopback_and_never_repeated() {
    let with = |url: &str| {
        let text = format!("[[notifications]]\nname = \"a\"\nformat = \"json\"\nurl = {url:?}\n");
        Setup::new().read(&text, &[]).config
    };
    for url in ["https://a.example", "http://127.0.0.1:7/x", "http://[::1]/", "http://localhost"] {
        assert!(with(url).is_ok(), "{url}");
    }
    for url in [
        "",
        "s3cret",
        "http://s3cret.example",
        "ftp://s3cret",
        "https://u:s3cret@a.example",
        "https://s3cret@a.example",
        "https://a.example/#s3cret",
        "https://",
        "file:///s3cret",
    ] {
        let problems = with(url).unwrap_err();
        assert_eq!(problems.len(), 1, "{url}");
        assert_eq!(problems[0].key, "notifications[0].url");
        assert!(!problems[0].problem.contains("s3cret"), "{url}");
    }
}

#[test]
fn its_secrets_may_stand_in_files() {
    let setup = Setup::new();
    let (url, key) = (setup.0.path().join("url"), setup.0.path().join("key"));
    fs::write(&url, "https://a.example/x\n").unwrap();
    fs::write(&key, "a-key-of-22-or-more-characters\n").unwrap();
    let text = format!(
        "[[notifications]]\nname = \"a\"\nformat = \"json\"\nurl_file = {url:?}\nsigning_secret_file = {key:?}\n"
    );
    let one = setup.read(&text, &[]).config.unwrap().notifications.remove(0);
    assert_eq!(one.url.expose_secret(), "https://a.example/x");
    assert_eq!(one.signing_secret.unwrap().expose_secret(), "a-key-of-22-or-more-characters");
}
