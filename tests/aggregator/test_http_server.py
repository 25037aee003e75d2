from __future__ import annotations

import asyncio
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from aggregator.api.settings import ApiSettings
from aggregator.http_server import HttpServer, check_address, tls_context
from common.errors import ConfigError
from common.local_token import local_token_file, read_local_token

OPENSSL = shutil.which("openssl")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    if OPENSSL is None:
        pytest.skip("there is no openssl on this machine to make a certificate with")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run([OPENSSL, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", chain, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    key.chmod(0o600)
    return chain, key


def app() -> web.Application:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.scheme}")

    made = web.Application()
    made.router.add_get("/", hello)
    return made


def test_https_by_certificate_files(certificate: tuple[Path, Path]) -> None:
    settings = ApiSettings(tls_certificate=certificate[0], tls_key=certificate[1])

    async def run() -> tuple[str, str]:
        server = HttpServer(app(), "127.0.0.1:0", settings, "psg_x")
        await server.start()
        try:
            trusting = ssl.create_default_context(cafile=str(certificate[0]))
            async with aiohttp.ClientSession() as session:
                async with session.get(server.address, ssl=trusting) as answer:
                    told = await answer.text()
                with pytest.raises(aiohttp.ClientError):
                    await session.get(server.address.replace("https:", "http:"))
            return server.address, told
        finally:
            await server.close()

    address, told = asyncio.run(run())
    assert address.startswith("https://127.0.0.1:")
    assert told == "https"


def test_old_protocols_are_not_spoken(certificate: tuple[Path, Path]) -> None:
    assert tls_context(*certificate).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_key_that_everybody_can_read_is_refused(certificate: tuple[Path, Path]) -> None:
    certificate[1].chmod(0o644)
    with pytest.raises(ConfigError, match="everybody can read"):
        tls_context(*certificate)


def test_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(0o600)
    with pytest.raises(ConfigError, match="no certificate"):
        tls_context(tmp_path / "a", tmp_path / "a")
    with pytest.raises(ConfigError, match="No such file"):
        tls_context(tmp_path / "b", tmp_path / "b")


@pytest.mark.parametrize(("http", "api", "remote", "said"), [
    ("127.0.0.1:0", {}, False, None), ("[::1]:0", {"open_loopback": True}, False, None),
    ("0.0.0.0:0", {}, False, "in the clear"), ("0.0.0.0:0", {}, True, None),
    ("0.0.0.0:0", {"open_loopback": True}, True, "for loopback only"),
    ("0.0.0.0:0", {"tls_certificate": "c", "tls_key": "k"}, False, None),
    ("127.0.0.1:0", {"tls_certificate": "c"}, False, "both")])
def test_where_it_is_safe_to_listen(http: str, api: dict[str, object], remote: bool, said: str | None) -> None:
    if said is None:
        check_address(http, ApiSettings.model_validate(api), remote)
    else:
        with pytest.raises(ConfigError, match=said):
            check_address(http, ApiSettings.model_validate(api), remote)


def test_the_local_token_lies_there_while_it_runs() -> None:
    async def run() -> int:
        server = HttpServer(app(), "127.0.0.1:0", ApiSettings(), "psg_mine")
        await server.start()
        assert read_local_token(server.port) == "psg_mine"
        assert stat.S_IMODE(local_token_file(server.port).stat().st_mode) == 0o600
        assert server.login.endswith("/login#token=psg_mine")
        await server.close()
        return server.port

    assert read_local_token(asyncio.run(run())) is None
