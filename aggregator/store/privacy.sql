-- Version 4. What must be remembered although what it was learned from is gone.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,                   -- last_identity, last_visit: numbers that are never given again;
    value TEXT NOT NULL                       -- embedding_key: by which key embeddings are turned
) STRICT, WITHOUT ROWID;
