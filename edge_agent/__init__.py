"""Camera → tracklet."""
