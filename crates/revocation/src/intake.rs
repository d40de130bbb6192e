//! Taking reports in: recognised, fingerprinted, judged by format, sealed, committed.

mod hide;
mod signed;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap, hash_map};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_base::Randomness;
use portcullis_base::seal::SealError;
use portcullis_base::secret::{ExposeSecret as _, SecretString};
use portcullis_store::queue::State;
use portcullis_store::report::{Entry, NewRevocation, Sighting};
use portcullis_store::{Fingerprint, Store};
use sha2::{Digest as _, Sha256};

use crate::catalog::{Catalog, Handling, Mode};
use crate::error::QueueError;
use crate::formats::PAT_TYPE;
use crate::own::{NoOwnTokens, OwnTokens, SignedTokens};
use crate::vault::Vault;

pub use hide::hide;

/// The name of the provider for our own tokens.
pub const OWN_PROVIDER: &str = "portcullis";

/// The most bytes that are kept of a location.
pub const LONGEST_LOCATION: usize = 2048;

/// How long a count of what waits is good for.
const COUNT_FOR: Duration = Duration::from_secs(1);

/// Secrets that are judged before others have their turn: each may cost the proof of a signature.
const AT_A_STRETCH: usize = 32;

/// One reported secret.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the reporter takes it for.
    pub token_type: String,
    /// The secret.
    pub secret: SecretString,
    /// Where it was found.
    pub location: Option<String>,
}

/// Where every way in ends.
pub struct Intake {
    store: Store,
    vault: Vault,
    catalog: Catalog,
    own: Arc<dyn OwnTokens>,
    signed: Arc<dyn SignedTokens>,
    random: Arc<dyn Randomness>,
    counted: Mutex<Option<(Instant, u64)>>,
    count_up_to: u64,
}

/// One secret of a batch with all that was reported of it.
struct Group {
    secret: SecretString,
    token_type: String,
    sightings: Vec<Sighting>,
    /// Where in `sightings` each digest is.
    places: HashMap<[u8; 16], usize>,
}

impl Intake {
    /// An intake into `store`. [`Self::waiting`] counts no further than `count_up_to`.
    pub fn new(
        store: Store,
        vault: Vault,
        catalog: Catalog,
        own: Arc<dyn OwnTokens>,
        random: Arc<dyn Randomness>,
        count_up_to: u64,
    ) -> Self {
        let (signed, counted) = (Arc::new(NoOwnTokens), Mutex::new(None));
        Self { store, vault, catalog, own, signed, random, counted, count_up_to }
    }

    /// The same, which also knows these tokens that verify by their signature alone.
    #[must_use]
    pub fn with_signed(self, signed: Arc<dyn SignedTokens>) -> Self {
        Self { signed, ..self }
    }

    /// The types that are offered, sorted.
    pub fn types(&self) -> &[String] {
        self.catalog.types()
    }

    /// Whether this type is taken.
    pub fn offers(&self, token_type: &str) -> bool {
        self.catalog.handling(token_type).is_some()
    }

    /// The identity of a secret's row.
    pub fn fingerprint(&self, secret: &SecretString) -> Fingerprint {
        self.vault.fingerprint(secret)
    }

    /// Of each of these, in their order, whether it is ours: one that we made, lent or signed, whatever its
    /// type is said to be. A report of it is to be accepted under any type.
    pub async fn ours(&self, secrets: &[&SecretString]) -> Result<Vec<bool>, QueueError> {
        let mut ours: Vec<bool> =
            secrets.iter().map(|secret| self.recognises(secret.expose_secret())).collect();
        // What was lent says nothing of it: only the database knows.
        let others: Vec<(usize, Fingerprint)> = (0..secrets.len())
            .filter(|index| !ours[*index])
            .map(|index| (index, self.vault.fingerprint(secrets[index])))
            .collect();
        if others.is_empty() {
            return Ok(ours);
        }
        let fingerprints: Vec<Fingerprint> = others.iter().map(|(_, one)| *one).collect();
        let lent = self.store.lent(&fingerprints).await?;
        for (index, fingerprint) in others {
            ours[index] = lent.contains(&fingerprint);
        }
        Ok(ours)
    }

    fn recognises(&self, secret: &str) -> bool {
        self.own.recognise(secret).is_some() || self.signed.recognise(secret).is_some()
    }

    /// Commits a batch in one transaction. When it returns `Ok`, every secret in it is in the
    /// queue, and those of our own tokens are dead; what brought those that cannot die brings no more.
    pub async fn accept(&self, reporter: &str, reports: Vec<Report>) -> Result<(), QueueError> {
        let groups = self.group(reporter, reports);
        let (mut origins, mut batch) = (Vec::new(), Vec::with_capacity(groups.len()));
        for (fingerprint, group) in groups {
            if batch.len() % AT_A_STRETCH == AT_A_STRETCH - 1 {
                tokio::task::yield_now().await;
            }
            let Some(signed) = self.signed.recognise(group.secret.expose_secret()) else {
                batch.push(self.row(fingerprint, group)?);
                continue;
            };
            let (row, origin) = self.noted(fingerprint, group, signed);
            origins.extend(origin);
            batch.push(row);
        }
        if !origins.is_empty() {
            self.signed.refuse(&origins).await?;
        }
        let own: Vec<String> = batch.iter().filter_map(|row| row.pat_digest.clone()).collect();
        let reported = self.store.report(&batch).await;
        // Also those that an earlier report made tombstones, here or at another replica, and also
        // where the commit's answer was lost: nothing remembered of them may outlive this answer.
        self.own.tombstoned(&own);
        reported?;
        Ok(())
    }

