"""`Guard`: stands before every route. Who asks, may they, and is it written down?"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from aiohttp import web

from aggregator.api.access import LOCAL as LOCAL_NAME
from aggregator.api.access import STRANGER, Audit, Caller, Role
from aggregator.api.binding import Parameters
from aggregator.api.errors import ApiError
from aggregator.api.limiter import Limiter
from aggregator.api.peer import peer_of
from aggregator.api.sessions import COOKIE, Sessions
from aggregator.api.settings import ApiSettings
from aggregator.audit.chain import Look
from aggregator.tokens import Tokens, digest_of
from common.bursts import Bursts
from common.clock import Clock, SystemClock
from common.errors import StoreError

log = logging.getLogger("guard")

LOCAL = Caller(name=LOCAL_NAME, role=Role.ADMIN, cameras=None)
"""The user of this machine under whose account the aggregator runs."""
REFRESH_S = 1.0
SAME_LOOK_S = 60.0
MOST_LOOKS = 10_000


class Log(Protocol):
    """What `aggregator.audit.AuditLog` is to the guard."""

    async def note(self, look: Look) -> int:
        """Write a look down before it is answered; raises StoreError when that is not possible."""
        ...


class Guard:
    """Knows tokens and sessions; in the event loop's thread only.

    Args:
        settings: the API's.
        tokens: who may ask; None: nobody but `local` and `everybody`.
        audit: where looks are written down; None writes nothing, for tests.
        local: digest of the token of this machine's own user.
        everybody: whoever asks without a token is this. Only where that was asked for: see `open_loopback`.
        clock: UTC.

    Attributes:
        refused: requests that were refused, by the error's code.
        looks: entries written.
    """

    def __init__(self, settings: ApiSettings, tokens: Tokens | None = None, audit: Log | None = None, *,
                 local: str | None = None, everybody: Caller | None = None, clock: Clock | None = None) -> None:
        self.refused: Counter[str] = Counter()
        self.looks = 0
        self.sessions = Sessions(settings.session_hours * 3600)
        self._settings = settings
        self._tokens = tokens
        self._audit = audit
        self._local = local
        self._everybody = everybody
        self._clock = clock or SystemClock()
        self._limiter = Limiter(settings.failures_per_minute)
        self._served: set[str] = set()
        self._running: dict[str, set[asyncio.Task[None]]] = {}
        self._bursts = Bursts()
        self._lately: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def enter(self, request: web.Request, role: Role) -> tuple[Caller, str | None]:
        """Who asks, and the digest of the token by which we know.

        Raises:
            ApiError: 401 no token, or a wrong one; 403 it may not do this; 429 too many wrong ones.
        """
        if role is Role.PUBLIC:
            return STRANGER, None
        who, digest = self._identify(request)
        if who.role < role:
            self.refused["forbidden"] += 1
            raise ApiError(403, "forbidden", f"this is for the role {role.word}; '{who.name}' is {who.role.word}",
                           cure="ask an administrator: aggregator tokens new NAME --role " + role.word)
        return who, digest

    def open_session(self, request: web.Request, secret: str) -> tuple[Caller, str]:
        """Turn a token into a session: whose it is, and the cookie's value.

        Raises:
            ApiError: 401, 429.
        """
        digest = digest_of(secret)
        who = self._by_token(request, digest)
        return who, self.sessions.begin(digest, self._clock.now())

    async def note(self, request: web.Request, who: Caller, audit: Audit, action: str, query: Parameters) -> bool:
        """Write down a look at people. The same question of the same caller is written once a minute.

        Returns:
            Whether the answer may show people: not where a look at a part of it could not be written down.

        Raises:
            StoreError: it cannot be written, so it must not be answered.
        """
        asked = query.model_dump(mode="json", exclude_none=True)
        if self._audit is None or audit is Audit.NEVER:
            return True
        subject = json.dumps({**asked, **({"method": request.method} if request.method != "GET" else {})},
                             ensure_ascii=False, sort_keys=True)
        key, now = (who.name, action, subject), time.monotonic()
        if request.method == "GET" and now - self._lately.get(key, -SAME_LOOK_S) < SAME_LOOK_S:
            return True
        try:
            await self.write(request, who, action, subject)
        except StoreError:
            if audit is Audit.PART:
                return False
            raise
        self._lately[key] = now
        self._lately.move_to_end(key)
        while len(self._lately) > MOST_LOOKS:
            self._lately.popitem(last=False)
        return True

    async def write(self, request: web.Request, who: Caller, action: str, subject: str) -> int:
        """Write into the audit log; the entry's number, 0 without a log.

        Raises:
            StoreError: it cannot be written.
        """
        if self._audit is None:
            return 0
        self.looks += 1
        return await self._audit.note(Look(time=self._clock.now(), who=who.name, role=who.role.word, action=action,
                                           subject=subject, peer=peer_of(request, self._settings.proxies)))

    @contextlib.contextmanager
    def while_valid(self, digest: str | None) -> Iterator[None]:
        """What runs inside is ended when the token is taken back: pictures and WebSockets last long."""
        task = asyncio.current_task()
        if digest is None or task is None:
            yield
            return
        running = self._running.setdefault(digest, set())
        running.add(task)
        try:
            yield
        finally:
            running.discard(task)
            if not running:
                self._running.pop(digest, None)

    async def watch(self, _app: web.Application) -> AsyncIterator[None]:
        """Look again and again which tokens still hold, while the server runs."""
        async def run() -> None:
            while True:
                await asyncio.sleep(REFRESH_S)
                self._look_again()

        task = asyncio.create_task(run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _look_again(self) -> None:
        if self._tokens is not None and self._tokens.refresh():
            self._served.clear()
        for digest in [digest for digest in self._running if self._valid(digest) is None]:
            for task in list(self._running[digest]):
                task.cancel()

    def _identify(self, request: web.Request) -> tuple[Caller, str | None]:
        given = request.headers.get("Authorization")
        if given is not None:
            scheme, _, secret = given.partition(" ")
            digest = digest_of(secret.strip() if scheme.lower() == "bearer" else "")
            return self._by_token(request, digest), digest
        cookie = request.cookies.get(COOKIE)
        token = None if cookie is None else self.sessions.token_of(cookie, self._clock.now())
        who = None if token is None else self._valid(token)
        if who is not None:
            return who, token
        if self._everybody is not None and not _forwarded(request):
            return self._everybody, None
        self.refused["unauthorized"] += 1
        raise ApiError(401, "unauthorized", "who asks? There is no token with this request",
                       field="Authorization", cure="send 'Authorization: Bearer TOKEN', or log in at /login; "
                                                   "'aggregator tokens new NAME' makes a token")

    def _by_token(self, request: web.Request, digest: str) -> Caller:
        peer, now = peer_of(request, self._settings.proxies), time.monotonic()
        if digest not in self._served:  # who was let in before is not kept out by somebody else behind their address
            wait = self._limiter.wait_s(peer, now)
            if wait > 0:
                self.refused["too_many_failures"] += 1
                raise ApiError(429, "too_many_failures", f"too many wrong tokens came from {peer}",
                               field="Authorization", cure=f"wait {wait:.0f} s", headers={"Retry-After": f"{wait:.0f}"})
        who = self._valid(digest)
        if who is None:
            self._served.discard(digest)
            self._limiter.failed(peer, now)
            self.refused["bad_token"] += 1
            if kept := self._bursts.due(("bad_token", peer), now):
                log.warning("refused %d request(s) from %s: the token is unknown, expired or taken back", kept, peer)
            raise ApiError(401, "bad_token", "this token is unknown, has expired or was taken back",
                           field="Authorization", cure="ask an administrator for another: aggregator tokens new NAME")
        self._served.add(digest)
        return who

    def _valid(self, digest: str) -> Caller | None:
        if digest == self._local:
            return LOCAL
        token = None if self._tokens is None else self._tokens.find(digest)
        return token.caller if token is not None and token.valid(self._clock.now()) else None


def _forwarded(request: web.Request) -> bool:
    """Through a proxy everybody seems to come from this machine."""
    return any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"))
