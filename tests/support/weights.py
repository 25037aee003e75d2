"""Weights of others, for tests that need a trained network: taken from the user's store, or fetched into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import PassageError
from models.store import ModelStore


def pulled(name: str) -> Path:
    """The file of `name`; the test is skipped where no mirror can be reached."""
    try:
        ModelStore().pull(name)
        return ModelStore().path(name)
    except PassageError as error:
        pytest.skip(f"{name} is not to be had here: {error.message.splitlines()[0]}")
