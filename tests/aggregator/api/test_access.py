"""Default deny: every route and socket, tried as everyone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from aggregator.api.access import Audit, Role
from aggregator.api.app import registry
from aggregator.api.guard import Guard
from aggregator.audit.chain import Look
from aggregator.tokens import FILE, Tokens, digest_of
from tests.aggregator.api.who_may import WHO_MAY

EVERYONE = {
    "nobody": None, "a stranger's token": None, "somebody whose token expired": None,
    "somebody whose token was taken back": None, "viewer of one camera": Role.VIEWER, "viewer": Role.VIEWER,
    "operator": Role.OPERATOR, "admin": Role.ADMIN, "local": Role.ADMIN,
}


class Notes:
    def __init__(self) -> None:
        self.looks: list[Look] = []

    async def note(self, look: Look) -> int:
        self.looks.append(look)
        return len(self.looks)


@pytest.fixture
def secrets(site, tmp_path) -> dict[str, str]:
    """A guarded site, and a secret for everyone in EVERYONE but nobody."""
    tokens, now = Tokens(tmp_path / FILE), site.clock.now()
    made = {"viewer": tokens.add("anna", Role.VIEWER, None, now)[0],
            "viewer of one camera": tokens.add("lea", Role.VIEWER, frozenset({"left"}), now)[0],
            "operator": tokens.add("otto", Role.OPERATOR, None, now)[0],
            "admin": tokens.add("ada", Role.ADMIN, None, now)[0],
            "somebody whose token expired": tokens.add("eve", Role.ADMIN, None, now - 10, now - 1)[0],
            "somebody whose token was taken back": tokens.add("rob", Role.ADMIN, None, now)[0],
            "a stranger's token": "psg_made_up", "local": "psg_local"}
    tokens.revoke("rob", None, now)
    site.notes = Notes()
    site.tokens = tokens
    site.guard = Guard(site.settings, tokens, site.notes, local=digest_of("psg_local"), clock=site.clock)
    return made


def bearer(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"Authorization": f"Bearer {secret}"}


def test_every_route_is_listed_with_who_may_use_it():
    listed = {tuple(line.split()) for line in WHO_MAY.strip().splitlines()}
    real = {(route.method, route.path, route.role.word, route.audit.value) for route in registry().routes}
    assert real - listed == set(), "add these routes to who_may.py"
    assert listed - real == set(), "these routes are gone, or are guarded differently"


@pytest.mark.parametrize("who", EVERYONE)
def test_each_route_and_socket_as_everyone(site, secrets, who):
    site.settings = site.settings.model_copy(update={"failures_per_minute": 10_000})
    site.guard._limiter._most = 10_000
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    role = EVERYONE[who]

    async def conversation(client: TestClient) -> list[tuple[str, str, int]]:
        wrong = []
        for line in WHO_MAY.strip().splitlines():
            method, path, least, _ = line.split()
            address = re.sub(r"{\w+}", "99", path)
            ways: list[dict[str, str]] = [{}, upgrade] if "/ws/" in path else [{}]
            for headers in ways:
                async with client.request(method, address, headers=headers | bearer(secrets.get(who)),
                                          allow_redirects=False) as answer:
                    expected = {200, 101, 302, 304, 400, 404, 409, 415, 422, 426}
                    if least != "public" and role is None:
                        expected = {401}
                    elif least != "public" and role is not None and role.word != least and role < {
                            "viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN}[least]:
                        expected = {403}
                    elif (method, path) in (("POST", "/api/session"),):
                        expected = {400}
                    if answer.status not in expected:
                        wrong.append((method, path, answer.status))
        return wrong

    assert site.talk(conversation) == []


@pytest.mark.parametrize("header", [
    "Bearer", "Bearer ", "bearer x", "Basic YWRhOmFkYQ==", "psg_local", "Bearer psg_local x", "Bearer \udcff"])
def test_headers_that_are_no_token_are_refused(site, secrets, header):
    raw = header.encode("utf-8", "surrogateescape").decode("latin-1")
    assert site.ask("/api/cameras", headers={"Authorization": raw}).status == 401


def test_a_token_in_the_address_is_of_no_use(site, secrets):
    """Addresses stand in histories and logs."""
    assert site.ask(f"/api/cameras?token={secrets['admin']}").status == 401


def test_401_says_how_and_403_says_who(site, secrets):
    refused = site.ask("/api/cameras")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert "tokens new" in refused.error["cure"]


def test_wrong_tokens_are_not_listened_to_for_long(site, secrets):
    async def conversation(client: TestClient) -> tuple[list[int], str | None, int, int]:
        statuses = []
        await client.get("/api/cameras", headers=bearer(secrets["viewer"]))
        for guess in range(12):
            async with client.get("/api/cameras", headers=bearer(f"psg_{guess}")) as answer:
                statuses.append(answer.status)
                retry = answer.headers.get("Retry-After")
        async with client.get("/api/cameras", headers=bearer(secrets["operator"])) as answer:
            guessed = answer.status  # even a right guess is not heard now
        async with client.get("/api/cameras", headers=bearer(secrets["viewer"])) as answer:
            known = answer.status  # but who was let in before is not shut out by a neighbour
        return statuses, retry, guessed, known

    statuses, retry, guessed, known = site.talk(conversation)
    assert statuses == [401] * 10 + [429] * 2
    assert retry is not None
    assert 0 < int(retry) <= 60
    assert (guessed, known) == (429, 200)
    assert site.guard.refused == {"bad_token": 10, "too_many_failures": 3}


def test_a_session_stands_for_the_token_and_ends_with_it(site, secrets):
    async def conversation(client: TestClient) -> list[Any]:
        told: list[Any] = []
        async with client.post("/api/session", json={"token": secrets["viewer of one camera"]}) as answer:
            told += [answer.status, await answer.json()]
            cookie = answer.cookies["passage_session"]
            told += [cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]]
        name = {"Cookie": f"passage_session={cookie.value}"}
        async with client.get("/api/session", headers=name) as answer:
            told.append((await answer.json())["name"])
        async with client.ws_connect("/api/ws/stats", headers=name) as socket:
            told.append([camera["camera"] for camera in (await socket.receive_json())["data"]["cameras"]])
            site.tokens.revoke("lea", None, site.clock.now())
            ended = asyncio.get_running_loop().time() + 10
            while not (await socket.receive(timeout=10)).type.name.startswith("CLOS"):
                assert asyncio.get_running_loop().time() < ended
        async with client.get("/api/session", headers=name) as answer:
            told.append(answer.status)
        return told

    status, who, httponly, samesite, path, secure, name, cameras, after = site.talk(conversation)
    assert status == 200
    assert who == {"name": "lea", "role": "viewer", "cameras": ["left"]}
    assert (httponly, samesite, path, secure) == (True, "Strict", "/", "")
    assert (name, cameras) == ("lea", ["left"])
    assert after == 401


def test_logging_out_ends_the_session(site, secrets):
    async def conversation(client: TestClient) -> list[int]:
        async with client.post("/api/session", json={"token": secrets["viewer"]}) as answer:
            name = {"Cookie": f"passage_session={answer.cookies['passage_session'].value}"}
        statuses = []
        for method, path in (("GET", "/api/cameras"), ("DELETE", "/api/session"), ("GET", "/api/cameras")):
            async with client.request(method, path, headers=name) as answer:
                statuses.append(answer.status)
        return statuses

    assert site.talk(conversation) == [200, 200, 401]


def test_behind_a_trusted_proxy_the_cookie_is_for_https_only_and_addresses_are_the_visitors(site, secrets):
    site.settings = site.settings.model_copy(update={"proxies": ("127.0.0.1",)})
    site.guard._settings = site.settings
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 203.0.113.9"}

    async def conversation(client: TestClient) -> bool:
        async with client.post("/api/session", json={"token": secrets["viewer"]}, headers=proxied) as answer:
            secure = bool(answer.cookies["passage_session"]["secure"])
        await client.get("/api/identities/G1", headers=bearer(secrets["viewer"]) | proxied)
        return secure

    assert site.talk(conversation)
    assert site.notes.looks[-1].peer == "203.0.113.9"


def test_open_on_loopback_is_not_open_through_a_proxy(site):
    assert site.ask("/api/cameras").status == 200  # the site of these tests was asked to be open
    assert site.ask("/api/cameras", headers={"X-Forwarded-For": "203.0.113.9"}).status == 401


def test_a_file_of_tokens_that_others_can_read_lets_nobody_in(site, secrets):
    site.tokens.file.chmod(0o644)
    site.tokens.refresh()
    assert site.ask("/api/cameras", headers=bearer(secrets["admin"])).status == 401


def test_searches_and_looks_at_a_person_are_written_down_before_they_are_answered(site, secrets):
    def ask(path: str, **options: Any) -> int:
        return site.ask(path, headers=bearer(secrets["viewer"]), **options).status

    for path in ("/api/cameras", "/api/zones", "/api/cameras/left/heatmap"):
        assert ask(path) == 200
    assert site.notes.looks == []
    for path in ("/api/identities/G1", "/api/visits/2/why", "/api/events?identity=G1", "/api/events", "/api/stats",
                 "/api/search?visit=1", "/api/identities/G9"):
        ask(path)
    assert [(look.who, look.action, look.subject) for look in site.notes.looks] == [
        ("anna", "get_identity", '{"id": 1}'), ("anna", "get_visit_why", '{"visit": 2}'),
        ("anna", "list_events", '{"identity": 1, "limit": 50}'), ("anna", "list_events", '{"limit": 50}'),
        ("anna", "get_stats", "{}"),
        ("anna", "search_by_visit", '{"by": "looks", "camera": [], "each": "identity", "limit": 10, "visit": 1}'),
        ("anna", "get_identity", '{"id": 9}')]


def test_without_a_log_nothing_about_people_is_shown(site, secrets):
    async def full(look: Look) -> int:
        from common.errors import StoreError

        raise StoreError("the audit log cannot be written (disk full)")

    site.notes.note = full
    assert site.ask("/api/identities/G1", headers=bearer(secrets["admin"])).status == 503
    assert site.ask("/api/events", headers=bearer(secrets["admin"])).status == 503
    numbers = site.ask("/api/stats", headers=bearer(secrets["admin"]))
    assert (numbers.status, numbers.json["recent"]) == (200, [])
    site.notes.note = Notes().note
    assert site.ask("/api/stats", headers=bearer(secrets["admin"])).json["recent"]


def test_every_route_that_names_a_person_is_written_down():
    for route in registry().routes:
        if {"id", "identity", "visit"} & set(route.parameters.model_fields):
            assert route.audit is not Audit.NEVER, route.path


def test_a_server_runs_with_a_guard_only(site):
    from aggregator.api.app import create_app

    with pytest.raises(TypeError, match="guard"):
        create_app(lambda: None, site.engine, site.bus)  # type: ignore[call-arg]  # what is left out is the point
