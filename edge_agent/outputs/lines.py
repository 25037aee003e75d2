"""`LineFile`: a text file that holds whole lines at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from common.errors import StoreError

MOST_BYTES = 1 << 16
LONGEST_S = 1.0


def write_error(path: Path, error: OSError) -> StoreError:
    """What cannot be written, and why."""
    return StoreError(f"{path} cannot be written: {error.strerror or error}",
                      "free some space, or give another folder with --out")


class LineFile:
    """Collects lines and hands them to the system together, never half a one.

    So a run that is killed leaves a file that can be read, about a second short.

    Args:
        path: the file; what was there is replaced.
        monotonic: seconds that only rise.

    Raises:
        StoreError: it cannot be written; also from the methods.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._monotonic = monotonic
        self._waiting: list[str] = []
        self._size = 0
        self._flushed = monotonic()
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise write_error(path, error) from error

    def write(self, lines: str) -> None:
        """Append whole lines, each with its line end."""
        if not lines:
            return
        self._waiting.append(lines)
        self._size += len(lines)
        if self._size >= MOST_BYTES or self._monotonic() - self._flushed >= LONGEST_S:
            self.flush()

    def flush(self) -> None:
        """Hand what waits to the system."""
        data = "".join(self._waiting).encode()
        self._waiting.clear()
        self._size, self._flushed = 0, self._monotonic()
        try:
            while data:
                data = data[self._file.write(data):]
        except OSError as error:
            raise write_error(self.path, error) from error

    def close(self) -> None:
        """Flush and close; may be called again."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def __enter__(self) -> LineFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()
