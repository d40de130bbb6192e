//! Going along the log of a database.

use super::{Fault, Verifier, Walk};
use crate::audit::{ChainId, Checkpoint};
use crate::{Store, StoreError};

/// Entries that are read at a time.
const PAGE: u32 = 1000;

impl Store {
    /// Goes along the whole log, which may grow meanwhile. `progress` hears of entries as they are passed.
    pub async fn verify_audit(
        &self,
        verifier: &mut Verifier<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<(), StoreError> {
        // One that is not ours is told where it stands.
        let ends = self.audit_ends(verifier.key, 0, PAGE).await?;
        verifier.to_come = ends.heads.into_iter().map(|head| (head.chain, head.seq)).collect();
        loop {
            self.register(verifier, progress).await?;
            let mut moved = false;
            // A chain that was passed has grown since, and one that was passed later tells of it; and so may what is
            // read of it now.
            for walk in verifier.behind() {
                let last = walk.last();
                moved |= self.go_along(verifier, walk, last, progress).await? > last;
            }
            if !moved {
                return self.strangers(verifier).await;
            }
        }
    }

    /// Goes along the chains that were not passed yet.
    async fn register(
        &self,
        verifier: &mut Verifier<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<(), StoreError> {
        loop {
            let chains = self.audit_chains(verifier.last_number, PAGE).await?;
            if chains.is_empty() {
                return Ok(());
            }
            for row in &chains {
                if let Some(walk) = verifier.chain(row, false) {
                    // Also what has a number that none of ours can have.
                    self.go_along(verifier, walk, i64::MIN, progress).await?;
                }
            }
        }
    }

    /// How far it came.
    async fn go_along(
        &self,
        verifier: &mut Verifier<'_>,
        mut walk: Walk,
        mut after: i64,
        progress: &dyn Fn(u64),
    ) -> Result<i64, StoreError> {
        loop {
            let rows = self.audit_entries(&walk.chain, after, PAGE).await?;
            let next = walk.last().saturating_add(1);
            if rows.first().is_none_or(|row| row.seq > next)
                && let Some(left) = self.checkpoint_of(verifier, &walk.chain).await?
            {
                walk.skip(&left);
            }
            for row in &rows {
                verifier.entry(&mut walk, row);
            }
            progress(rows.len() as u64);
            match rows.last() {
                Some(row) if rows.len() == PAGE as usize => after = row.seq,
                _ => {
                    let last = walk.last();
                    verifier.pause(walk);
                    return Ok(last);
                }
            }
        }
    }

    /// What retention has left by now: it may have been there since the chain was looked up.
    async fn checkpoint_of(
        &self,
        verifier: &Verifier<'_>,
        chain: &ChainId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let Some((number, ..)) = verifier.walks.get(chain) else { return Ok(None) };
        let rows = self.audit_chains(number - 1, 1).await?;
        let row = rows.into_iter().find(|row| row.chain == chain);
        let sealed = row.and_then(|row| row.checkpoint);
        Ok(sealed.and_then(|sealed| Checkpoint::open(verifier.key, *number, chain, &sealed)))
    }

    /// Entries of chains that are not registered: a chain is registered with its first entry.
    async fn strangers(&self, verifier: &mut Verifier<'_>) -> Result<(), StoreError> {
        let mut after = Vec::new();
        while let Some(chain) = self.next_audited_chain(&after).await? {
            let known = ChainId::try_from(chain.as_slice())
                .is_ok_and(|id| verifier.walks.contains_key(&id));
            if !known && !self.is_registered_since(&chain, verifier.last_number).await? {
                verifier.wrong(None, Some(chain.clone()), Fault::Unregistered);
            }
            after = chain;
        }
        Ok(())
    }

    async fn is_registered_since(&self, chain: &[u8], number: i64) -> Result<bool, StoreError> {
        let younger = self.audit_chains(number, PAGE).await?;
        Ok(younger.iter().any(|row| row.chain == chain))
    }
}
