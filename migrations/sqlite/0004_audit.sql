-- The audit log. Times are those of the process that wrote, in milliseconds since 1970-01-01T00:00:00Z.

-- One row per chain, in the order of their beginnings and without a gap: each chain's first entry names its
-- number and the chain before it, so that none can go unnoticed.
CREATE TABLE audit_chains (
    number     INTEGER PRIMARY KEY,
    chain      BLOB    NOT NULL UNIQUE,
    checkpoint BLOB    -- what retention took away from its beginning, under a MAC
);

-- Each entry's MAC covers the entry, its place, and the MAC before it.
CREATE TABLE audit_entries (
    chain BLOB    NOT NULL,
    seq   INTEGER NOT NULL, -- from 0, without a gap
    at    INTEGER NOT NULL,
    entry TEXT    NOT NULL, -- JSON; the MAC is of these very bytes
    prev  BLOB    NOT NULL, -- the MAC of the entry before
    mac   BLOB    NOT NULL,
    PRIMARY KEY (chain, seq)
) WITHOUT ROWID;

-- Against mistakes: whoever may drop this may also edit, and is found by the MACs.
CREATE TRIGGER audit_entries_are_final BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'audit entries are final');
END;
