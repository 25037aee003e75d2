"""Sessions: what a browser holds in place of a token. They are kept in memory and end with the aggregator."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from aggregator.tokens import digest_of

COOKIE = "passage_session"
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """The token (its digest) that opened it, and when it ends, UTC seconds."""

    token: str
    until: float


class Sessions:
    """The open sessions; when there are too many, the oldest ends.

    Args:
        last_s: seconds after which a session ends.
    """

    def __init__(self, last_s: float) -> None:
        self.last_s = last_s
        self._open: OrderedDict[str, Session] = OrderedDict()

    def begin(self, token: str, now: float) -> str:
        """Open a session of the token with this digest; the cookie's value, of which only the hash is kept."""
        value = secrets.token_urlsafe(32)
        self._open[digest_of(value)] = Session(token, now + self.last_s)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return value

    def token_of(self, value: str, now: float) -> str | None:
        """The digest of the token whose session this is; None when it is over."""
        key = digest_of(value)
        session = self._open.get(key)
        if session is not None and now >= session.until:
            del self._open[key]
            return None
        return session.token if session else None

    def end(self, value: str) -> None:
        """Close a session."""
        self._open.pop(digest_of(value), None)
