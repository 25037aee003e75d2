"""What a box is told about its user's own Python."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from common.errors import ConfigError
from common.settings import Settings


class HookSettings(Settings):
    """A user's own Python, called in a process of its own."""

    run: str = Field(min_length=1, max_length=1000, description=
                     "a Python file (its name ends in .py), or a module that can be imported; its functions "
                     "on_frame(frame) and on_tracklet(tracklet) are called")
    cameras: tuple[str, ...] = Field((), description="only for these cameras; none means all")
    fps: float = Field(5.0, gt=0, le=1000, description="frames a second of each camera that are handed over, at most")
    timeout_s: float = Field(30.0, gt=0, description="seconds that one call may take; then its process is ended and "
                                                     "begun anew")
    queue: int = Field(1000, ge=1, le=1_000_000, description="tracklets that wait for it; beyond, the oldest are "
                                                             "dropped and counted")

    def check(self) -> None:
        """Whether there is such a file or module; it is not run.

        Raises:
            ConfigError: there is none.
        """
        cure = "give the path of a .py file, or the name of a module that this Python can import"
        if self.run.endswith(".py"):
            if not Path(self.run).is_file():
                raise ConfigError(f"hook: {self.run}: there is no such file", cure)
            return
        here = str(Path.cwd())
        sys.path.insert(0, here)  # as it will be in the hook's process
        try:
            known = find_spec(self.run.partition(".")[0]) is not None
        except (ImportError, ValueError):
            known = False
        finally:
            sys.path.remove(here)
        if not known:
            raise ConfigError(f"hook: {self.run}: there is no such module", cure)
