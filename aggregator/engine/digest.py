"""Which settings a decision was made with, in few letters."""

from __future__ import annotations

import hashlib

from common.settings import Settings


def digest(settings: Settings) -> str:
    """Twelve hexadecimal digits that tell one set of settings from another."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
