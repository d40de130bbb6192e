//! Tokens that are lent: each is due the moment it is made, only later.
//!
//! Whoever lends one says so first ([`Issuances::intend`]), then asks the provider for it, and then hands it
//! to [`Issuances::issue`], after which the queue revokes it in time whatever becomes of this process. Only
//! then may anybody be given the token. What was said and not done is for the sweep to find: it looks
//! through the tokens at the provider, whose names say which intent they belong to.

use std::sync::Arc;
use std::time::Duration;

use portcullis_base::clock::from_ms;
use portcullis_base::fault::{Point, point};
use portcullis_base::secret::SecretString;
use portcullis_base::{Clock, Randomness};
use portcullis_store::Store;
use portcullis_store::issuances::{NewIssuance, NewIssue, Once};
use portcullis_store::report::Sighting;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::vault::Vault;
use crate::{Fingerprint, QueueError};

pub use portcullis_store::issuances::{Digest, Intended, Stage, Trace};

/// The name of the provider that revokes lent tokens.
pub const LENT_PROVIDER: &str = "impersonation";

/// The type under which lent tokens are kept.
pub const LENT_TYPE: &str = "impersonation_token";

/// The duty of the sweep, which one replica has at a time.
const SWEEP: &str = "sweep";

/// So many pieces of what nobody needs are forgotten in one go: some ten thousand rows.
const FORGET_ROUNDS: usize = 20;

/// A token that is about to be asked for.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The provider's number of the user.
    pub user_id: u64,
    /// For whom; see [`digest`].
    pub job: Digest,
    /// How long the token may be handed out.
    pub lease: Duration,
    /// How long anything that comes of it can be alive: the provider's own expiry.
    pub live: Duration,
    /// Where the JWT may be used once: the [`digest`] of its issuer and `jti`, and how long to remember it.
    pub once: Option<(Digest, Duration)>,
}

/// A token that the provider has made.
#[derive(Debug)]
pub struct Made<'a> {
    /// The intent.
    pub id: &'a str,
    /// The provider's number of the token.
    pub token_id: u64,
    /// The provider's number of the user.
    pub user_id: u64,
    /// The token.
    pub token: &'a SecretString,
    /// How long from now it may live.
    pub lifetime: Duration,
    /// For whom it was made, in words for an operator.
    pub location: String,
}

/// A token that will be revoked in time, and may be handed out.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The identity of its row.
    pub fingerprint: Fingerprint,
    /// When it is revoked, by the database's clock.
    pub due_at: OffsetDateTime,
}

/// A token that was lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// The address of the provider that made it, where it is not the one at hand: the numbers mean nothing
    /// here, or something else.
    pub elsewhere: Option<String>,
    /// That provider's number of the user.
    pub user_id: u64,
    /// That provider's number of the token.
    pub token_id: u64,
}

/// Lends, and remembers.
#[derive(Clone)]
pub struct Issuances {
    store: Store,
    vault: Vault,
    random: Arc<dyn Randomness>,
    clock: Arc<dyn Clock>,
    instance: Arc<str>,
    provider: Arc<str>,
    /// Of this process, among replicas.
    holder: Arc<str>,
}

