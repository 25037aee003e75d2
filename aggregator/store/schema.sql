-- Version 1. `PRAGMA user_version` holds the version; times are UTC seconds; blobs are little-endian columns.
CREATE TABLE agents (
    agent      TEXT PRIMARY KEY,
    software   TEXT NOT NULL,
    run        TEXT NOT NULL,                 -- its latest start
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL
) STRICT;
CREATE TABLE cameras (
    camera     TEXT PRIMARY KEY,
    agent      TEXT NOT NULL REFERENCES agents,
    width      INTEGER NOT NULL,              -- 0 until its agent says hello
    height     INTEGER NOT NULL,
    fps        REAL NOT NULL,
    view_left  REAL NOT NULL,                 -- pixels of the source's own frame
    view_top   REAL NOT NULL,
    last_seen  REAL NOT NULL
) STRICT;
CREATE TABLE models (
    fingerprint TEXT PRIMARY KEY,
    task        TEXT NOT NULL,
    name        TEXT NOT NULL,
    dimensions  INTEGER NOT NULL
) STRICT;
CREATE TABLE received (                       -- what is acknowledged, and so never taken twice
    agent   TEXT NOT NULL,
    spool   TEXT NOT NULL,
    through INTEGER NOT NULL,
    PRIMARY KEY (agent, spool)
) STRICT, WITHOUT ROWID;
CREATE TABLE identities (
    identity    INTEGER PRIMARY KEY,          -- never used again
    label       TEXT NOT NULL,
    created     REAL NOT NULL,
    merged_into INTEGER REFERENCES identities -- an id that a user has seen is forwarded, not lost
) STRICT;
CREATE INDEX identities_by_merge ON identities (merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE visits (
    visit      INTEGER PRIMARY KEY,
    agent      TEXT NOT NULL,
    camera     TEXT NOT NULL,
    run        TEXT NOT NULL,
    track      INTEGER NOT NULL,
    start      REAL NOT NULL,
    "end"      REAL NOT NULL,
    label      TEXT NOT NULL,
    frames     INTEGER NOT NULL,
    parts      INTEGER NOT NULL,              -- the number of the latest part, and one
    final      INTEGER NOT NULL,
    confidence REAL NOT NULL,                 -- mean of the detector's
    model      TEXT NOT NULL,
    mean       BLOB NOT NULL,                 -- float16, unit length
    attributes TEXT NOT NULL,                 -- JSON
    identity   INTEGER REFERENCES identities,
    certainty  REAL,                          -- confidence of the decision that gave `identity`
    UNIQUE (camera, run, track)
) STRICT;
CREATE INDEX visits_by_identity ON visits (identity, start, "end", camera);
CREATE INDEX visits_by_start ON visits (start);
CREATE INDEX visits_by_end ON visits ("end", identity);   -- who was seen last
CREATE INDEX visits_by_camera ON visits (camera, start);
-- The longest visit bounds how far back a time window must look: what overlaps it began no earlier than that.
CREATE INDEX visits_by_length ON visits ("end" - start);
CREATE INDEX visits_open ON visits (camera, "end") WHERE final = 0;
CREATE TABLE exemplars (
    visit     INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
    time      REAL NOT NULL,
    quality   REAL NOT NULL,
    embedding BLOB NOT NULL                   -- float16, unit length
) STRICT;
CREATE INDEX exemplars_by_visit ON exemplars (visit);
CREATE TABLE paths (
    visit  INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
    part   INTEGER NOT NULL,
    camera TEXT NOT NULL,
    start  REAL NOT NULL,
    "end"  REAL NOT NULL,
    times  BLOB NOT NULL,                     -- (m,) float64
    frames BLOB NOT NULL,                     -- (m,) int32
    boxes  BLOB NOT NULL,                     -- (m, 4) float32, shares of the view
    PRIMARY KEY (visit, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX paths_by_camera ON paths (camera, start, "end");
CREATE TABLE log (                            -- append-only: why every visit is whose it is
    entry      INTEGER PRIMARY KEY,
    time       REAL NOT NULL,
    operation  TEXT NOT NULL,
    visit      INTEGER NOT NULL,
    identity   INTEGER NOT NULL,
    other      INTEGER NOT NULL,
    score      REAL NOT NULL,
    confidence REAL NOT NULL,
    rivals     TEXT NOT NULL,                 -- JSON
    reason     TEXT NOT NULL,                 -- JSON
    settings   TEXT NOT NULL                  -- digest of the linking settings
) STRICT;
CREATE INDEX log_by_visit ON log (visit);
CREATE INDEX log_by_identity ON log (identity);
CREATE INDEX log_by_other ON log (other) WHERE other > 0;
CREATE TABLE events (                         -- whose they are is looked up in visits, so that repairs show
    event    INTEGER PRIMARY KEY,
    time     REAL NOT NULL,
    camera   TEXT NOT NULL,
    run      TEXT NOT NULL,
    kind     TEXT NOT NULL,
    track    INTEGER NOT NULL,                -- -1 for none
    data     TEXT NOT NULL                    -- JSON
) STRICT;
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_by_camera ON events (camera, time);
CREATE INDEX events_by_kind ON events (kind, time);
CREATE INDEX events_by_track ON events (camera, run, track) WHERE track >= 0;
