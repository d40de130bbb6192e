-- What people are told of by webhooks. Times as in 0001.

-- Whether somebody is to be told where this secret comes to rest: held, or at an end.
ALTER TABLE revocations ADD COLUMN tell BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX revocations_to_tell ON revocations (armed_at) WHERE tell AND state <> 'pending';

-- One row per webhook and thing to tell; it goes when the webhook has taken it. Written in the transaction
-- that clears `tell`, so that nothing is told by halves.
CREATE TABLE notices (
    webhook     TEXT   NOT NULL,            -- its name in the configuration
    fingerprint BLOB   NOT NULL,
    round       INTEGER NOT NULL,            -- the row's lease then, which is another at each coming to rest
    payload     TEXT   NOT NULL,            -- JSON, without the secret
    created_at  INTEGER NOT NULL,
    run_at      INTEGER NOT NULL,            -- when it may be claimed: after a pause, or after a lease
    attempts    INTEGER NOT NULL DEFAULT 0,  -- also the number of its lease
    PRIMARY KEY (webhook, fingerprint, round)
) WITHOUT ROWID;
CREATE INDEX notices_runnable ON notices (webhook, run_at);
