"""What is kept, for how long, and how somebody is forgotten."""

from __future__ import annotations
