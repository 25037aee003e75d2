"""Tracklet → identity → answer."""
