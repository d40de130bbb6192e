//! What entries tell of other chains.

use serde::Deserialize;

use super::{Defect, Fault, Verifier, Walk};
use crate::audit::{ChainId, OPEN, Row};

/// What an entry tells of other chains.
#[derive(Deserialize)]
struct Naming {
    event: String,
    number: Option<i64>,
    before: Option<Before>,
    #[serde(default)]
    heads: Vec<(String, i64)>,
    #[serde(default)]
    unproven: Vec<Unproven>,
}

/// Chains whose ends were not ours when the ends were named.
#[derive(Deserialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unproven {
    number: i64,
    to: i64,
    chain: Option<String>,
}

#[derive(Deserialize)]
struct Before {
    chain: String,
    mac: Option<String>,
}

impl Verifier<'_> {
    /// What a whole entry tells of other chains. Only ours are read at all.
    pub(super) fn learn(&mut self, walk: &Walk, row: &Row) {
        if !row.entry.starts_with("{\"event\":\"audit.") {
            return;
        }
        let Ok(naming) = serde_json::from_str::<Naming>(&row.entry) else { return };
        for (chain, seq) in naming.heads {
            let mut id = ChainId::default();
            if hex::decode_to_slice(chain, &mut id).is_ok() {
                let known = self.known.entry(id).or_insert(seq);
                *known = seq.max(*known);
            }
        }
        for one in naming.unproven {
            self.tell_hidden(one, row.at);
        }
        if row.seq == 0 && naming.event == OPEN {
            self.beginning(walk, naming.number, naming.before);
        }
    }

    /// An end that was not ours when it was to be named. It is told however whole the chain is by now: who hid
    /// its end from us may have cut some of it off before he let us see it again.
    fn tell_hidden(&mut self, one: Unproven, at: i64) {
        if self.hidden.insert(one.clone()) {
            (self.tell)(Defect {
                number: Some(one.number),
                chain: one.chain.and_then(|chain| hex::decode(chain).ok()),
                seq: None,
                at: Some(at),
                fault: Fault::Hidden { to: one.to },
            });
        }
    }

    /// Whether a chain was begun where the register has it.
    fn beginning(&mut self, walk: &Walk, named: Option<i64>, before: Option<Before>) {
        let number = self.walks.get(&walk.chain).map(|kept| kept.0);
        let before = before.map(|before| (before.chain, before.mac));
        let fits = match (&self.before, before) {
            (None, None) => true,
            // What is before was found to be wrong, or is not whole.
            (None | Some((_, None)), Some(_)) => named != Some(1),
            (Some((chain, Some(mac))), Some(before)) => {
                before == (hex::encode(chain), Some(hex::encode(mac)))
            }
            (Some(_), None) => false,
        };
        if named != number || !fits {
            self.wrong(number, Some(walk.chain.to_vec()), Fault::Misplaced);
        }
    }
}
