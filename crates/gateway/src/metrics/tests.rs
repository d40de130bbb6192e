//! What is written beside the code about metrics is true.

use std::collections::BTreeSet;
use std::path::Path;

use super::list::ALL;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const RULES: &str = include_str!("../../../../packaging/prometheus/portcullis.rules.yml");
const ALERTS: &str = include_str!("../../../../docs/alerts.md");
const GUIDE: &str = include_str!("../../../../docs/metrics.md");

/// Whatever looks like the name of a metric of ours.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("portcullis_") || word.starts_with("process_")).collect()
}

/// Whether there is such a metric, or such a part of a histogram.
fn is_declared(name: &str) -> bool {
    let whole = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    ALL.iter().any(|one| one.name == name || Some(one.name) == whole)
}

#[test]
fn every_metric_that_is_spoken_of_is_declared() {
    let rules = named(RULES);
    assert!(rules.len() > 10, "{rules:?}");
    for name in rules.iter().chain(&named(ALERTS)).chain(&named(GUIDE)) {
        // `portcullis_queue_…` in a text stands for several.
        let several = name.ends_with('_') && ALL.iter().any(|one| one.name.starts_with(name));
        assert!(is_declared(name) || several, "{name}");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let alerts: Vec<&str> = RULES.split("- alert: ").skip(1).collect();
    let headings: BTreeSet<&str> =
        ALERTS.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(alerts.len(), headings.len());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        assert!(headings.contains(name), "{name} is not explained");
        let value = |key: &str| {
            let found = alert.lines().find_map(|line| line.trim().strip_prefix(key));
            found.unwrap_or_else(|| panic!("{name} has no {key}")).trim()
        };
        assert!(value("summary:").len() > 10 && value("action:").len() > 10, "{name}");
        let place = format!("docs/alerts.md#{}", name.to_ascii_lowercase());
        assert_eq!(value("runbook:"), place);
        assert!(["critical", "warning"].contains(&value("severity:")), "{name}");
    }
}

#[test]
fn promtool_takes_the_rules_and_finds_that_they_say_what_they_should() {
    let folder = Path::new(ROOT).join("packaging/prometheus");
    for (act, file) in [("check", "portcullis.rules.yml"), ("test", "portcullis.tests.yml")] {
        let mut promtool = std::process::Command::new("promtool");
        // Where it is not installed the tests above are all there is.
        if let Ok(output) = promtool.args([act, "rules", file]).current_dir(&folder).output() {
            assert!(output.status.success(), "{output:?}");
        }
    }
}
