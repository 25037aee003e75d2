"""The terminal view of a running aggregator."""
