-- The broker: which tokens were asked of GitLab, and what became of each. Times as in 0001.

-- How this installation signs the names of its tokens, so that two that share a GitLab tell theirs apart.
CREATE TABLE instance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id  TEXT    NOT NULL
);

-- One row per token that GitLab was or will be asked for, written before it is asked.
CREATE TABLE issuances (
    id          TEXT   PRIMARY KEY, -- stands in the token's name at GitLab
    provider    TEXT   NOT NULL,    -- the address of the GitLab that is asked
    user_id     BIGINT NOT NULL,    -- GitLab's number of the user
    job         BYTEA  NOT NULL,    -- digest of issuer and job
    state       TEXT   NOT NULL CHECK (state IN ('open', 'issued', 'refused', 'swept', 'expired')),
    created_at  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,    -- until then whoever asks GitLab may hand the token out
    sweep_at    BIGINT NOT NULL,    -- while it is open: when GitLab is looked through for it
    live_until  BIGINT NOT NULL,    -- GitLab's own expiry: nothing that came of it is alive after
    token_id    BIGINT,             -- GitLab's number of the token
    fingerprint BYTEA,              -- the row of the queue that revokes it
    CHECK (state <> 'issued' OR (token_id IS NOT NULL AND fingerprint IS NOT NULL))
);
CREATE INDEX issuances_open ON issuances (sweep_at) WHERE state = 'open';
CREATE INDEX issuances_open_by_user ON issuances (user_id) WHERE state = 'open';
CREATE INDEX issuances_by_job ON issuances (job);
CREATE INDEX issuances_by_end ON issuances (live_until);
CREATE UNIQUE INDEX issuances_by_fingerprint ON issuances (fingerprint);

-- JWTs that may be used once and were: digest of issuer and jti.
CREATE TABLE used_tokens (
    digest      BYTEA  PRIMARY KEY,
    issuance    TEXT   NOT NULL,
    valid_until BIGINT NOT NULL -- after that the JWT has expired, and needs no record
);
CREATE INDEX used_tokens_by_issuance ON used_tokens (issuance);
CREATE INDEX used_tokens_by_end ON used_tokens (valid_until);

-- What one replica does for all.
CREATE TABLE duties (
    name   TEXT   PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL
);

-- Rows of lent tokens, which are forgotten some time after their end.
CREATE INDEX revocations_lent ON revocations (ended_at)
    WHERE provider = 'impersonation' AND ended_at IS NOT NULL;
