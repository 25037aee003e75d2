"""`HttpServer`: the API's listening socket, with TLS where there is a certificate, and the local user's token."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import ssl
import stat
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from aggregator.api.settings import ApiSettings
from aggregator.settings import split_address
from common.endpoints import is_loopback_host
from common.errors import ConfigError
from common.local_token import remove_local_token, write_local_token

log = logging.getLogger("serve")

LONGEST_LINE = 64 << 10
"""Bytes of a request's first line and of a header; longer ones are refused before they are looked at."""
_END_S = 1.0
_LOOK_S = 30.0


class _NoRequest(logging.Filter):
    """Leaves out what aiohttp says, with a trace, of bytes that are no request: anybody could fill the log with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is kept."""
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


NO_REQUEST = _NoRequest()


def check_address(http: str, api: ApiSettings, allow_remote: bool) -> None:
    """Whether it is safe to listen there.

    Raises:
        ConfigError: other machines could read along, or everybody there could ask.
    """
    if (api.tls_certificate is None) != (api.tls_key is None):
        raise ConfigError("TLS needs both 'tls_certificate' and 'tls_key' in the api settings")
    if is_loopback_host(split_address(http)[0]):
        return
    if api.open_loopback:
        raise ConfigError(f"http {http}: 'open_loopback' is for loopback only: others could ask without a token",
                          "remove it from the api settings, or listen on 127.0.0.1")
    if api.tls_certificate is None and not allow_remote:
        raise ConfigError(
            f"http {http}: tokens and answers about people would cross the network in the clear",
            "set 'tls_certificate' and 'tls_key' in the api settings; or stay on 127.0.0.1 behind a proxy with TLS or "
            "ssh -L 8600:127.0.0.1:8600; or set 'http_allow_remote: true' where nobody else is on the network")


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context, TLS 1.2 and newer.

    Raises:
        ConfigError: a file is missing, no PEM, the two do not belong together, or others can read the key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        if stat.S_IMODE(key.stat().st_mode) & 0o007:
            raise ConfigError(f"{key} is a secret that everybody can read", f"chmod 600 {key}")
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise ConfigError(f"{certificate} and {key}: no certificate with its key in PEM ({error.reason or error})",
                          "give the full chain as tls_certificate and its private key as tls_key") from error
    except OSError as error:
        raise ConfigError(f"{error.filename or certificate}: {error.strerror}",
                          "see tls_certificate and tls_key in the api settings") from error


class HttpServer:
    """Listens until closed.

    Args:
        app: what answers.
        http: HOST:PORT; port 0 takes a free one.
        settings: the API's.
        secret: the local user's token, to be left where their programs find it.

    Attributes:
        address: the base address, with the real port, once started.
        login: the address at which the local user's browser logs in.
        token_file: where the local user's token lies; None when there was no place for it.
    """

    def __init__(self, app: web.Application, http: str, settings: ApiSettings, secret: str) -> None:
        self.address = self.login = ""
        self.port = 0
        self.token_file: Path | None = None
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_END_S,
                                     max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE)
        self._http, self._settings, self._secret = http, settings, secret
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address is taken or not this machine's, or the certificate cannot be used.
        """
        logging.getLogger("aiohttp.server").addFilter(NO_REQUEST)  # twice is once
        host, port = split_address(self._http)
        files = self._settings.tls_certificate, self._settings.tls_key
        context = tls_context(files[0], files[1]) if files[0] and files[1] else None
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=context).start()
        except OSError as error:
            raise _explain(error, self._http) from error
        self.port = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{'http' if context is None else 'https'}://{shown}:{self.port}"
        self.login = f"{self.address}/login#token={self._secret}"
        try:
            self.token_file = write_local_token(self.port, self._secret)
        except OSError as error:
            log.warning("no token is left for this user's own programs (%s): give them one in PASSAGE_TOKEN", error)
        if context is not None and files[0] and files[1]:
            self._renewing = asyncio.create_task(_renew(context, files[0], files[1]))

    async def close(self) -> None:
        """End every connection."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        if self.token_file is not None:
            remove_local_token(self.port, self._secret)
        await self._runner.cleanup()


async def _renew(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Take up a renewed certificate for new connections."""
    def state() -> tuple[int, int]:
        return certificate.stat().st_mtime_ns, key.stat().st_mtime_ns

    last = state()
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            now = state()
            if now != last:
                _load(context, certificate, key)
                last = now
                log.info("took up the certificate in %s", certificate)
        except (OSError, ConfigError) as error:
            log.error("the renewed certificate is not taken up: %s", error)


def _explain(error: OSError, address: str) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"http {address} is in use by another program",
                           "stop it (is another aggregator running?), or listen elsewhere with --http 127.0.0.1:PORT")
    if error.errno == errno.EACCES:
        return ConfigError(f"http {address}: not allowed to listen there", "use a port from 1024 on")
    return ConfigError(f"http {address}: cannot listen there: {error.strerror}",
                       "listen on an address of this machine, such as --http 127.0.0.1:8600")
