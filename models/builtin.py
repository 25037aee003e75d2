"""The re-identification network that comes with the package: trained on generated people only (docs/model-card.md)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

NAME: Final = "osnet_generated"
LICENCE: Final = "Apache-2.0"
ABOUT: Final = "people, 512 dimensions; comes with Passage, trained on generated people only"


def path() -> Path:
    """The ONNX file."""
    return Path(str(resources.files("models") / "weights" / f"{NAME}.onnx"))
