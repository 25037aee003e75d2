-- Version 9. Moments go once all visits that linking was shown in them are gone: nothing points at them, or each that goes
-- would be looked for among all arrivals.
ALTER TABLE arrivals RENAME TO arrivals_before;
DROP INDEX arrivals_by_visit;
CREATE TABLE arrivals (                       -- visits as they were when linking saw them; `visits` has what they became
    arrival INTEGER PRIMARY KEY,              -- in this order
    moment  INTEGER NOT NULL,
    visit   INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
    start   REAL NOT NULL,
    "end"   REAL NOT NULL,
    label   TEXT NOT NULL,
    frames  INTEGER NOT NULL,
    final   INTEGER NOT NULL,
    model   TEXT NOT NULL,
    mean    BLOB NOT NULL,                    -- float16, as in `visits`
    face_model TEXT NOT NULL DEFAULT '',      -- what linking was shown of it; empty for none
    face BLOB NOT NULL DEFAULT x'',
    face_quality REAL NOT NULL DEFAULT 0.0,
    face_seen INTEGER NOT NULL DEFAULT 0,
    zones TEXT NOT NULL DEFAULT ''            -- that it came into: names between strokes
) STRICT;
INSERT INTO arrivals SELECT * FROM arrivals_before;
DROP TABLE arrivals_before;
CREATE INDEX arrivals_by_visit ON arrivals (visit);
