//! Personal access tokens: what they are called, whose they are, and which digests stand for them.

use sqlx::Connection as _;

use crate::dialect::{PATIENCE, Sql, on, patiently, sql};
use crate::events::Event;
use crate::open::Backend;
use crate::{Store, StoreError};

/// A PAT, without its token. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Pat {
    /// A UUID; stays the same when the token is regenerated.
    pub id: String,
    /// The identity that the token speaks for.
    pub owner: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What it may do: a JSON array of strings.
    pub scopes: String,
    /// When the PAT was made.
    pub created_at: i64,
    /// When it was last used, to the minute.
    pub last_used_at: Option<i64>,
    /// The digest of the present token.
    pub digest: String,
    /// When the present token ends by itself.
    pub expires_at: i64,
    /// When the present token was revoked.
    pub revoked_at: Option<i64>,
    /// `reported`, `deleted` or `regenerated`.
    pub revoked_reason: Option<String>,
}

/// A PAT to be made.
#[derive(Debug, Clone)]
pub struct NewPat<'a> {
    /// A UUID.
    pub id: &'a str,
    /// The identity that the token speaks for.
    pub owner: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// A JSON array of strings.
    pub scopes: &'a str,
    /// The digest of its token.
    pub digest: &'a str,
    /// When the token ends, in milliseconds since 1970.
    pub expires_at: i64,
}

/// What to change; `None` leaves a member as it is.
#[derive(Debug, Clone, Default)]
pub struct PatChange<'a> {
    /// What people call it.
    pub name: Option<&'a str>,
    /// What it is for.
    pub description: Option<&'a str>,
    /// A JSON array of strings.
    pub scopes: Option<&'a str>,
}

/// What came of a regeneration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Regenerated {
    /// The PAT with its new token.
    Done(Box<Pat>),
    /// It was deleted, and stays so.
    Deleted,
    /// There is no such PAT.
    Missing,
}

/// Whoever changes a PAT's tokens holds its row first, so that two who do so at once come one after
/// the other.
const LOCK: Sql = sql!("UPDATE pats SET name = name WHERE id = $1");

const TOMBSTONES: Sql = sql!(
    "UPDATE pat_tokens SET revoked_at = " NOW ", revoked_reason = $2
     WHERE pat_id = $1 AND revoked_at IS NULL RETURNING digest"
);

macro_rules! columns {
    () => {
        "SELECT p.id, p.owner, p.name, p.description, p.scopes, p.created_at, p.last_used_at,
            t.digest, t.expires_at, t.revoked_at, t.revoked_reason
         FROM pats p JOIN pat_tokens t ON t.pat_id = p.id"
    };
    (latest) => {
        concat!(
            columns!(),
            " AND t.generation = (SELECT max(generation) FROM pat_tokens WHERE pat_id = p.id)"
        )
    };
}

const INSERT_TOKEN: Sql = sql!(
    "INSERT INTO pat_tokens (digest, pat_id, generation, created_at, expires_at)
     SELECT $1, $2, COALESCE(max(generation), 0) + 1, " NOW ", $3 FROM pat_tokens WHERE pat_id = $2"
);

impl Store {
    /// Keeps a new PAT and returns it.
    pub async fn insert_pat(&self, pat: &NewPat<'_>) -> Result<Pat, StoreError> {
        const INSERT: Sql = sql!(
            "INSERT INTO pats (id, owner, name, description, scopes, created_at)
             VALUES ($1, $2, $3, $4, $5, " NOW ")"
        );
        let (insert, token) = (self.text(INSERT), self.text(INSERT_TOKEN));
        on!(write self, conn => {
            let mut transaction = conn.begin().await?;
            sqlx::query(insert).bind(pat.id).bind(pat.owner).bind(pat.name).bind(pat.description)
                .bind(pat.scopes).execute(&mut *transaction).await?;
            sqlx::query(token).bind(pat.digest).bind(pat.id).bind(pat.expires_at)
                .execute(&mut *transaction).await?;
            transaction.commit().await?;
        })?;
        self.pat(pat.id).await?.ok_or(StoreError::Corrupt("a PAT that was just kept is gone"))
    }

    /// The PAT of this id with its present token.
    pub async fn pat(&self, id: &str) -> Result<Option<Pat>, StoreError> {
        const GET: &str = concat!(columns!(latest), " WHERE p.id = $1");
        Ok(on!(read self, conn => sqlx::query_as(GET).bind(id).fetch_optional(&mut *conn).await?)?)
    }

    /// The PAT to which this digest belongs, with the token of this digest, which may be a former
    /// one and may be dead: the caller looks at `revoked_at` and `expires_at`.
    pub async fn pat_by_digest(&self, digest: &str) -> Result<Option<Pat>, StoreError> {
        const GET: &str = concat!(columns!(), " WHERE t.digest = $1");
        Ok(
            on!(read self, conn => sqlx::query_as(GET).bind(digest).fetch_optional(&mut *conn).await?)?,
        )
    }

