"""What is kept: one SQLite file, one writer, many readers."""
