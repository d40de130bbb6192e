//! What is to be sent of a report, and the count of all that is in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::AddAssign;

use portcullis_base::secret::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::finding::Finding;
use super::own;

/// What became of the findings of one type. All but `found` add up to it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// All of them.
    pub(super) found: u64,
    /// The report has no secret, or not all of it.
    pub(super) without_secret: u64,
    /// The gateway does not offer to revoke them.
    pub(super) not_offered: u64,
    /// The same secret at the same place once more.
    pub(super) repeated: u64,
    /// Taken by the gateway; with `--dry-run` what would be sent.
    pub(super) sent: u64,
    /// Not taken by the gateway.
    pub(super) rejected: u64,
    /// Not sent, or nobody knows whether they arrived.
    pub(super) undelivered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.without_secret += other.without_secret;
        self.not_offered += other.not_offered;
        self.repeated += other.repeated;
        self.sent += other.sent;
        self.rejected += other.rejected;
        self.undelivered += other.undelivered;
    }
}

/// Something to be sent.
pub(super) struct Item {
    /// Its type, as an index of [`Tally::types`].
    pub(super) kind: usize,
    /// Whether the gateway offers the type.
    pub(super) offered: bool,
    pub(super) secret: SecretString,
    pub(super) location: String,
}

/// All of a report.
#[derive(Default)]
pub(super) struct Tally {
    offered: HashSet<String>,
    names: HashMap<String, usize>,
    pub(super) types: Vec<(String, Counts)>,
    pub(super) items: Vec<Item>,
    seen: HashSet<[u8; 32]>,
}

impl Tally {
    /// For a gateway that offers these types.
    pub(super) fn new(offered: Vec<String>) -> Self {
        Self { offered: offered.into_iter().collect(), ..Self::default() }
    }

    /// Takes the next finding.
    pub(super) fn add(&mut self, finding: Finding) {
        let Finding { token_type, secret, location } = finding;
        let offered = self.offered.contains(&token_type) && !token_type.is_empty();
        let kind = self.kind(token_type);
        let (_, counts) = &mut self.types[kind];
        counts.found += 1;
        let Some(secret) = secret else {
            counts.without_secret += 1;
            return;
        };
        if !offered && !own::may_be(secret.expose_secret()) {
            counts.not_offered += 1;
        } else if self.seen.insert(digest(kind, &secret, &location)) {
            self.items.push(Item { kind, offered, secret, location });
        } else {
            counts.repeated += 1;
        }
    }

    /// The counts by type, and of all.
    pub(super) fn told(&self) -> (BTreeMap<&str, Counts>, Counts) {
        let mut all = Counts::default();
        self.types.iter().for_each(|(_, counts)| all += *counts);
        let by_type = self.types.iter().map(|(name, counts)| (name.as_str(), *counts));
        (by_type.collect(), all)
    }

    fn kind(&mut self, token_type: String) -> usize {
        if let Some(kind) = self.names.get(&token_type) {
            return *kind;
        }
        self.types.push((token_type.clone(), Counts::default()));
        self.names.insert(token_type, self.types.len() - 1);
        self.types.len() - 1
    }
}

fn digest(kind: usize, secret: &SecretString, location: &str) -> [u8; 32] {
    let secret = secret.expose_secret();
    let mut hash = Sha256::new();
    // With its length before it, no secret ends where a location begins.
    hash.update(kind.to_be_bytes());
    hash.update(secret.len().to_be_bytes());
    hash.update(secret);
    hash.update(location);
    hash.finalize().into()
}
