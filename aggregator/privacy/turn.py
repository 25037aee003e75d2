"""`Turn`: embeddings are turned by a secret rotation before they are kept. Cosines stay; comparing elsewhere does not.

Each network's space has an orthogonal matrix of its own, drawn from the secret: Gaussian numbers (Box and Muller, 1958)
out of SHAKE-256, made orthogonal by QR with a positive diagonal, which is uniform over all rotations and reflections
(Mezzadri, 2007).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from common.errors import ConfigError
from common.keys import write_secret
from common.tracklet import PackedTracklet

Floats = NDArray[np.float32]
_BYTES = 32


class Turn:
    """One deployment's rotation.

    Args:
        secret: 32 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.id = hashlib.sha256(b"passage embedding key id\0" + secret).hexdigest()[:16]
        self.matrix = functools.lru_cache(8)(self._matrix)

    def __repr__(self) -> str:
        return f"Turn({self.id})"

    def rows(self, rows: Floats, model: str) -> Floats:
        """(…, d) float32 of the network with fingerprint `model` → the same, turned."""
        if rows.size == 0:
            return rows
        return np.asarray(rows @ self.matrix(model, rows.shape[-1]).T, np.float32)

    def back(self, rows: Floats, model: str) -> Floats:
        """What `rows` made of them, undone."""
        if rows.size == 0:
            return rows
        return np.asarray(rows @ self.matrix(model, rows.shape[-1]), np.float32)

    def tracklets(self, rows: Sequence[PackedTracklet]) -> list[PackedTracklet]:
        """Tracklets with their embeddings turned, those of faces by a matrix of their own."""
        turned, groups = list(rows), dict[tuple[str, int], list[int]]()
        for at, row in enumerate(rows):
            groups.setdefault((row.model, len(row.mean)), []).append(at)
        for (model, size), members in groups.items():
            if not size:
                continue
            blob = b"".join(rows[at].mean + rows[at].embeddings for at in members)
            vectors = np.frombuffer(blob, "<f2").astype(np.float32).reshape(-1, size // 2)
            blob, begin = self.rows(vectors, model).astype("<f2").tobytes(), 0
            for at in members:
                middle, end = begin + size, begin + size + len(rows[at].embeddings)
                turned[at] = replace(rows[at], mean=blob[begin:middle], embeddings=blob[middle:end])
                begin = end
        for at, row in enumerate(turned):
            if row.face is not None:
                face = dataclasses.replace(row.face, mean=self.rows(row.face.mean, row.face.model))
                turned[at] = replace(row, face=face)
        return turned

    def _matrix(self, model: str, dimensions: int) -> Floats:
        count = dimensions * dimensions
        stream = hashlib.shake_256(b"passage embeddings\0" + self._secret + model.encode()).digest(16 * count)
        uniform = (np.frombuffer(stream, "<u8").astype(np.float64) + 0.5) / 2.0**64
        first, second = uniform[:count], uniform[count:]
        normal = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
        q, r = np.linalg.qr(normal.reshape(dimensions, dimensions))
        return np.asarray(q * np.sign(np.diag(r)), np.float32)


def new_key(path: Path) -> Turn:
    """Make a key file that only its owner can read.

    Raises:
        ConfigError: it is there already, or cannot be written.
    """
    secret = secrets.token_bytes(_BYTES)
    write_secret(path, "Key by which a Passage aggregator turns embeddings.", {"embeddings": secret.hex()})
    return Turn(secret)


def read_key(path: Path) -> Turn:
    """Read a key file.

    Raises:
        ConfigError: it is not there, not such a file, or others can read it.
    """
    try:
        with path.open(encoding="ascii") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077 and os.name == "posix":
                raise ConfigError(f"{path} is a secret that others can read", f"chmod 600 {path}")
            words = [line.split() for line in file.read(4096).splitlines() if not line.startswith("#")]
        (text,) = [word[1] for word in words if len(word) == 2 and word[0] == "embeddings"]
        secret = bytes.fromhex(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "make one with 'aggregator rekey --new FILE'") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no embedding key") from error
    if len(secret) != _BYTES:
        raise ConfigError(f"{path} is no embedding key: {len(secret)} bytes, expected {_BYTES}")
    return Turn(secret)
