-- Faces, of cameras that were told to look for them: what a visit's face looked like to a network.
CREATE TABLE faces (
    visit   INTEGER PRIMARY KEY REFERENCES visits ON DELETE CASCADE,
    model   TEXT NOT NULL,
    mean    BLOB NOT NULL,                    -- float16, unit length
    quality REAL NOT NULL,                    -- of the best one seen
    seen    INTEGER NOT NULL                  -- how many it is the mean of
) STRICT;
CREATE INDEX faces_by_model ON faces (model);
-- What linking was shown of it, as with the rest of an arrival; empty for none.
ALTER TABLE arrivals ADD COLUMN face_model TEXT NOT NULL DEFAULT '';
ALTER TABLE arrivals ADD COLUMN face BLOB NOT NULL DEFAULT x'';
ALTER TABLE arrivals ADD COLUMN face_quality REAL NOT NULL DEFAULT 0.0;
ALTER TABLE arrivals ADD COLUMN face_seen INTEGER NOT NULL DEFAULT 0;
