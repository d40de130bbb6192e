//! A token was made: its revocation is in the queue before anybody is given it.

use std::time::Duration;

use portcullis_base::fault::{Point, point};

use super::millis;
use crate::dialect::{Sql, on, sql};
use crate::events::Event;
use crate::report::Sighting;
use crate::{Fingerprint, Store, StoreError};

/// A token that the provider has made.
#[derive(Debug, Clone)]
pub struct NewIssue {
    /// Of its intent.
    pub id: String,
    /// The provider's number of the token.
    pub token_id: i64,
    /// The identity of its row in the queue.
    pub fingerprint: Fingerprint,
    /// The type under which the row is kept.
    pub token_type: &'static str,
    /// The provider that revokes it.
    pub provider: &'static str,
    /// Which token it is, and whose, as JSON.
    pub about: String,
    /// The sealed token.
    pub sealed: Vec<u8>,
    /// Which master key sealed it.
    pub key_version: i32,
    /// How long from now it may live.
    pub lifetime: Duration,
    /// For whom it was made.
    pub sighting: Sighting,
}

/// When a token that was issued will be revoked, in milliseconds since 1970 by the database's clock.
pub type Due = i64;

const ISSUED: Sql = sql!(
    "UPDATE issuances SET state = 'issued', token_id = $2, fingerprint = $3
     WHERE id = $1 AND state = 'open' AND lease_until > " NOW
);
const QUEUE: Sql = sql!(
    "INSERT INTO revocations (fingerprint, token_type, provider, mode, state, sealed, key_version,
        created_at, armed_at, due_at, run_at, sightings, about)
     VALUES ($1, $2, $3, 'revoke', 'pending', $4, $5, " NOW ", " NOW ", " NOW " + $6, " NOW " + $6, 1, $7)
     RETURNING due_at"
);
const SEE: Sql = sql!(
    "INSERT INTO sightings (fingerprint, digest, token_type, reporter, location, times,
        first_seen_at, last_seen_at)
     VALUES ($1, $2, $3, $4, $5, 1, " NOW ", " NOW ")"
);

impl Store {
    /// Ends an open intent as issued and plans the revocation of its token, in one transaction. `None`
    /// where the intent's lease has run out, or the job was ended meanwhile: then the token must not
    /// be handed out, and the sweep revokes it.
    pub async fn issue(&self, new: &NewIssue) -> Result<Option<Due>, StoreError> {
        const NOTIFY: &str = "SELECT pg_notify('portcullis_due', '')";
        let (issued, queue, see) = (self.text(ISSUED), self.text(QUEUE), self.text(SEE));
        let shared = self.is_shared();
        let key = new.fingerprint.as_slice();
        let due: Option<Due> = on!(write self, conn => {
            let mut transaction = sqlx::Connection::begin(conn).await?;
            let ours = sqlx::query(issued).bind(&new.id).bind(new.token_id).bind(key)
                .execute(&mut *transaction).await?.rows_affected() == 1;
            if ours {
                let due: Due = sqlx::query_scalar(queue).bind(key).bind(new.token_type)
                    .bind(new.provider).bind(&new.sealed).bind(new.key_version)
                    .bind(millis(new.lifetime)).bind(&new.about).fetch_one(&mut *transaction).await?;
                let seen = &new.sighting;
                sqlx::query(see).bind(key).bind(seen.digest.as_slice()).bind(&seen.token_type)
                    .bind(&seen.reporter).bind(&seen.location).execute(&mut *transaction).await?;
                if shared {
                    // A worker that sleeps until something later must hear of it.
                    sqlx::query(NOTIFY).execute(&mut *transaction).await?;
                }
                point(Point::IssueWritten);
                transaction.commit().await?;
                Some(due)
            } else {
                transaction.rollback().await?;
                None
            }
        })?;
        if due.is_some() {
            point(Point::IssueCommitted);
            self.events().tell(Event::Due);
        }
        Ok(due)
    }
}