    /// PATs in the order of their ids, at most `limit`, after `after`; with `owner`, only theirs.
    pub async fn pats(
        &self,
        owner: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Pat>, StoreError> {
        const LIST: &str = concat!(
            columns!(latest),
            " WHERE ($1 IS NULL OR p.owner = $1) AND p.id > $2 ORDER BY p.id LIMIT $3"
        );
        Ok(on!(read self, conn =>
            sqlx::query_as(LIST).bind(owner).bind(after.unwrap_or("")).bind(i64::from(limit))
                .fetch_all(&mut *conn).await?)?)
    }

    /// Changes what a PAT is called or may do; `None` where there is no such PAT.
    pub async fn change_pat(
        &self,
        id: &str,
        change: &PatChange<'_>,
    ) -> Result<Option<Pat>, StoreError> {
        const CHANGE: &str = "UPDATE pats SET name = COALESCE($2, name),
            description = COALESCE($3, description), scopes = COALESCE($4, scopes) WHERE id = $1";
        on!(write self, conn => {
            sqlx::query(CHANGE).bind(id).bind(change.name).bind(change.description)
                .bind(change.scopes).execute(&mut *conn).await?;
        })?;
        let pat = self.pat(id).await?;
        if let Some(pat) = &pat {
            self.tell_pat(&pat.digest).await?;
        }
        Ok(pat)
    }

    /// Revokes whatever token of a PAT works. `None` where there is no such PAT; it stays in the
    /// list. Revoking twice changes nothing.
    pub async fn revoke_pat(&self, id: &str) -> Result<Option<Pat>, StoreError> {
        let (lock, tombstones) = (self.text(LOCK), self.text(TOMBSTONES));
        let ended: Vec<String> = on!(write self, conn => {
            let mut transaction = conn.begin().await?;
            sqlx::query(lock).bind(id).execute(&mut *transaction).await?;
            let ended = sqlx::query_scalar(tombstones).bind(id).bind("deleted")
                .fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            ended
        })?;
        self.tell_pats(&ended).await?;
        self.pat(id).await
    }

    /// Makes the token of a digest a tombstone because it was reported as leaked, unless it is one
    /// already.
    pub async fn tombstone_reported(&self, digest: &str) -> Result<(), StoreError> {
        self.tombstone_pat(digest, "reported").await?;
        self.tell_pat(digest).await
    }

    async fn tombstone_pat(&self, digest: &str, reason: &str) -> Result<(), StoreError> {
        let text = self.text(TOMBSTONE);
        on!(write self, conn => {
            sqlx::query(text).bind(digest).bind(reason).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    /// Gives a PAT a new token; whatever token of it worked is a tombstone from then on. Of two
    /// calls at once the later one's token is the one that works. What was deleted stays deleted.
    pub async fn regenerate_pat(
        &self,
        id: &str,
        digest: &str,
        expires_at: i64,
    ) -> Result<Regenerated, StoreError> {
        const REASON: &str = "SELECT revoked_reason FROM pat_tokens WHERE pat_id = $1
            ORDER BY generation DESC LIMIT 1";
        let (lock, tombstones) = (self.text(LOCK), self.text(TOMBSTONES));
        let token = self.text(INSERT_TOKEN);
        let ended: Option<Option<Vec<String>>> = on!(write self, conn => {
            let mut transaction = conn.begin().await?;
            let locked = sqlx::query(lock).bind(id).execute(&mut *transaction).await?;
            let reason: Option<Option<String>> = sqlx::query_scalar(REASON).bind(id)
                .fetch_optional(&mut *transaction).await?;
            if locked.rows_affected() == 0 {
                None
            } else if reason.flatten().as_deref() == Some("deleted") {
                Some(None)
            } else {
                let ended = sqlx::query_scalar(tombstones).bind(id).bind("regenerated")
                    .fetch_all(&mut *transaction).await?;
                sqlx::query(token).bind(digest).bind(id).bind(expires_at)
                    .execute(&mut *transaction).await?;
                transaction.commit().await?;
                Some(Some(ended))
            }
        })?;
        match ended {
            None => return Ok(Regenerated::Missing),
            Some(None) => return Ok(Regenerated::Deleted),
            Some(Some(ended)) => self.tell_pats(&ended).await?,
        }
        let pat = self.pat(id).await?.ok_or(StoreError::Corrupt("a renewed PAT is gone"))?;
        Ok(Regenerated::Done(Box::new(pat)))
    }

    /// Remembers that a PAT was used, to the minute.
    pub async fn touch_pat(&self, id: &str) -> Result<(), StoreError> {
        const TOUCH: Sql = sql!(
            "UPDATE pats SET last_used_at = " NOW " WHERE id = $1
             AND (last_used_at IS NULL OR last_used_at <= " NOW " - 60000)"
        );
        let text = self.text(TOUCH);
        on!(write self, conn => {
            sqlx::query(text).bind(id).execute(&mut *conn).await?;
        })?;
        Ok(())
    }

    async fn tell_pats(&self, digests: &[String]) -> Result<(), StoreError> {
        for digest in digests {
            self.tell_pat(digest).await?;
        }
        Ok(())
    }

    /// Tells every replica, this one included, that what is remembered of a digest is out of date.
    async fn tell_pat(&self, digest: &str) -> Result<(), StoreError> {
        const NOTIFY: &str = "SELECT pg_notify('portcullis_pat', $1)";
        // First here: what follows may fail, and this process must not go on believing.
        self.events().tell(Event::PatChanged(digest.to_owned()));
        if let Backend::Postgres(pool) = self.backend() {
            patiently!(pool, PATIENCE, conn =>
                sqlx::query(NOTIFY).bind(digest).execute(conn).await?)?;
        }
        Ok(())
    }
}

const TOMBSTONE: Sql = sql!(
    "UPDATE pat_tokens SET revoked_at = " NOW ", revoked_reason = $2
     WHERE digest = $1 AND revoked_at IS NULL"
);
