//! Going along one chain.

use super::verify::Fault;
use super::{AuditKey, CLOSING, ChainId, Checkpoint, MAC, Mac, NOTHING_BEFORE, Row};

/// Something that is not as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) seq: i64,
    pub(crate) at: Option<i64>,
    pub(crate) fault: Fault,
}

/// How far along a chain one is, and what the next entry must name.
#[derive(Debug, Clone)]
pub struct Walk {
    pub(crate) chain: ChainId,
    next: i64,
    /// `None` where the entry before is not whole, so that nobody knows.
    prev: Option<Mac>,
    /// One that is not ours as it is: what it is the next one may tell.
    doubtful: Option<Row>,
    closed: bool,
    last_at: Option<i64>,
    opening: Option<Mac>,
    /// Whether entries may be left out, as in an export of a part.
    partial: bool,
}

impl Walk {
    /// At the beginning of a chain, or behind what retention took.
    pub fn new(chain: ChainId, left: Option<&Checkpoint>, partial: bool) -> Self {
        Self {
            chain,
            next: left.map_or(0, |left| left.seq.saturating_add(1)),
            prev: Some(left.map_or(NOTHING_BEFORE, |left| left.mac)),
            doubtful: None,
            closed: left.is_some_and(|left| left.closed),
            last_at: None,
            opening: left.map(|left| left.opening),
            partial,
        }
    }

    /// Goes on behind what retention has taken meanwhile.
    pub(crate) fn skip(&mut self, left: &Checkpoint) {
        if left.seq > self.last() {
            self.next = left.seq.saturating_add(1);
            self.prev = Some(left.mac);
            self.opening = Some(left.opening);
            self.closed = left.closed;
        }
    }

    /// Whether only some of the entries are expected.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial
    }

    /// The last entry that was passed; -1 before the first.
    pub fn last(&self) -> i64 {
        self.next - 1
    }

    /// Whether the last one that is whole ends the chain in order.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// When the last one that is whole was written.
    pub fn last_at(&self) -> Option<i64> {
        self.last_at
    }

    /// The MAC of the last entry, where it is whole.
    pub(crate) fn mac(&self) -> Option<Mac> {
        self.prev.filter(|_| self.doubtful.is_none())
    }

    /// The MAC of the first entry, as far as it was whole.
    pub(crate) fn opening(&self) -> Option<Mac> {
        self.opening
    }

    /// Passes an entry. Whether it is whole, and what is found to be wrong here or before.
    pub(crate) fn step(
        &mut self,
        key: &AuditKey,
        row: &Row,
        found: &mut Vec<(Found, Row)>,
    ) -> bool {
        let whole = row.is_of(key, &self.chain, row.seq);
        self.judge(Some((row, whole)), found);
        let mut wrong = |seq, fault| {
            found.push((Found { seq, at: Some(row.at), fault }, row.clone()));
        };
        let contiguous = row.seq == self.next;
        if row.seq > self.next && !self.partial {
            wrong(self.next, Fault::Missing { to: row.seq - 1 });
        }
        if row.seq < self.next {
            wrong(row.seq, Fault::Repeated);
            return false;
        }
        if whole && contiguous && self.prev.is_some_and(|prev| prev != row.prev.as_slice()) {
            wrong(row.seq, Fault::Unlinked);
        }
        self.next = row.seq.saturating_add(1);
        self.prev = whole.then(|| row.mac.as_slice().try_into().ok()).flatten();
        if whole {
            self.last_at = Some(row.at);
            self.closed = row.entry.starts_with(CLOSING);
            if row.seq == 0 {
                self.opening = self.prev;
            }
        } else {
            self.doubtful = Some(row.clone());
        }
        whole
    }

    /// There are no more entries, for now.
    pub(crate) fn end(&mut self, found: &mut Vec<(Found, Row)>) {
        self.judge(None, found);
    }

    /// What the doubtful one is: one whose MAC its successor names was changed after it was written; any
    /// other has a MAC that was never made here.
    fn judge(&mut self, next: Option<(&Row, bool)>, found: &mut Vec<(Found, Row)>) {
        let Some(row) = self.doubtful.take() else { return };
        let named = next.is_some_and(|(next, whole)| {
            let follows = row.seq.checked_add(1) == Some(next.seq);
            whole && row.mac.len() == MAC && follows && next.prev == row.mac
        });
        let fault = if named { Fault::Edited } else { Fault::Foreign };
        found.push((Found { seq: row.seq, at: Some(row.at), fault }, row));
    }
}