/// Stands for texts that belong together: SHA-256 of all of them, each with its length, so that no two lists
/// of texts are the same.
pub fn digest(texts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

impl Issuances {
    /// Over this database, which gets a name for this installation where it has none. `provider` is the
    /// address of who makes the tokens. Tells in the log where intents are open at another address.
    pub async fn open(
        store: Store,
        vault: Vault,
        random: Arc<dyn Randomness>,
        clock: Arc<dyn Clock>,
        provider: &str,
    ) -> Result<Self, QueueError> {
        let fresh = hex::encode(&random.uuid_v4()[..8]);
        let instance = store.instance(&fresh).await?.into();
        let holder = hex::encode(random.uuid_v4()).into();
        let elsewhere = store.open_elsewhere(provider).await?;
        if elsewhere > 0 {
            tracing::error!(
                impersonation.intents = elsewhere,
                "tokens were asked for at another GitLab, and nobody knows what came of it: whatever was made there dies by \
                 its own expiry alone"
            );
        }
        let provider = provider.into();
        Ok(Self { store, vault, random, clock, instance, provider, holder })
    }

    /// This installation's name among others that share a provider: 16 hex digits, made once.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The present moment by this process's clock: for what is said to the provider and to people. What
    /// is due when is the database's to say.
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// Commits that a token will be asked for. Gives the intent's name, or `None` where the JWT may be used
    /// once, and was.
    pub async fn intend(&self, intent: Intent) -> Result<Option<String>, QueueError> {
        let id = Uuid::from_bytes(self.random.uuid_v4()).to_string();
        let new = NewIssuance {
            id: id.clone(),
            provider: self.provider.to_string(),
            user_id: stored(intent.user_id),
            job: intent.job,
            lease: intent.lease,
            live: intent.live,
            once: intent.once.map(|(digest, keep)| Once { digest, keep }),
        };
        let intended = match self.store.intend(&new).await {
            Ok(intended) => intended,
            Err(error) => {
                // The commit may have worked all the same: then nothing comes of it, and the JWT is as good
                // as before.
                drop(self.store.unuse(&id).await);
                return Err(error.into());
            }
        };
        point(Point::Intended);
        Ok(match intended {
            Intended::Open => Some(id),
            Intended::UsedBefore => None,
        })
    }

    /// The provider has made the token: plans its revocation. `None` where it must not be handed out, since
    /// the lease has run out or the job was ended: the sweep revokes it.
    pub async fn issue(&self, made: Made<'_>) -> Result<Option<Planned>, QueueError> {
        point(Point::Created);
        let fingerprint = self.vault.fingerprint(made.token);
        let sealed = self.vault.seal(&fingerprint, made.token, self.random.as_ref())?;
        let mut place = [0; 16];
        place.copy_from_slice(&digest(&[made.id])[..16]);
        let new = NewIssue {
            id: made.id.to_owned(),
            token_id: stored(made.token_id),
            fingerprint,
            token_type: LENT_TYPE,
            provider: LENT_PROVIDER,
            about: json!({ "id": made.token_id, "user_id": made.user_id }).to_string(),
            sealed: sealed.bytes,
            key_version: sealed.key_version,
            lifetime: made.lifetime,
            sighting: Sighting {
                digest: place,
                token_type: LENT_TYPE.to_owned(),
                reporter: LENT_PROVIDER.to_owned(),
                location: Some(made.location.replace('\0', "\u{fffd}")),
                times: 1,
            },
        };
        let due = self.store.issue(&new).await?;
        Ok(due.map(|due| Planned { fingerprint, due_at: from_ms(due) }))
    }

    /// The provider made no token, and will make none for this intent.
    pub async fn refuse(&self, id: &str) -> Result<(), QueueError> {
        Ok(self.store.refuse_issuance(id).await?)
    }

    /// Nobody knows whether the provider made a token, and nobody was given one: the JWT may be used again.
    pub async fn unheard(&self, id: &str) -> Result<(), QueueError> {
        Ok(self.store.unuse(id).await?)
    }

    /// Everything that was issued for this job is due now, and what is being issued is not handed out.
    pub async fn end_job(&self, job: &Digest) -> Result<u64, QueueError> {
        Ok(self.store.end_job(job).await?)
    }

    /// The token whose row this is.
    pub async fn find(&self, fingerprint: &Fingerprint) -> Result<Option<Lent>, QueueError> {
        let found = self.store.issued(fingerprint).await?;
        Ok(found.map(|issued| Lent {
            elsewhere: (*issued.provider != *self.provider).then_some(issued.provider),
            user_id: issued.user_id.cast_unsigned(),
            token_id: issued.token_id.cast_unsigned(),
        }))
    }

    /// Takes on the sweep for this long, or goes on with it; `false` where another replica has it.
    pub async fn take_sweep(&self, hold: Duration) -> Result<bool, QueueError> {
        Ok(self.store.take_duty(SWEEP, &self.holder, hold).await?)
    }

    /// The users whose tokens are to be looked through now, at most `limit`.
    pub async fn to_sweep(&self, limit: u32) -> Result<Vec<u64>, QueueError> {
        let users = self.store.to_sweep(&self.provider, limit).await?;
        Ok(users.into_iter().map(i64::cast_unsigned).collect())
    }

    /// Everybody for whom a token may still be alive.
    pub async fn users_with_tokens(&self) -> Result<Vec<u64>, QueueError> {
        let users = self.store.users_with_tokens(&self.provider).await?;
        Ok(users.into_iter().map(i64::cast_unsigned).collect())
    }

    /// What is known of these intents.
    pub async fn traces(&self, ids: &[&str]) -> Result<Vec<Trace>, QueueError> {
        let traces = self.store.traces(ids).await?;
        if traces.iter().any(|trace| trace.stage == Stage::Lost) {
            point(Point::OrphanFound);
        }
        Ok(traces)
    }

    /// This user's tokens were looked through.
    pub async fn looked_through(&self, user_id: u64) -> Result<(), QueueError> {
        Ok(self.store.looked_through(stored(user_id)).await?)
    }

    /// The token of an intent that nobody had heard of was found, and is dead.
    pub async fn swept(&self, id: &str, token_id: u64) -> Result<(), QueueError> {
        point(Point::OrphanRevoked);
        Ok(self.store.swept(id, stored(token_id)).await?)
    }

    /// Forgets what nobody needs any more; rows of lent tokens that ended longer ago than `keep`.
    pub async fn forget(&self, keep: Duration) -> Result<(), QueueError> {
        // Some at a time, so that no statement is long; what is left comes the next time.
        for _ in 0..FORGET_ROUNDS {
            if !self.store.forget_issuances(keep).await? {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Issuances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issuances({})", self.instance)
    }
}

/// As the database keeps a number: its columns are signed, and no provider counts that far.
fn stored(number: u64) -> i64 {
    number.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_run_together_are_told_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
    }
}
