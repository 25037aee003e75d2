-- Zones that a visit came into, as linking was shown them: names between strokes, see `attributes` of visits.
ALTER TABLE arrivals ADD COLUMN zones TEXT NOT NULL DEFAULT '';
