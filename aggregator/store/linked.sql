-- Version 10. How many visits ever got an identity, of each kind that is compared: what linking counts its lessons by, so
-- that it starts anew from the latest of them and need not read all that is kept.
CREATE TABLE linked (
    model      TEXT NOT NULL,
    label      TEXT NOT NULL,
    dimensions INTEGER NOT NULL,              -- of the embeddings; 0 for visits without
    visits     INTEGER NOT NULL,
    PRIMARY KEY (model, label, dimensions)
) STRICT, WITHOUT ROWID;
INSERT INTO linked
SELECT model, label, length(mean) / 2, count(*) FROM visits WHERE identity IS NOT NULL GROUP BY 1, 2, 3;
