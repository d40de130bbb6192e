//! The JSON report of gitleaks (version 8).

use serde::Deserialize;

use super::finding::{Finding, Place, type_of};
use super::loose::Loose;

const TYPE: &str = "gitleaks_rule_id";

/// A finding, by the names that gitleaks gives.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Leak {
    #[serde(rename = "RuleID")]
    rule_id: String,
    #[serde(default)]
    secret: Loose<String>,
    #[serde(default)]
    file: Loose<String>,
    #[serde(default)]
    start_line: Loose<u64>,
    #[serde(default)]
    commit: Loose<String>,
}

impl From<Leak> for Finding {
    fn from(leak: Leak) -> Self {
        let place = Place { file: leak.file.0, line: leak.start_line.0, commit: leak.commit.0 };
        Self::new(type_of(TYPE, &leak.rule_id), leak.secret.0, &place)
    }
}