    /// How many secrets wait to be revoked, at the most the bound given to [`Self::new`], and at
    /// most a second old.
    pub async fn waiting(&self) -> Result<u64, QueueError> {
        let known = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, count)) = known
            && at.elapsed() < COUNT_FOR
        {
            return Ok(count);
        }
        let count = self.store.waiting(self.count_up_to).await?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted = Some((Instant::now(), count));
        Ok(count)
    }

    /// Each secret once, in the order of fingerprints, which is the order of locks.
    fn group(&self, reporter: &str, reports: Vec<Report>) -> BTreeMap<Fingerprint, Group> {
        let mut groups = BTreeMap::new();
        for report in reports {
            let sighting = sighting(reporter, &report);
            match groups.entry(self.vault.fingerprint(&report.secret)) {
                Slot::Vacant(slot) => {
                    slot.insert(Group {
                        secret: report.secret,
                        token_type: report.token_type,
                        places: HashMap::from([(sighting.digest, 0)]),
                        sightings: vec![sighting],
                    });
                }
                Slot::Occupied(slot) => self.join(slot.into_mut(), report.token_type, sighting),
            }
        }
        groups
    }

    /// Of several types claimed for one secret, the first one counts that its format bears out and by which it
    /// dies; where there is none, the first that its format bears out.
    fn join(&self, group: &mut Group, token_type: String, sighting: Sighting) {
        let secret = group.secret.expose_secret();
        let ends = |token_type: &str| {
            let fits = |handling: &&Handling| handling.format.fits(secret);
            self.catalog.handling(token_type).filter(fits).map(|handling| match handling.mode {
                Mode::Notify | Mode::DryRun => Ends::Told,
                Mode::Approve | Mode::Revoke => Ends::Dead,
            })
        };
        if token_type != group.token_type && ends(&token_type) > ends(&group.token_type) {
            group.token_type = token_type;
        }
        match group.places.entry(sighting.digest) {
            hash_map::Entry::Occupied(known) => group.sightings[*known.get()].times += 1,
            hash_map::Entry::Vacant(fresh) => {
                fresh.insert(group.sightings.len());
                group.sightings.push(sighting);
            }
        }
    }

    fn row(&self, fingerprint: Fingerprint, group: Group) -> Result<NewRevocation, SealError> {
        let secret = group.secret.expose_secret();
        let pat_digest = self.own.recognise(secret);
        let handling = self.catalog.handling(&group.token_type);
        let (entry, code) = match (&pat_digest, handling) {
            (Some(_), _) => (Entry::Pending, None),
            (None, Some(handling)) => begin(handling, secret),
            (None, None) => (Entry::Ended(State::Refused), Some("unsupported_type")),
        };
        let (token_type, provider, mode) = match (&pat_digest, handling) {
            (Some(_), _) => (PAT_TYPE.to_owned(), OWN_PROVIDER, Mode::Revoke),
            (None, Some(h)) => (hide(&group.token_type, secret), h.provider.as_str(), h.mode),
            (None, None) => (hide(&group.token_type, secret), "none", Mode::Revoke),
        };
        let sealed = match entry {
            Entry::Pending | Entry::Held => {
                Some(self.vault.seal(&fingerprint, &group.secret, self.random.as_ref())?)
            }
            Entry::Ended(_) => None,
        };
        Ok(NewRevocation {
            fingerprint,
            token_type,
            provider: provider.to_owned(),
            mode: mode.as_str(),
            entry,
            code,
            reason: None,
            key_version: sealed.as_ref().map_or(self.vault.key_version(), |one| one.key_version),
            sealed: sealed.map(|one| one.bytes),
            pat_digest,
            sightings: group.sightings,
        })
    }
}

/// What a type brings about for a secret of its format, the lesser first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ends {
    Told,
    Dead,
}

/// Where a secret of a known type begins.
fn begin(handling: &Handling, secret: &str) -> (Entry, Option<&'static str>) {
    if !handling.format.fits(secret) {
        return (Entry::Ended(State::Refused), Some("format"));
    }
    match handling.mode {
        Mode::Revoke => (Entry::Pending, None),
        Mode::Approve => (Entry::Held, None),
        Mode::Notify => (Entry::Ended(State::Noted), Some("notify")),
        Mode::DryRun => (Entry::Ended(State::Simulated), Some("dry_run")),
    }
}

fn sighting(reporter: &str, report: &Report) -> Sighting {
    let secret = report.secret.expose_secret();
    let location = report.location.as_deref().map(|text| hide(text, secret));
    // Only now that no secret is in it, and again: what stands for a short one is longer.
    let location = location.map(|mut text| {
        text.truncate(text.floor_char_boundary(LONGEST_LOCATION));
        text
    });
    let location = location.filter(|text| !text.is_empty());
    let token_type = hide(&report.token_type, secret);
    let mut hash = Sha256::new();
    for part in [token_type.as_str(), reporter, location.as_deref().unwrap_or("")] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    Sighting { digest, token_type, reporter: reporter.to_owned(), location, times: 1 }
}
