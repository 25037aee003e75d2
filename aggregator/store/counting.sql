-- What zones and lines count, and sums by the hour so that a year answers as quickly as a day.
CREATE TABLE places (                         -- as agents announced them
    camera TEXT NOT NULL,
    kind   TEXT NOT NULL,                     -- zone or line
    name   TEXT NOT NULL,
    shape  TEXT NOT NULL,                     -- JSON
    PRIMARY KEY (camera, kind, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE stays (                          -- in zones, from one coming in to the next going out
    camera   TEXT NOT NULL,
    zone     TEXT NOT NULL,
    run      TEXT NOT NULL,
    track    INTEGER NOT NULL,
    entered  REAL NOT NULL,
    "left"   REAL,                            -- not yet, or nobody said
    label    TEXT NOT NULL,
    appeared INTEGER NOT NULL,                -- was first seen inside
    vanished INTEGER NOT NULL,                -- was last seen inside
    PRIMARY KEY (camera, run, track, zone, entered)
) STRICT, WITHOUT ROWID;
CREATE INDEX stays_by_camera ON stays (camera, entered);
CREATE INDEX stays_open ON stays (camera, zone) WHERE "left" IS NULL;
CREATE INDEX stays_by_length ON stays ("left" - entered);
CREATE TABLE crossings (
    camera    TEXT NOT NULL,
    line      TEXT NOT NULL,
    time      REAL NOT NULL,
    forward   INTEGER NOT NULL,
    direction TEXT NOT NULL,
    run       TEXT NOT NULL,
    track     INTEGER NOT NULL,
    label     TEXT NOT NULL
) STRICT;
CREATE INDEX crossings_by_camera ON crossings (camera, time);
CREATE TABLE hours (                          -- a place's numbers in an hour; nothing where all are 0
    camera     TEXT NOT NULL,
    kind       TEXT NOT NULL,                 -- camera, zone or line
    name       TEXT NOT NULL,                 -- empty for the camera itself
    label      TEXT NOT NULL,                 -- empty for all together
    hour       INTEGER NOT NULL,              -- UTC seconds / 3600
    entries    INTEGER NOT NULL,              -- of a line: crossings forward
    exits      INTEGER NOT NULL,              -- of a line: crossings backward
    appeared   INTEGER NOT NULL,
    vanished   INTEGER NOT NULL,
    person_s   REAL NOT NULL,
    peak       INTEGER NOT NULL,
    dwells     INTEGER NOT NULL,              -- stays that ended in this hour, their sum and the longest
    dwell_s    REAL NOT NULL,
    dwell_most REAL NOT NULL,
    walked     REAL NOT NULL,                 -- of a camera: way in heights of the walker's own box, and seconds
    walked_s   REAL NOT NULL,
    PRIMARY KEY (camera, label, kind, name, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX hours_by_hour ON hours (hour);
CREATE TABLE hours_due (                      -- hours in which something is newer than their row in `hours`
    camera  TEXT NOT NULL,
    hour    INTEGER NOT NULL,
    marks   INTEGER NOT NULL,                 -- rises with everything new
    PRIMARY KEY (camera, hour)
) STRICT, WITHOUT ROWID;
INSERT INTO hours_due
SELECT camera, CAST(start / 3600 AS INTEGER) AS hour, 1 FROM visits GROUP BY camera, hour
UNION
SELECT camera, CAST("end" / 3600 AS INTEGER) AS hour, 1 FROM visits GROUP BY camera, hour;
