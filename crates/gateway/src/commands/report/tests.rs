//! Reports of both kinds, read whole.

use std::path::Path;

use portcullis_base::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::finding::Finding;
use super::read::{Opened, Told};
use super::tally::{Counts, Tally};
use crate::cli::ReportFormat::{self, Gitlab, Gitleaks};

/// Type, secret and location.
type Seen = (String, Option<String>, String);

fn read_as(format: Option<ReportFormat>, text: &[u8]) -> Result<(Told, Vec<Finding>), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    std::fs::write(&file, text).unwrap();
    let mut found = Vec::new();
    let opened = Opened::open(&file).unwrap();
    let told = opened.read(format, |reader| reader, &mut |one| found.push(one));
    let name = file.display().to_string();
    told.map(|told| (told, found)).map_err(|error| error.to_string().replace(&name, "R"))
}

fn read(text: &str) -> (Told, Vec<Seen>) {
    let (told, found) = read_as(None, text.as_bytes()).unwrap();
    let plain = |one: Finding| {
        let secret = one.secret.map(|secret| secret.expose_secret().to_owned());
        (one.token_type, secret, one.location)
    };
    (told, found.into_iter().map(plain).collect())
}

fn seen(token_type: &str, secret: Option<&str>, location: &str) -> Seen {
    (token_type.to_owned(), secret.map(str::to_owned), location.to_owned())
}

/// A finding as schema 15 has it.
fn vulnerability(rule: &str, extract: impl Into<Value>) -> Value {
    json!({
        "id": "5e1f", "name": rule, "description": rule, "severity": "Critical",
        "raw_source_code_extract": extract.into(),
        "location": {
            "file": "conf/deploy.env", "start_line": 12, "end_line": 12,
            "commit": { "author": "Ann", "sha": "6f2c01d9", "date": "2026-01-02T03:04:05Z" },
        },
        "identifiers": [
            { "type": "gitleaks_rule_id", "name": format!("Gitleaks rule ID {rule}"), "value": rule },
            { "type": "cwe", "name": "CWE-798", "value": "798" },
        ],
    })
}

fn report(version: &str, found: &Value) -> String {
    json!({
        "version": version, "vulnerabilities": found, "remediations": [],
        "scan": { "type": "secret_detection", "status": "success", "scanner": { "id": "gitleaks" } },
    })
    .to_string()
}

#[test]
fn schemas_14_and_15_are_read() {
    let mut old = vulnerability("Doppler API token", json!("dp.pt.x"));
    for (name, value) in [
        ("category", json!("secret_detection")),
        ("message", json!("Doppler API token detected")),
        ("cve", json!("conf/deploy.env:aa:Doppler API token")),
        ("confidence", json!("Unknown")),
        ("scanner", json!({ "id": "gitleaks", "name": "Gitleaks" })),
        (
            "location",
            json!({ "file": "conf/deploy.env", "commit": { "sha": "0000000" }, "start_line": 3 }),
        ),
    ] {
        old[name] = value;
    }
    let (told, found) = read(&report("14.1.2", &json!([old])));
    assert_eq!((told.format, told.warning), (Gitlab, None));
    let name = "gitleaks_rule_id_doppler_api_token";
    assert_eq!(found, [seen(name, Some("dp.pt.x"), "conf/deploy.env#L3")]);

    let found15 = json!([vulnerability("doppler", json!("dp.pt.x"))]);
    let (told, found) = read(&report("15.2.4", &found15));
    assert_eq!((told.format, told.warning), (Gitlab, None));
    let place = "6f2c01d9:conf/deploy.env#L12";
    assert_eq!(found, [seen("gitleaks_rule_id_doppler", Some("dp.pt.x"), place)]);

    let (told, found) = read(&report("16.0.0", &found15));
    assert!(told.warning.unwrap().contains("of schema 16.0.0"));
    assert_eq!(found.len(), 1, "a secret must not live because the schema is new");
}

#[test]
fn odd_findings_count_and_keep_nobody_else_alive() {
    let bare = |member: &str, value: Value| {
        let mut one = vulnerability("r", json!("s"));
        one[member] = value;
        one
    };
    let mut absent = vulnerability("r", Value::Null);
    absent.as_object_mut().unwrap().remove("raw_source_code_extract");
    let place = "6f2c01d9:conf/deploy.env#L12";
    let (named, whole) = ("gitleaks_rule_id_r", Some("s"));
    for (one, told) in [
        (absent, seen(named, None, place)),
        (vulnerability("r", Value::Null), seen(named, None, place)),
        (vulnerability("r", json!("")), seen(named, None, place)),
        (vulnerability("r", json!(7)), seen(named, None, place)),
        (vulnerability("r", json!(["s"])), seen(named, None, place)),
        (vulnerability("r", json!("[REDACTED]")), seen(named, None, place)),
        (vulnerability("r", json!(" 's' ")), seen(named, whole, place)),
        (bare("location", json!("here")), seen(named, whole, "")),
        (
            bare("location", json!({ "file": 7, "start_line": "x", "commit": [] })),
            seen(named, whole, ""),
        ),
        (
            bare("location", json!({ "file": "a", "start_line": -1, "commit": null })),
            seen(named, whole, "a"),
        ),
        (bare("identifiers", Value::Null), seen("", whole, place)),
        (bare("identifiers", json!([])), seen("", whole, place)),
        (
            bare("identifiers", json!([7, { "type": "a" }, { "type": "b", "value": "C d" }])),
            seen("b_c_d", whole, place),
        ),
        (json!({}), seen("", None, "")),
    ] {
        let good = vulnerability("r", json!("t"));
        let (_, found) = read(&report("15.0.0", &json!([one, good])));
        assert_eq!(found, [told, seen(named, Some("t"), place)], "{one}");
    }
}

