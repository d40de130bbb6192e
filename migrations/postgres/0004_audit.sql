-- The audit log. Times are those of the process that wrote, in milliseconds since 1970-01-01T00:00:00Z.

-- One row per chain, in the order of their beginnings and without a gap: each chain's first entry names its
-- number and the chain before it, so that none can go unnoticed.
CREATE TABLE audit_chains (
    number     BIGINT PRIMARY KEY,
    chain      BYTEA  NOT NULL UNIQUE,
    checkpoint BYTEA  -- what retention took away from its beginning, under a MAC
);

-- Each entry's MAC covers the entry, its place, and the MAC before it.
CREATE TABLE audit_entries (
    chain BYTEA  NOT NULL,
    seq   BIGINT NOT NULL, -- from 0, without a gap
    at    BIGINT NOT NULL,
    entry TEXT   NOT NULL, -- JSON; the MAC is of these very bytes
    prev  BYTEA  NOT NULL, -- the MAC of the entry before
    mac   BYTEA  NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- Against mistakes: whoever may drop this may also edit, and is found by the MACs.
CREATE FUNCTION audit_entries_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are final';
END $$;
CREATE TRIGGER audit_entries_are_final BEFORE UPDATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_are_final();
