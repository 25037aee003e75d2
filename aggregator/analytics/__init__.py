"""Numbers about places, computed from tracklets alone: plain arrays in, plain arrays out."""