#[test]
fn gitleaks_is_read() {
    let leak = json!({
        "RuleID": "Generic API-Key", "Description": "x", "StartLine": 4, "EndLine": 4, "Match": "k = 's'",
        "Secret": "s", "File": "a.py", "SymlinkFile": "", "Commit": "6f2c01d9", "Entropy": 3.5,
        "Author": "Ann", "Date": "", "Message": "", "Tags": [], "Fingerprint": "6f2c01d9:a.py:r:4",
    });
    let mut hidden = leak.clone();
    hidden["Secret"] = json!("REDACTED");
    hidden["Commit"] = json!("");
    let bare = json!({ "RuleID": "gitlab-pat" });
    let (told, found) = read(&json!([leak, hidden, bare]).to_string());
    assert_eq!(told.format, Gitleaks);
    let name = "gitleaks_rule_id_generic_api-key";
    let wanted = [
        seen(name, Some("s"), "6f2c01d9:a.py#L4"),
        seen(name, None, "a.py#L4"),
        seen("gitleaks_rule_id_gitlab-pat", None, ""),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn nothing_found_is_a_report() {
    for (text, format) in [
        (report("15.0.0", &json!([])), Gitlab),
        (r#"{"vulnerabilities":null}"#.to_owned(), Gitlab),
        ("\u{feff} \r\n[]\n".to_owned(), Gitleaks),
        ("null".to_owned(), Gitleaks),
    ] {
        let (told, found) = read(&text);
        assert_eq!((told.format, found.len()), (format, 0), "{text}");
    }
}

#[test]
fn what_is_no_report_is_told_in_one_line_without_a_word_of_it() {
    let deep = format!("[{{\"RuleID\":\"r\",\"x\":{}", "[".repeat(100_000));
    let sast = report("15.0.0", &json!([])).replace("secret_detection", "sast");
    let twice = r#"{"vulnerabilities":[],"vulnerabilities":[]}"#;
    let late = format!("{}x", report("15.0.0", &json!([])));
    for (format, text, told) in [
        (None, "", "R: is neither a report of GitLab nor of gitleaks: no JSON"),
        (None, " \n", "R: is neither a report of GitLab nor of gitleaks: no JSON"),
        (None, "glpat-s3cret", "R: is neither a report of GitLab nor of gitleaks: no JSON"),
        (None, "{", "R: ends too early (line 1, column 1)"),
        (None, "[{\"RuleID\":\"s3cret", "R: ends too early (line 1, column 18)"),
        (None, "{s3cret}", "R: is not JSON (line 1, column 2)"),
        (None, "{}", "R: is no report of GitLab: it has no vulnerabilities"),
        (None, "{\"runs\":[\"s3cret\"]}", "R: is no report of GitLab: it has no vulnerabilities"),
        (None, "{\"vulnerabilities\":\"s3cret\"}", "R: is no gitlab report (line 1, column 27)"),
        (None, "{\"vulnerabilities\":[\"s3cret\"]}", "R: is no gitlab report (line 1, column 28)"),
        (None, "[\n\"s3cret\"]", "R: is no gitleaks report (line 2, column 8)"),
        (None, "[{\"Secret\":\"s3cret\"}]", "R: is no gitleaks report (line 1, column 20)"),
        (None, "[{\"RuleID\":{\"s3cret\":1}}]", "R: is no gitleaks report (line 1, column 12)"),
        (None, "null s3cret", "R: is not JSON (line 1, column 6)"),
        (None, &sast, "R: is a report of the scan sast, not of secret_detection"),
        (None, &late, &format!("R: is not JSON (line 1, column {})", late.len())),
        (None, twice, "R: is no gitlab report (line 1, column 40)"),
        (Some(Gitleaks), "{}", "R: is no gitleaks report (line 1"),
        (Some(Gitlab), "[]", "R: is no gitlab report (line 1"),
        (None, &deep, "R: ends too early"),
    ] {
        let error = read_as(format, text.as_bytes()).unwrap_err();
        assert!(error.starts_with(told) && !error.contains('\n'), "{error} for {text:.80}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let error = read_as(None, b"[{\"RuleID\":\"\xff\"}]").unwrap_err();
    assert_eq!(error, "R: is not JSON (line 1, column 13)");
    assert!(Opened::open(Path::new("/nowhere/report.json")).is_err());
}

#[test]
fn all_findings_are_counted_once() {
    let mut tally = Tally::new(vec!["a".to_owned(), String::new()]);
    let finding = |kind: &str, secret: Option<&str>, location: &str| Finding {
        token_type: kind.to_owned(),
        secret: secret.map(Into::into),
        location: location.to_owned(),
    };
    for one in [
        finding("a", Some("s"), "x"),
        finding("a", Some("s"), "x"),
        finding("a", Some("s"), "y"),
        // The same bytes, cut elsewhere.
        finding("a", Some("sx"), ""),
        finding("a", None, "x"),
        finding("b", Some("s"), "x"),
        finding("b", Some("glpat-s"), "x"),
        finding("", Some("glpat-s"), "x"),
        finding("", Some("s"), "x"),
    ] {
        tally.add(one);
    }
    let offered: Vec<bool> = tally.items.iter().map(|item| item.offered).collect();
    assert_eq!(offered, [true, true, true, false, false]);
    let (types, all) = tally.told();
    let none = Counts::default();
    assert_eq!(types["a"], Counts { found: 5, without_secret: 1, repeated: 1, ..none });
    assert_eq!(types["b"], Counts { found: 2, not_offered: 1, ..none });
    assert_eq!(types[""], Counts { found: 2, not_offered: 1, ..none });
    assert_eq!(all, Counts { found: 9, without_secret: 1, not_offered: 2, repeated: 1, ..none });
}
