//! Whether the log is as it was written.

mod database;
mod elsewhere;
mod fault;
mod naming;

use std::collections::{BTreeMap, BTreeSet};

use super::walk::Found;
use super::{AuditKey, ChainId, ChainRow, Checkpoint, Head, Row};

pub use super::walk::Walk;
pub use fault::{Defect, Fault, Passed};

/// Places that are tried for an entry that is not where it was written, in all.
const PLACES: i64 = 1_000_000;

/// A verification under way.
pub struct Verifier<'a> {
    key: &'a AuditKey,
    /// By whom is told what is wrong, as it is found.
    tell: &'a mut dyn FnMut(Defect),
    walks: BTreeMap<ChainId, (i64, Walk, Option<i64>)>,
    /// The last entry of each chain of which somebody knows.
    known: BTreeMap<ChainId, i64>,
    /// The MACs of the entries that exported heads name.
    exported: BTreeMap<(ChainId, i64), super::Mac>,
    last_number: i64,
    before: Option<(ChainId, Option<super::Mac>)>,
    /// Of whose ends was told that they were not ours.
    hidden: BTreeSet<naming::Unproven>,
    places: i64,
    /// Where chains end that are still to come, for entries that were moved here from there.
    to_come: Vec<(ChainId, i64)>,
    /// Entries passed.
    pub entries: u64,
}

impl<'a> Verifier<'a> {
    /// Under this key. `heads` were exported before, and are proven.
    pub fn new(key: &'a AuditKey, heads: &[Head], tell: &'a mut dyn FnMut(Defect)) -> Self {
        let mut known = BTreeMap::new();
        for head in heads {
            let seq = known.entry(head.chain).or_insert(head.seq);
            *seq = head.seq.max(*seq);
        }
        let exported = heads.iter().map(|head| ((head.chain, head.seq), head.mac)).collect();
        let (walks, places) = (BTreeMap::new(), PLACES);
        Self {
            key,
            tell,
            walks,
            known,
            exported,
            last_number: 0,
            before: None,
            hidden: BTreeSet::new(),
            places,
            to_come: Vec::new(),
            entries: 0,
        }
    }

    /// The next chain of the register. `None` where it cannot be gone along.
    pub fn chain(&mut self, row: &ChainRow, partial: bool) -> Option<Walk> {
        let next = self.last_number.saturating_add(1);
        if next < row.number {
            // Told at once: a single row can make the gap as wide as numbers go.
            let to = row.number - 1;
            let fault = if next == to { Fault::NoChain } else { Fault::NoChains { to } };
            self.wrong(Some(next), None, fault);
            self.before = None;
        }
        self.last_number = row.number;
        let Ok(chain) = ChainId::try_from(row.chain.as_slice()) else {
            self.wrong(Some(row.number), Some(row.chain.clone()), Fault::Unregistered);
            self.before = None;
            return None;
        };
        let opened = row
            .checkpoint
            .as_ref()
            .map(|sealed| Checkpoint::open(self.key, row.number, &chain, sealed));
        if opened == Some(None) {
            self.wrong(Some(row.number), Some(row.chain.clone()), Fault::BadCheckpoint);
        }
        let left = opened.flatten();
        if let Some(left) = &left
            && self.exported.get(&(chain, left.seq)).is_some_and(|mac| *mac != left.mac)
        {
            self.wrong(Some(row.number), Some(row.chain.clone()), Fault::Rewritten);
        }
        let walk = Walk::new(chain, left.as_ref(), partial);
        self.walks.insert(chain, (row.number, walk.clone(), left.map(|left| left.seq)));
        Some(walk)
    }

    /// The next entry of a chain.
    pub fn entry(&mut self, walk: &mut Walk, row: &Row) {
        let mut found = Vec::new();
        let whole = walk.step(self.key, row, &mut found);
        self.report(walk, found);
        self.entries += 1;
        if whole {
            self.compare(walk, row);
            self.learn(walk, row);
        }
    }

    /// No more entries of the chain that was under way, if one was.
    pub fn pause_if(&mut self, walk: Option<Walk>) {
        if let Some(walk) = walk {
            self.pause(walk);
        }
    }

    /// No more entries of this chain, for now.
    pub fn pause(&mut self, mut walk: Walk) {
        let mut found = Vec::new();
        walk.end(&mut found);
        self.report(&walk, found);
        if let Some(kept) = self.walks.get_mut(&walk.chain) {
            // Others may have been gone along since.
            if kept.0 == self.last_number {
                self.before = Some((walk.chain, walk.opening()));
            }
            if walk.last() < 0 && !walk.is_partial() {
                let (number, chain) = (kept.0, walk.chain.to_vec());
                kept.1 = walk;
                self.wrong(Some(number), Some(chain), Fault::NoChain);
                return;
            }
            kept.1 = walk;
        }
    }

    /// Of whom more is known than was passed.
    fn behind(&self) -> Vec<Walk> {
        let behind = self.walks.iter().filter(|(chain, (_, walk, _))| {
            self.known.get(*chain).is_some_and(|seq| *seq > walk.last())
        });
        behind.map(|(_, (_, walk, _))| walk.clone()).collect()
    }

    /// Whether all that is known was there. The chains, in the order of their beginnings.
    pub fn finish(self) -> Vec<Passed> {
        let Self { tell, walks, known, .. } = self;
        for (chain, seq) in &known {
            let defect = match walks.get(chain) {
                None => (None, None, Fault::NoChain),
                // That nothing of it is there was told.
                Some((_, walk, _)) if walk.last() >= *seq || walk.last() < 0 => continue,
                Some((number, walk, _)) => {
                    (Some(*number), Some(walk.last() + 1), Fault::Cut { to: *seq })
                }
            };
            let (number, seq, fault) = defect;
            tell(Defect { number, chain: Some(chain.to_vec()), seq, at: None, fault });
        }
        let mut passed: Vec<Passed> = walks.into_iter().map(passed).collect();
        passed.sort_by_key(|one| one.number);
        passed
    }

    fn report(&mut self, walk: &Walk, found: Vec<(Found, Row)>) {
        let number = self.walks.get(&walk.chain).map(|kept| kept.0);
        for (Found { seq, at, fault }, row) in found {
            let fault = match fault {
                Fault::Foreign | Fault::Edited => self.elsewhere(walk, &row).unwrap_or(fault),
                other => other,
            };
            (self.tell)(Defect {
                number,
                chain: Some(walk.chain.to_vec()),
                seq: Some(seq),
                at,
                fault,
            });
        }
    }

    /// Whoever has the key can write the log anew, but not what was exported of it.
    fn compare(&mut self, walk: &Walk, row: &Row) {
        let exported = self.exported.get(&(walk.chain, row.seq));
        if exported.is_some_and(|mac| row.mac != mac) {
            let number = self.walks.get(&walk.chain).map(|kept| kept.0);
            (self.tell)(Defect {
                number,
                chain: Some(walk.chain.to_vec()),
                seq: Some(row.seq),
                at: Some(row.at),
                fault: Fault::Rewritten,
            });
        }
    }

    fn wrong(&mut self, number: Option<i64>, chain: Option<Vec<u8>>, fault: Fault) {
        (self.tell)(Defect { number, chain, seq: None, at: None, fault });
    }
}

fn passed((chain, (number, walk, removed)): (ChainId, (i64, Walk, Option<i64>))) -> Passed {
    let (seq, closed, at) = (walk.last(), walk.is_closed(), walk.last_at());
    Passed { number, chain, seq, removed, closed, at }
}
