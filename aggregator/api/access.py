"""Who may use a route, and what is written down about it: every route says both, and there is no default.

And who asks: whatever is read while a request is answered is read as its caller, so that no route can forget to filter.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, IntEnum


class Role(IntEnum):
    """What somebody may do; each may do what those before it may."""

    PUBLIC = 0
    """Everybody who reaches the server: nothing that this answers is about the site or about people."""
    VIEWER = 1
    """Looks: people, ways, pictures, numbers."""
    OPERATOR = 2
    """Changes what the site thinks: corrections, zones, alerts."""
    ADMIN = 3
    """Decides about others' data and access: forgetting, the audit log, settings."""

    @property
    def word(self) -> str:
        """As it is written in tokens, documents and errors."""
        return self.name.lower()


class Audit(Enum):
    """Which requests of a route are looks at people, and so go to the audit log before they are answered."""

    NEVER = "never"
    """The answer shows no single person."""
    PART = "part"
    """Its numbers show nobody and are answered in any case; the people among them once the look is written down."""
    ALWAYS = "always"
    """Searches, lists of people, live pictures, and whatever changes or exports data about people."""


def parse_role(word: str) -> Role:
    """`viewer`, `operator` or `admin`.

    Raises:
        ValueError: it is none of them.
    """
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        if word == role.word:
            return role
    raise ValueError(f"'{word[:40]}' is no role: viewer, operator or admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks.

    Attributes:
        name: of the token; "" for nobody in particular.
        role: what it may do.
        cameras: the only ones it may see anything of; None for all.
    """

    name: str
    role: Role
    cameras: frozenset[str] | None

    def sees(self, camera: object) -> bool:
        """Whether it may see what comes from `camera`."""
        return self.cameras is None or camera in self.cameras


LOCAL = "local"
"""The name of this machine's own user, under whose account the aggregator runs."""
STRANGER = Caller(name="", role=Role.PUBLIC, cameras=frozenset())
"""Who shows no token: may use what is public, and sees no camera."""

_CALLER: ContextVar[Caller] = ContextVar("caller")
_NUMBERS_ONLY: ContextVar[bool] = ContextVar("numbers_only", default=False)


def caller() -> Caller:
    """Who asks for what is being answered now. Tasks and reads of the store that a request begins have its caller.

    Raises:
        LookupError: nobody asks; nothing is shown to nobody.
    """
    return _CALLER.get()


@contextlib.contextmanager
def answering(who: Caller) -> Iterator[None]:
    """What happens inside is for `who`."""
    token = _CALLER.set(who)
    try:
        yield
    finally:
        _CALLER.reset(token)


def numbers_only() -> bool:
    """Whether what is being answered now must show nobody, because a look at a part of it could not be written down."""
    return _NUMBERS_ONLY.get()


@contextlib.contextmanager
def answering_numbers_only(only: bool) -> Iterator[None]:
    """What happens inside shows nobody, if so."""
    token = _NUMBERS_ONLY.set(only)
    try:
        yield
    finally:
        _NUMBERS_ONLY.reset(token)
