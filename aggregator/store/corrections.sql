-- Version 2: what people corrected, and what linking was asked in order, so that a run can be made again.
CREATE TABLE corrections (                    -- append-only: to undo one is another
    correction INTEGER PRIMARY KEY,
    time       REAL NOT NULL,
    who        TEXT NOT NULL,                 -- a name given, not checked
    operation  TEXT NOT NULL,
    note       TEXT NOT NULL,
    together   TEXT NOT NULL,                 -- JSON: groups of visits, all of one person
    apart      TEXT NOT NULL,                 -- JSON: two groups of visits, of different people
    changed    TEXT NOT NULL,                 -- JSON: visit, identity and certainty before, identity after
    folded     TEXT NOT NULL,                 -- JSON: identities that it merged into others
    undoes     INTEGER REFERENCES corrections
) STRICT;
CREATE UNIQUE INDEX corrections_by_undoes ON corrections (undoes) WHERE undoes IS NOT NULL;
CREATE TABLE moments (
    moment    INTEGER PRIMARY KEY,
    time      REAL NOT NULL,
    kind      TEXT NOT NULL,                  -- start, observe, keep, resolve, correct
    decisions INTEGER NOT NULL,               -- entries of `log` that came of it
    data      TEXT NOT NULL                   -- JSON
) STRICT;
CREATE TABLE arrivals (                       -- visits as they were when linking saw them; `visits` has what they became
    arrival INTEGER PRIMARY KEY,              -- in this order
    moment  INTEGER NOT NULL REFERENCES moments,
    visit   INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
    start   REAL NOT NULL,
    "end"   REAL NOT NULL,
    label   TEXT NOT NULL,
    frames  INTEGER NOT NULL,
    final   INTEGER NOT NULL,
    model   TEXT NOT NULL,
    mean    BLOB NOT NULL                     -- float16, as in `visits`
) STRICT;
CREATE INDEX arrivals_by_moment ON arrivals (moment);
CREATE INDEX arrivals_by_visit ON arrivals (visit);
-- What an older release left: a run can be made again from here on.
INSERT INTO moments SELECT 1, 0.0, 'keep', (SELECT count(*) FROM log), '{}' WHERE EXISTS (SELECT 1 FROM visits);
INSERT INTO arrivals (moment, visit, start, "end", label, frames, final, model, mean)
SELECT 1, visit, start, "end", label, frames, final, model, mean FROM visits ORDER BY visit;
