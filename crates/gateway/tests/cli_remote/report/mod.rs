//! `portcullis report`

mod delivery;
mod desk;
mod many;
mod template;
mod ways;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::binary::{Said, private_file, run};
use crate::support::{GITLAB_TYPE, REPORTING};

/// A finding of GitLab's secret detection.
fn vulnerability(token_type: &str, token: impl Into<Value>, line: u64) -> Value {
    // Spaces and capitals as rules have them.
    let rule = token_type.trim_start_matches("gitleaks_rule_id_").replace('_', " ").to_uppercase();
    json!({
        "id": "1", "name": rule, "severity": "Critical", "raw_source_code_extract": token.into(),
        "location": { "file": "a/b.env", "start_line": line, "commit": { "sha": "0000000" } },
        "identifiers": [{ "type": "gitleaks_rule_id", "name": "r", "value": rule }],
    })
}

/// A report with these findings in `folder`.
fn report_file(folder: &Path, found: &[Value]) -> &'static str {
    let report = json!({ "version": "15.2.4", "vulnerabilities": found,
        "scan": { "type": "secret_detection" } });
    fs::write(folder.join("report.json"), report.to_string()).unwrap();
    "report.json"
}

/// Some tokens of a GitLab, a line each.
fn tokens(count: u64) -> Vec<Value> {
    let token = |n| json!(format!("glpat-{n:020}"));
    (1..=count).map(|n| vulnerability(GITLAB_TYPE, token(n), n)).collect()
}

/// Runs `portcullis report FILE` as the client of the tests.
#[track_caller]
fn report(folder: &Path, url: &str, more: &[&str]) -> Said {
    private_file(folder, "client-token", REPORTING);
    let arguments = ["report", "report.json", "--url", url, "--token-file", "client-token"];
    let said = run(folder, &[&arguments, more].concat());
    for stream in [&said.out, &said.err] {
        assert!(!stream.contains("glpat-") && !stream.contains(REPORTING), "{said:?}");
    }
    said
}

/// A command that did not even begin: its one line, with the status 2.
#[track_caller]
fn refused(said: &Said) -> &str {
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert_eq!(said.err.lines().count(), 1, "{said:?}");
    said.err.trim_end()
}
