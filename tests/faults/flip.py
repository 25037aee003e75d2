"""A bit that is not what was written."""

from __future__ import annotations

import random
from pathlib import Path


def flip_bit(folder: Path, rng: random.Random, name: str, endings: tuple[str, ...]) -> tuple[Path, int]:
    """Flip one bit of a database's files, any with equal chance; which file and byte."""
    files = [path for ending in endings if (path := folder / (name + ending)).exists() and path.stat().st_size]
    sizes = [path.stat().st_size for path in files]
    (path,) = rng.choices(files, sizes)
    with path.open("r+b") as file:
        at = rng.randrange(path.stat().st_size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << rng.randrange(8)]))
    return path, at
