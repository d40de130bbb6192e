//! What the audit log is told of ends.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Outcome, Settlement};
use crate::Fingerprint;
use crate::audit::Told;
use crate::audit::append::Chain;

/// One entry for a batch, which has each row's end: what it came to, why, at which provider.
pub(super) fn told(
    chain: &Chain,
    batch: &[Settlement],
    settled: &[(Vec<u8>, String)],
) -> Vec<Told> {
    let providers: BTreeMap<&[u8], &str> =
        settled.iter().map(|(row, provider)| (row.as_slice(), provider.as_str())).collect();
    let mut ends: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for settlement in batch {
        let Outcome::End { state, .. } = settlement.outcome else { continue };
        if let Some(provider) = providers.get(settlement.fingerprint.as_slice()) {
            let alike = ends.entry((provider, state.as_str(), settlement.code)).or_default();
            alike.push(short(&settlement.fingerprint));
        }
    }
    let ends: Vec<Value> = ends
        .into_iter()
        .map(|((provider, state, code), fingerprints)| {
            json!({ "provider": provider, "state": state, "code": code, "fingerprints": fingerprints })
        })
        .collect();
    if ends.is_empty() {
        return Vec::new();
    }
    vec![chain.tell_of_worker("revocation.end", [("ends", ends.into())])]
}

/// The same of rows that nobody asks for any more.
pub(super) fn given_up(chain: &Chain, rows: &[Vec<u8>]) -> Told {
    let rows: Vec<String> =
        rows.iter().map(|row| hex::encode(row.get(..4).unwrap_or(row))).collect();
    let end = json!({ "state": "failed", "code": "no_provider", "fingerprints": rows });
    chain.tell_of_worker("revocation.end", [("ends", json!([end]))])
}

fn short(fingerprint: &Fingerprint) -> String {
    hex::encode(&fingerprint[..4])
}
