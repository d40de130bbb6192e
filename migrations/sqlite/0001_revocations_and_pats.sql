-- Every time is in milliseconds since 1970-01-01T00:00:00Z by the clock of the process.

-- Our own long-lived keys, each wrapped by the master key, and the master key's check value.
CREATE TABLE keys (
    name       TEXT   PRIMARY KEY,
    wrapped    BLOB   NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One row per secret that was, is or will be revoked. The secret itself is there only while
-- somebody may still need it, sealed; a row that ended well has none.
CREATE TABLE revocations (
    fingerprint  BLOB     PRIMARY KEY CHECK (length(fingerprint) = 32),
    token_type   TEXT     NOT NULL,
    provider     TEXT     NOT NULL,
    mode         TEXT     NOT NULL CHECK (mode IN ('revoke', 'approve', 'notify', 'dry-run')),
    state        TEXT     NOT NULL CHECK (state IN ('pending', 'held', 'revoked', 'inactive',
                     'submitted', 'refused', 'noted', 'simulated', 'cancelled', 'failed')),
    code         TEXT,              -- stable, why it is in this state
    reason       TEXT,              -- the same for people
    confirmed    BOOLEAN  NOT NULL DEFAULT FALSE, -- of 'inactive': the provider knew the secret
    about        TEXT,              -- JSON, what the provider told of the credential
    sealed       BLOB,
    key_version  INTEGER  NOT NULL,
    created_at   INTEGER   NOT NULL,
    armed_at     INTEGER   NOT NULL, -- when the present round of attempts began
    rearmed_at   INTEGER,            -- when a later report last began a new round
    due_at       INTEGER   NOT NULL, -- when it shall be dead
    run_at       INTEGER   NOT NULL, -- when it may be claimed: after a pause, or after a lease
    ended_at     INTEGER,
    lease        INTEGER   NOT NULL DEFAULT 0,
    leased_until INTEGER,
    attempts     INTEGER   NOT NULL DEFAULT 0,
    uncertain    BOOLEAN  NOT NULL DEFAULT FALSE, -- an attempt was made whose outcome nobody heard
    sightings    INTEGER   NOT NULL DEFAULT 0,     -- all of them, also those not kept below
    CHECK (sealed IS NULL OR state IN ('pending', 'held', 'failed')),
    CHECK (sealed IS NOT NULL OR state NOT IN ('pending', 'held')),
    CHECK ((ended_at IS NULL) = (state IN ('pending', 'held')))
) WITHOUT ROWID;
CREATE INDEX revocations_runnable ON revocations (provider, run_at) WHERE state = 'pending';
CREATE INDEX revocations_by_time ON revocations (created_at, fingerprint);
-- Ended rows that still hold a seal.
CREATE INDEX revocations_failed ON revocations (ended_at) WHERE state = 'failed';

-- Where, as what and by whom a secret was seen; `digest` stands for the three. No foreign key: rows
-- are written together with their revocation in one statement, and never without it.
CREATE TABLE sightings (
    fingerprint   BLOB   NOT NULL,
    digest        BLOB   NOT NULL,
    token_type    TEXT   NOT NULL,
    reporter      TEXT   NOT NULL,
    location      TEXT,
    times         INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, digest)
) WITHOUT ROWID;

-- What came of each lease.
CREATE TABLE attempts (
    fingerprint BLOB   NOT NULL,
    lease       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    outcome     TEXT   NOT NULL,
    code        TEXT,
    PRIMARY KEY (fingerprint, lease)
) WITHOUT ROWID;

CREATE TABLE pats (
    id           TEXT   PRIMARY KEY,
    owner        TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    description  TEXT   NOT NULL,
    scopes       TEXT   NOT NULL, -- JSON array of strings
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX pats_by_owner ON pats (owner, id);

-- The tokens of a PAT: the last one works, the ones before are tombstones and are never deleted,
-- so that a report of any of them is known to be ours. Only the digest of a token is ever stored.
CREATE TABLE pat_tokens (
    digest         TEXT   PRIMARY KEY,
    pat_id         TEXT   NOT NULL REFERENCES pats (id),
    generation     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    revoked_at     INTEGER,
    revoked_reason TEXT CHECK (revoked_reason IN ('reported', 'deleted', 'regenerated')),
    UNIQUE (pat_id, generation),
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
) WITHOUT ROWID;
