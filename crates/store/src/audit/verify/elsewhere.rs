//! Where an entry comes from that is not ours where it stands.

use super::{Fault, Verifier, Walk};
use crate::audit::Row;

impl Verifier<'_> {
    /// Where an entry was written that is not ours here.
    pub(super) fn elsewhere(&mut self, walk: &Walk, row: &Row) -> Option<Fault> {
        let around = row.seq.saturating_sub(1000).max(0)..=row.seq.saturating_add(1000);
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
}
