//! Looking for tokens that were made and never heard of.

use std::time::Duration;

use super::millis;
use crate::audit::Batch;
use crate::audit::append::recorded;
use crate::dialect::{Sql, on, sql};
use crate::{Store, StoreError};

/// How far an intent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its lease still runs: whoever asked may hand its token out.
    Leased,
    /// [`Store::to_sweep`] has found that its lease ran out: nobody will hand its token out, whatever the
    /// clock says later.
    Lost,
    /// Its token was handed out, or was to be, and the queue revokes it.
    Issued {
        /// The provider's number of that token.
        token_id: i64,
    },
    /// It ended without a token: refused, swept, or past its expiry.
    Ended,
}

/// What is known of an intent that a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The intent.
    pub id: String,
    /// Whose token it was to be.
    pub user_id: i64,
    /// How far it has come.
    pub stage: Stage,
}

#[derive(sqlx::FromRow)]
struct TraceRow {
    id: String,
    user_id: i64,
    state: String,
    leased: bool,
    token_id: Option<i64>,
}

/// How long until an intent that is still open is looked for again: five seconds while it is young, then
/// a twentieth of its age, up to a minute. A request that timed out is mostly carried out soon or never.
macro_rules! pause {
    ($now:literal) => {
        concat!(
            "CASE WHEN ",
            $now,
            " - created_at <= 100000 THEN 5000 ",
            "WHEN ",
            $now,
            " - created_at >= 1200000 THEN 60000 ",
            "ELSE (",
            $now,
            " - created_at) / 20 END"
        )
    };
}

/// No lease and no [`pause`] is longer than a minute: what waits for longer was planned by a clock that was set
/// back since.
pub(crate) const BACK: Sql = sql!(
    "UPDATE issuances SET lease_until = 0, sweep_at = " NOW
    " WHERE state = 'open' AND sweep_at > " NOW " + 65000"
);

impl Store {
    /// The users of this provider whose tokens are to be looked through now, at most `limit`, those with the youngest
    /// intents first: what timed out just now is carried out soonest.
    /// From then on the intents of theirs whose lease has run out can only be swept.
    pub async fn to_sweep(&self, provider: &str, limit: u32) -> Result<Vec<i64>, StoreError> {
        // Whatever the clock may do later, a lease that was seen to have run out does not come back.
        const VOID: Sql = sql!(
            "UPDATE issuances SET lease_until = 0
             WHERE state = 'open' AND sweep_at <= " NOW " AND lease_until BETWEEN 1 AND " NOW
        );
        const USERS: Sql = sql!(
            "SELECT user_id FROM issuances
             WHERE state = 'open' AND lease_until = 0 AND sweep_at <= " NOW " AND live_until > " NOW
            " AND provider = $2 GROUP BY user_id ORDER BY max(created_at) DESC, user_id LIMIT $1"
        );
        let (back, void, users) = (self.text(BACK), self.text(VOID), self.text(USERS));
        Ok(on!(write self, conn => {
            sqlx::query(back).execute(&mut *conn).await?;
            sqlx::query(void).execute(&mut *conn).await?;
            sqlx::query_scalar(users).bind(i64::from(limit)).bind(provider).fetch_all(&mut *conn).await?
        })?)
    }

    /// Everybody for whom a token of this provider may still be alive.
    pub async fn users_with_tokens(&self, provider: &str) -> Result<Vec<i64>, StoreError> {
        const USERS: Sql = sql!(
            "SELECT DISTINCT user_id FROM issuances WHERE live_until > " NOW
            " AND provider = $1 ORDER BY user_id"
        );
        let users = self.text(USERS);
        Ok(
            on!(read self, conn => sqlx::query_scalar(users).bind(provider).fetch_all(&mut *conn).await?)?,
        )
    }

    /// How many intents are open at other providers than this one. Nobody looks for what came of them: their users'
    /// numbers mean nothing here.
    pub async fn open_elsewhere(&self, provider: &str) -> Result<u64, StoreError> {
        const COUNT: Sql = sql!(
            "SELECT count(*) FROM issuances
             WHERE state = 'open' AND live_until > " NOW " AND provider <> $1"
        );
        let text = self.text(COUNT);
        let count: i64 = on!(read self, conn =>
            sqlx::query_scalar(text).bind(provider).fetch_one(&mut *conn).await?)?;
        Ok(count.cast_unsigned())
    }

