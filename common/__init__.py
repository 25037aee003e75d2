"""Words that the edge and the middle share. Imports nothing of ours."""

__version__ = "0.1.0"
