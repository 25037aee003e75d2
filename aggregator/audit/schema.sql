-- The audit log's own file. `PRAGMA user_version` is 2.
CREATE TABLE IF NOT EXISTS looks (
    entry    INTEGER PRIMARY KEY,
    time     REAL NOT NULL,              -- UTC seconds
    who      TEXT NOT NULL,
    role     TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,              -- JSON
    peer     TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash     TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS head (        -- the last entry, once more: a chain that was cut does not end there
    entry INTEGER NOT NULL,
    hash  TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS pruned (      -- what retention took: the chain goes on from here
    through INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    time    REAL NOT NULL
) STRICT;
