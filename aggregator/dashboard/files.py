"""The dashboard's files, read once."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOLDERS = ("lib", "views")


@dataclass(frozen=True, slots=True)
class File:
    """One file: its bytes, media type and entity tag."""

    body: bytes
    type: str
    etag: str


@functools.cache
def files() -> dict[str, File]:
    """By path below the dashboard, such as `lib/dom.js`."""
    found: dict[str, File] = {}
    root = resources.files("aggregator.dashboard")
    for prefix, folder in (("", root), *((f"{name}/", root.joinpath(name)) for name in FOLDERS)):
        for item in folder.iterdir():
            kind = TYPES.get("." + item.name.rpartition(".")[2])
            if kind is not None and item.is_file():
                found[prefix + item.name] = _file(item.read_bytes(), kind)
    # All modules at once, instead of one after another as each names the next.
    links = "\n".join(f'<link rel="modulepreload" href="/dashboard/{name}">' for name in sorted(found)
                      if name.endswith(".js"))
    page = found["index.html"].body.replace(b"<!-- modules -->", links.encode())
    return found | {"index.html": _file(page, TYPES[".html"])}


def _file(body: bytes, kind: str) -> File:
    return File(body, kind, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
