-- Version 7. A visit that goes on is rewritten with every part of its track: it is in as few indexes as can be.
DROP INDEX visits_by_identity;
CREATE INDEX visits_by_identity ON visits (identity, start, "end", camera) WHERE identity IS NOT NULL;
DROP INDEX visits_open;
CREATE INDEX visits_open ON visits (camera) WHERE final = 0;
-- Arrivals lie in the order of their moments.
DROP INDEX arrivals_by_moment;
