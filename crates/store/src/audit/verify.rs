//! Whether the log is as it was written.

mod database;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::walk::Found;
use super::{AuditKey, ChainId, ChainRow, Checkpoint, Head, Row};

pub use super::walk::Walk;

/// Places that are tried for an entry that is not where it was written, in all.
const PLACES: i64 = 1_000_000;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Entries from here up to this one are not there.
    Missing {
        /// The last of them.
        to: i64,
    },
    /// It was changed after it was written: the entry, or its time.
    Edited,
    /// It has a MAC that this log's key never made for it: written with another key, or changed together
    /// with its MAC.
    Foreign,
    /// It was written elsewhere.
    Moved {
        /// In this chain.
        chain: ChainId,
        /// As this entry.
        seq: i64,
    },
    /// It is whole, and names another one as the one before.
    Unlinked,
    /// An entry of this number came before.
    Repeated,
    /// Entries from here up to this one are not there, of which an exported head or another chain knows.
    Cut {
        /// The last of which something is known.
        to: i64,
    },
    /// The chain is not there, of which the order of chains, an exported head or another chain knows.
    NoChain,
    /// It is whole, and not the entry that was there when a head was exported.
    Rewritten,
    /// Its chain is not registered.
    Unregistered,
    /// What retention left was not sealed for this chain.
    BadCheckpoint,
    /// The first entry names another number, or another chain before its own, than the register has.
    Misplaced,
}

impl Fault {
    /// Stable, for machines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Edited => "edited",
            Self::Foreign => "foreign",
            Self::Moved { .. } => "moved",
            Self::Unlinked => "unlinked",
            Self::Repeated => "repeated",
            Self::Cut { .. } => "cut",
            Self::NoChain => "no_chain",
            Self::Rewritten => "rewritten",
            Self::Unregistered => "unregistered",
            Self::BadCheckpoint => "bad_checkpoint",
            Self::Misplaced => "misplaced",
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The chain's number, as far as it has one.
    pub number: Option<i64>,
    /// The chain, as far as it is known.
    pub chain: Option<Vec<u8>>,
    /// The entry.
    pub seq: Option<i64>,
    /// When the entry, or the one behind the gap, says that it was written.
    pub at: Option<i64>,
    /// What is wrong.
    pub fault: Fault,
}

/// A chain that was gone along.
#[derive(Debug, Clone)]
pub struct Passed {
    /// Its number.
    pub number: i64,
    /// The chain.
    pub chain: ChainId,
    /// Its last entry.
    pub seq: i64,
    /// Its last entry that retention took, if any.
    pub removed: Option<i64>,
    /// Whether its process was stopped in order.
    pub closed: bool,
    /// When its last whole entry was written.
    pub at: Option<i64>,
}

/// What an entry tells of other chains.
#[derive(Deserialize)]
struct Naming {
    event: String,
    number: Option<i64>,
    before: Option<Before>,
    #[serde(default)]
    heads: Vec<(String, i64)>,
}

#[derive(Deserialize)]
struct Before {
    chain: String,
    mac: Option<String>,
}

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
            places,
            to_come: Vec::new(),
            entries: 0,
        }
    }

    /// The next chain of the register. `None` where it cannot be gone along.
    pub fn chain(&mut self, row: &ChainRow, partial: bool) -> Option<Walk> {
        for number in self.last_number + 1..row.number {
            self.wrong(Some(number), None, Fault::NoChain);
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
        self.before = Some((walk.chain, walk.opening()));
        if let Some(kept) = self.walks.get_mut(&walk.chain) {
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

    /// Where an entry was written that is not ours here.
    fn elsewhere(&mut self, walk: &Walk, row: &Row) -> Option<Fault> {
        let around = (row.seq - 1000).max(0)..=row.seq.saturating_add(1000);
        let own = around.map(|seq| (walk.chain, seq));
        let whole = self.walks.iter().flat_map(|(chain, (_, passed, _))| {
            let last = passed.last().max(self.known.get(chain).copied().unwrap_or(0));
            (0..=last.saturating_add(1000)).map(|seq| (*chain, seq))
        });
        let to_come =
            self.to_come.iter().flat_map(|(chain, last)| (0..=*last).map(|seq| (*chain, seq)));
        let mut tried = 0;
        let budget = usize::try_from(self.places).unwrap_or(0);
        let mut places = own.chain(whole).chain(to_come).take(budget).inspect(|_| tried += 1);
        let found = places.find(|(chain, seq)| row.is_of(self.key, chain, *seq));
        self.places -= tried;
        let (chain, seq) = found?;
        Some(Fault::Moved { chain, seq })
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

    /// What a whole entry tells of other chains. Only ours are read at all.
    fn learn(&mut self, walk: &Walk, row: &Row) {
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
        if row.seq != 0 || naming.event != super::OPEN {
            return;
        }
        let number = self.walks.get(&walk.chain).map(|kept| kept.0);
        let before = naming.before.map(|before| (before.chain, before.mac));
        let fits = match (&self.before, before) {
            (None, None) => true,
            // What is before was found to be wrong, or is not whole.
            (None | Some((_, None)), Some(_)) => naming.number != Some(1),
            (Some((chain, Some(mac))), Some(before)) => {
                before == (hex::encode(chain), Some(hex::encode(mac)))
            }
            (Some(_), None) => false,
        };
        if naming.number != number || !fits {
            self.wrong(number, Some(walk.chain.to_vec()), Fault::Misplaced);
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
