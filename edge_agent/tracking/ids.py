"""Local ids: 1, 2, 3 … for each camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class IdAllocator:
    """Gives out every camera's track ids, rising from 1, none of them twice.

    One allocator serves one run of the agent; a camera's ids do not depend on what other cameras see, so a
    recording tracked alone and together with others gets the same ids.

    Args:
        after: the highest id already taken, by camera; cameras not named start at 1.
    """

    def __init__(self, after: dict[str, int] | None = None) -> None:
        self._last = dict(after or {})

    def take(self, camera: str, count: int) -> NDArray[np.int64]:
        """The camera's next `count` ids, (count,) int64."""
        last = self._last.get(camera, 0)
        self._last[camera] = last + count
        return np.arange(last + 1, last + count + 1, dtype=np.int64)
