//! Whether the audit log of all gateways is whole in the end, as `audit verify` tells it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::config;
use crate::process::Setup;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    /// One for each process that began to write.
    pub(crate) chains: usize,
    /// Chains without a last entry, since their process was killed.
    pub(crate) open: usize,
    pub(crate) entries: u64,
    /// What may not be.
    pub(crate) violations: Vec<String>,
}

/// A way to the log of one gateway's database, also when the gateway is gone.
#[derive(Debug)]
pub(crate) struct Log {
    binary: PathBuf,
    directory: PathBuf,
}

impl Log {
    /// As this gateway's configuration reaches it.
    pub(crate) fn of(setup: &Setup) -> Self {
        Self { binary: setup.binary.clone(), directory: setup.directory.clone() }
    }

    /// Verifies all chains. The database must be there, and nobody needs to be.
    pub(crate) async fn verify(self) -> Audited {
        let told = tokio::task::spawn_blocking(move || self.run()).await;
        judge(&told.expect("the verification does not panic"))
    }

    fn run(&self) -> Value {
        let done = Command::new(&self.binary)
            .args(["--json", "audit", "verify", "--config", config::FILE, "--data-dir", "data"])
            .current_dir(&self.directory)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .expect("the gateway's program starts");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        serde_json::from_slice(&done.stdout).unwrap_or(Value::String(said))
    }
}

fn judge(told: &Value) -> Audited {
    let Some(chains) = told["chains"].as_array() else {
        let violations = vec![format!("the audit log cannot be verified: {told}")];
        return Audited { violations, ..Audited::default() };
    };
    let mut violations = Vec::new();
    if told["whole"] != true {
        violations.push(format!("the audit log is not whole: {}", told["defects"]));
    }
    if chains.is_empty() {
        violations.push("nobody wrote an audit log".to_owned());
    }
    Audited {
        chains: chains.len(),
        open: chains.iter().filter(|chain| chain["closed"] != true).count(),
        entries: told["entries"].as_u64().unwrap_or_default(),
        violations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_whole_or_not_there_is_told() {
        let chains = json!([{ "closed": true }, { "closed": false }]);
        let whole = judge(&json!({ "whole": true, "entries": 7, "defects": [], "chains": chains }));
        assert_eq!((whole.chains, whole.open, whole.entries), (2, 1, 7));
        assert_eq!(whole.violations, [] as [String; 0]);
        for bad in [
            json!({ "whole": false, "defects": [{ "fault": "edited" }], "chains": chains }),
            json!({ "whole": true, "chains": [] }),
            json!("no such command"),
        ] {
            assert_eq!(judge(&bad).violations.len(), 1, "{bad}");
        }
    }
}
