"""The hook's process: `python -m edge_agent.hook.child MODULE`. Calls come on stdin, one line of JSON answers each.

What a user's functions print goes to stderr. They may do whatever they like: nothing here is shared with the agent.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import msgpack

from common.messages import unpack_body
from edge_agent.hook.seen_frame import unpack_frame

LENGTHS = struct.Struct("<IQ")
"""Before each call: bytes of its head, bytes of pixels after that."""
FUNCTIONS = ("on_frame", "on_tracklet")
MOST_TRACE = 4000
NICE = 5


def load(name: str) -> dict[str, Callable[[Any], object]]:
    """The functions of a file or module.

    Raises:
        Exception: whatever it raises.
    """
    if name.endswith(".py"):
        sys.path.insert(0, str(Path(name).resolve().parent))
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(name)
    found = {one: getattr(module, one) for one in FUNCTIONS if callable(getattr(module, one, None))}
    if not found:
        raise AttributeError(f"{_where(module)} has neither on_frame(frame) nor on_tracklet(tracklet)")
    return found


def main() -> None:
    """Answer until there is nothing more to read."""
    calls = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    with contextlib.suppress(OSError):
        os.nice(NICE)

    def say(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    try:
        functions = load(sys.argv[1])
    except Exception:
        say(error=traceback.format_exc()[-MOST_TRACE:])
        return
    say(ready=sorted(functions))
    while (head := _exactly(calls, LENGTHS.size)) is not None:
        size, pixels = LENGTHS.unpack(head)
        body, image = _exactly(calls, size), _exactly(calls, pixels)
        if body is None or image is None:
            return
        try:
            if pixels:
                functions["on_frame"](unpack_frame(msgpack.unpackb(body), image))
            else:
                functions["on_tracklet"](unpack_body(body))
        except Exception:
            say(error=traceback.format_exc()[-MOST_TRACE:])
        else:
            say(done=True)


def _exactly(stream: IO[bytes], count: int) -> bytes | None:
    """So many bytes; None at the end."""
    data = bytearray(count)
    view, got = memoryview(data), 0
    while got < count:
        # Every binary file has it, but the class that types them has not.
        read = stream.readinto(view[got:])  # type: ignore[attr-defined]
        if not read:
            return None
        got += read
    view.release()
    return bytes(data)


def _where(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or module.__name__


if __name__ == "__main__":
    main()
