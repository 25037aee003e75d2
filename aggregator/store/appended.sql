-- Paths in the order in which they come: rows of many visits that go on at once were a page each in a transaction.
ALTER TABLE paths RENAME TO paths_before;
DROP INDEX paths_by_camera;
CREATE TABLE paths (
    visit  INTEGER NOT NULL REFERENCES visits ON DELETE CASCADE,
    part   INTEGER NOT NULL,
    camera TEXT NOT NULL,
    start  REAL NOT NULL,
    "end"  REAL NOT NULL,
    times  BLOB NOT NULL,                     -- (m,) float64
    frames BLOB NOT NULL,                     -- (m,) int32
    boxes  BLOB NOT NULL                      -- (m, 4) float32, shares of the view
) STRICT;
INSERT INTO paths SELECT * FROM paths_before ORDER BY visit, part;
DROP TABLE paths_before;
CREATE UNIQUE INDEX paths_by_visit ON paths (visit, part);
CREATE INDEX paths_by_camera ON paths (camera, start, "end");
