"""The chain: each entry's hash covers the entry and the hash before it, so that none changes or goes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

START = "0" * 64
"""What the first entry's hash is built on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Somebody asks for something about people.

    Attributes:
        time: UTC seconds.
        who: the token's name.
        role: the token's.
        action: the operation's name, as in the OpenAPI document.
        subject: what was asked for, as JSON.
        peer: the address it came from.
    """

    time: float
    who: str
    role: str
    action: str
    subject: str
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A look as it stands in the log."""

    number: int
    look: Look
    previous: str
    hash: str


def seal(number: int, look: Look, previous: str) -> str:
    """The hash of an entry: SHA-256 over the hash before and the entry's fields, hex."""
    fields = [number, repr(look.time), look.who, look.role, look.action, look.subject, look.peer]
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def first_break(entries: Iterable[Entry], number: int = 0, head: str = START) -> str | None:
    """What is wrong with the chain, at the first entry where something is; None when it holds.

    Args:
        entries: in order.
        number, head: of the entry before the first.
    """
    for entry in entries:
        if entry.number != number + 1:
            return f"entry {number + 1} is missing: {entry.number} follows {number}"
        if entry.previous != head:
            return f"entry {entry.number} does not follow from the entry before it: one of them was changed"
        if seal(entry.number, entry.look, entry.previous) != entry.hash:
            return f"entry {entry.number} was changed: its hash is not that of what it says"
        number, head = entry.number, entry.hash
    return None