    /// The intents of these names, as far as there are any.
    pub async fn traces(&self, ids: &[&str]) -> Result<Vec<Trace>, StoreError> {
        const FIND: Sql = Sql {
            postgres:
                "SELECT id, user_id, state, token_id, lease_until > 0 AS leased FROM issuances
                WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb))",
            sqlite: "SELECT id, user_id, state, token_id,
                    lease_until > 0 AS leased
                FROM issuances WHERE id IN (SELECT value FROM json_each($1))",
        };
        let text = self.text(FIND);
        let ids = serde_json::json!(ids).to_string();
        let rows: Vec<TraceRow> = on!(read self, conn =>
            sqlx::query_as(text).bind(&ids).fetch_all(&mut *conn).await?)?;
        Ok(rows.into_iter().map(Trace::from).collect())
    }

    /// This user's tokens were looked through: what is still open is looked for again after a pause.
    pub async fn looked_through(&self, user_id: i64) -> Result<(), StoreError> {
        const LATER: Sql = Sql {
            postgres: concat!(
                "UPDATE issuances SET sweep_at = ",
                "(extract(epoch from statement_timestamp()) * 1000)::bigint + ",
                pause!("(extract(epoch from statement_timestamp()) * 1000)::bigint"),
                " WHERE user_id = $1 AND state = 'open' AND lease_until = 0"
            ),
            sqlite: concat!(
                "UPDATE issuances SET sweep_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ",
                pause!("CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
                " WHERE user_id = $1 AND state = 'open' AND lease_until = 0"
            ),
        };
        let later = self.text(LATER);
        on!(write self, conn => {
            sqlx::query(later).bind(user_id).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// The token of an intent that nobody had heard of was found, and is dead.
    pub async fn swept(&self, id: &str, token_id: i64) -> Result<(), StoreError> {
        const SWEPT: &str = "UPDATE issuances SET state = 'swept', token_id = $2
            WHERE id = $1 AND state = 'open' AND lease_until = 0";
        let mut recorded = Batch::default();
        Ok(recorded!(self, conn, recorded => {
            let swept = sqlx::query(SWEPT).bind(id).bind(token_id).execute(&mut *conn).await?;
            if let Some(chain) = self.chain().filter(|_| swept.rows_affected() > 0) {
                let members = [("issuance", id.into()), ("token_id", token_id.into())];
                recorded.told = vec![chain.tell_of_worker("impersonation.sweep", members)];
            }
        })?)
    }

    /// Ends the intents of which nothing can be alive any more, and forgets what nobody needs: JWTs that
    /// have expired, intents a day after nothing of them could be alive, and the lent tokens' rows that
    /// ended well longer ago than `keep`, with what belongs to them. A thousand of each at most, since all
    /// intents of a day end at the same midnight, and SQLite has one writer. Returns whether there may be
    /// more.
    pub async fn forget_issuances(&self, keep: Duration) -> Result<bool, StoreError> {
        const EXPIRE: Sql = sql!(
            "UPDATE issuances SET state = 'expired' WHERE id IN (SELECT id FROM issuances
                WHERE state = 'open' AND live_until <= " NOW " LIMIT 1000)"
        );
        const FORGET_USED: Sql = sql!(
            "DELETE FROM used_tokens WHERE digest IN
                (SELECT digest FROM used_tokens WHERE valid_until <= " NOW " LIMIT 1000)"
        );
        // A token whose revocation still waits is found by its intent.
        const FORGET: Sql = sql!(
            "DELETE FROM issuances WHERE id IN (SELECT id FROM issuances i
                WHERE live_until <= " NOW " - 86400000 AND NOT EXISTS
                    (SELECT 1 FROM revocations r
                     WHERE r.fingerprint = i.fingerprint AND r.sealed IS NOT NULL)
                ORDER BY live_until LIMIT 1000)"
        );
        const OLD: Sql = sql!(
            "SELECT fingerprint FROM revocations
             WHERE provider = 'impersonation' AND ended_at <= " NOW " - $1
                AND state IN ('revoked', 'inactive') ORDER BY ended_at LIMIT 1000"
        );
        let texts = [EXPIRE, FORGET_USED, FORGET].map(|sql| self.text(sql));
        let (old, rows) = (self.text(OLD), ROWS.map(|sql| self.text(sql)));
        let keep = millis(keep);
        let mut more = false;
        for text in texts {
            // Each by itself: in between others write.
            let done = on!(write self, conn => sqlx::query(text).execute(&mut *conn).await?.rows_affected())?;
            more |= done >= 1000;
        }
        let forgot = on!(write self, conn => {
            let found: Vec<Vec<u8>> =
                sqlx::query_scalar(old).bind(keep).fetch_all(&mut *conn).await?;
            if !found.is_empty() {
                let named: Vec<String> = found.iter().map(hex::encode).collect();
                let named = serde_json::json!(named).to_string();
                let mut transaction = sqlx::Connection::begin(conn).await?;
                for text in rows {
                    sqlx::query(text).bind(&named).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
            found.len()
        })?;
        Ok(more || forgot >= 1000)
    }

    /// Takes on what one replica does for all, for this long, or goes on with it; `false` where another
    /// holds it. Whoever takes a duty takes it for as long: one that is held for longer is held by a clock that
    /// was set back since, maybe by nobody alive.
    pub async fn take_duty(
        &self,
        name: &str,
        holder: &str,
        hold: Duration,
    ) -> Result<bool, StoreError> {
        const TAKE: Sql = sql!(
            "INSERT INTO duties AS old (name, holder, until) VALUES ($1, $2, " NOW " + $3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE old.holder = excluded.holder OR old.until <= " NOW "
                OR old.until > " NOW " + $3 + 5000"
        );
        let take = self.text(TAKE);
        Ok(on!(write self, conn =>
            sqlx::query(take).bind(name).bind(holder).bind(millis(hold))
                .execute(&mut *conn).await?.rows_affected() == 1)?)
    }
}

/// Deletes rows named by their fingerprints from one table.
macro_rules! delete {
    ($table:literal) => {
        Sql {
            postgres: concat!(
                "DELETE FROM ",
                $table,
                " WHERE fingerprint IN
                    (SELECT decode(v, 'hex') FROM jsonb_array_elements_text($1::jsonb) AS v)"
            ),
            sqlite: concat!(
                "DELETE FROM ",
                $table,
                " WHERE fingerprint IN
                    (SELECT unhex(value) FROM json_each($1))"
            ),
        }
    };
}

/// A row goes with what belongs to it.
pub(crate) const ROWS: [Sql; 3] =
    [delete!("revocations"), delete!("sightings"), delete!("attempts")];

impl From<TraceRow> for Trace {
    fn from(row: TraceRow) -> Self {
        let stage = match (row.state.as_str(), row.token_id) {
            ("open", _) if row.leased => Stage::Leased,
            ("open", _) => Stage::Lost,
            // A check of the table's: an issued one has the number of its token.
            ("issued", Some(token_id)) => Stage::Issued { token_id },
            _ => Stage::Ended,
        };
        Self { id: row.id, user_id: row.user_id, stage }
    }
}
