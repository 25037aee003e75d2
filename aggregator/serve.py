"""`aggregator serve`: the middle of the site, until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from aggregator.api.app import create_app
from aggregator.api.embedders import Embedders
from aggregator.api.faces import FaceNetworks
from aggregator.api.guard import LOCAL, Guard
from aggregator.audit import AuditLog
from aggregator.drawn import DrawnFiles
from aggregator.engine import Bus, Engine
from aggregator.http_server import HttpServer, check_address
from aggregator.inbox import Inbox
from aggregator.linking.ids import IdAllocator
from aggregator.linking.layout import read_layout
from aggregator.linking.linker import Linker
from aggregator.mailbox import Mailbox
from aggregator.metrics import measure_rest
from aggregator.previews import Previews
from aggregator.privacy.rekey_cli import check_key
from aggregator.privacy.settings import DAY_S
from aggregator.privacy.turn import read_key
from aggregator.settings import AggregatorSettings
from aggregator.sinks import Sinks
from aggregator.store import open_store
from aggregator.tokens import FILE as TOKENS_FILE
from aggregator.tokens import Tokens, digest_of, new_secret
from common import __version__, endpoints
from common.clock import Clock, SystemClock
from common.errors import ConfigError, PassageError
from common.keys import ServerKeys, read_server_keys
from common.logging import configure_logging
from common.memory import given_back, one_heap
from common.messages import Message
from common.settings import from_mapping, load

log = logging.getLogger("serve")

_COLLECT = (5_000, 10, 10)
"""A batch of messages is thousands of objects that live for a moment; looking for circles among them finds none."""


class EngineError(PassageError):
    """The engine ended by itself."""


def serve(
    config: Annotated[Path | None, typer.Option("-c", "--config", help="aggregator.yaml")] = None,
    listen: Annotated[str | None, typer.Option(
        help="where agents connect; tcp://127.0.0.1:5599 if not given", metavar="ENDPOINT")] = None,
    http: Annotated[str | None, typer.Option(
        help="where the HTTP API listens; 127.0.0.1:8600 if not given", metavar="HOST:PORT")] = None,
    data: Annotated[Path | None, typer.Option(
        help="folder of the database and keys; ./passage-data if not given", metavar="DIR")] = None,
    ready_file: Annotated[Path | None, typer.Option(
        help="write the real addresses here as JSON once everything is up: for scripts that use port 0")] = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="log lines as JSON")] = False,
) -> None:
    """Take in what agents send, link it, store it and answer questions about it over HTTP.

    Works without a configuration on this machine alone. Runs until Ctrl-C or SIGTERM and ends within 5 seconds;
    whatever was acknowledged is on the disk, and agents keep the rest.

    Exit codes: 0 stopped; 1 the store or the engine could not go on; 2 wrong usage or configuration, a port in use
    among them.

    Examples:

      aggregator serve

      aggregator serve -c aggregator.yaml --data /var/lib/passage
    """
    settings = read_settings(config, listen=listen, http=http, data=data)
    configure_logging(settings.log, as_json=log_json or settings.log_format == "json")
    gc.set_threshold(*_COLLECT)
    one_heap()
    with _ended_by_signals():
        asyncio.run(Server(settings, SystemClock()).run(ready_file))


def read_settings(config: Path | None, **given: Any) -> AggregatorSettings:
    """The file's settings, or the defaults, with what was given on the command line put over them.

    Raises:
        ConfigError: something is wrong with them; also when it would not be safe to listen at `http`.
    """
    settings = load(config, AggregatorSettings) if config else AggregatorSettings()
    over = {key: value for key, value in given.items() if value is not None}
    if over:
        from_mapping(over, AggregatorSettings, "command line")
        settings = from_mapping({**settings.model_dump(), **over}, AggregatorSettings, "command line")
    check_address(settings.http, settings.api, settings.http_allow_remote)
    return settings


class Server:
    """The whole aggregator in one process.

    Args:
        settings: see there.
        clock: UTC.
    """

    def __init__(self, settings: AggregatorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self, ready_file: Path | None = None, stop: asyncio.Event | None = None) -> None:
        """Start everything, say so, and run until SIGINT, SIGTERM or `stop`.

        Args:
            ready_file: where to write the real addresses, as JSON; removed at the end.
            stop: ends it as a signal does.

        Raises:
            ConfigError: a port in use, keys missing, and the like.
            StoreError: the store cannot be opened.
            EngineError: the engine could not go on.
        """
        stop = stop or asyncio.Event()
        settings, loop = self._settings, asyncio.get_running_loop()
        bus = Bus()
        messages: Mailbox[tuple[str, Message]] = Mailbox(settings.engine.queue, settings.engine.queue_mb << 20)
        topology = read_layout(settings.layout) if settings.layout else None
        keys = self._keys()
        async with contextlib.AsyncExitStack() as stack:
            store = open_store(settings.data, settings.store.min_free_mb << 20, settings.store.check_mb << 20)
            ended = [True]
            stack.callback(lambda: store.close() if ended[0] else None)
            turn = None if settings.embedding_key is None else read_key(settings.embedding_key)
            check_key(store, turn, "'embedding_key'")
            previews = Previews(lambda agent, message: inbox.send(agent, message), settings.api.max_viewers)
            inbox = Inbox(settings.listen, messages, keys, settings.agents, clock=self._clock, on_picture=previews.take)
            engine = Engine(
                store, lambda after: Linker(settings.linking, topology, IdAllocator(after)), messages, inbox.send,
                self._clock, settings.engine, bus,
                on_failure=lambda: _call(loop, stop.set), rules=settings.alerts.rules, retention=settings.retention,
                turn=turn)
            drawn = DrawnFiles(settings.data / "places", inbox.send)
            bus.subscribe(drawn.take)
            sinks = Sinks(settings.alerts, bus, self._clock)
            stack.callback(sinks.stop)
            sinks.start()
            engine.wire = lambda: asdict(inbox.counters())
            engine.start()
            stack.callback(lambda: ended.__setitem__(0, engine.stop()))
            inbox.start()
            stack.callback(inbox.stop)
            days = settings.retention.audit_days
            audit = AuditLog(settings.data, None if days is None else days * DAY_S, self._clock,
                             settings.retention.audit_mb)
            stack.callback(audit.close)
            secret = new_secret()
            guard = Guard(settings.api, Tokens(settings.data / TOKENS_FILE), audit, local=digest_of(secret),
                          everybody=LOCAL if settings.api.open_loopback else None, clock=self._clock)
            app = create_app(store.reader, engine, bus, settings.api, guard=guard, pictures=previews, draw=drawn.draw,
                             embedders=Embedders(turn=turn), faces=FaceNetworks(turn=turn),
                             more_metrics=lambda samples: measure_rest(samples, inbox.counters(), store.path))
            server = HttpServer(app, settings.http, settings.api, secret)
            stack.push_async_callback(server.close)
            await server.start()
            for number in (signal.SIGINT, signal.SIGTERM):
                # Tests serve from another thread, where signals cannot be handled; the rest works.
                with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread
                    loop.add_signal_handler(number, stop.set)
                    stack.callback(loop.remove_signal_handler, number)
            stack.enter_context(given_back())
            # What is there now stays: the collector need not look through it again and again.
            gc.collect()
            gc.freeze()
            self._announce(inbox.endpoint, server, keys is not None)
            if ready_file is not None:
                _write_ready(ready_file, {"listen": inbox.endpoint, "http": server.address, "data": str(settings.data),
                                          "token_file": str(server.token_file or ""), "pid": os.getpid()})
                stack.callback(ready_file.unlink, missing_ok=True)
            await stop.wait()
            log.info("stopping")
        if engine.failure is not None:
            raise EngineError(f"the engine could not go on: {engine.failure}",
                              "see the log above; agents keep what was not stored. Start again") from engine.failure

    def _keys(self) -> ServerKeys | None:
        settings = self._settings
        if settings.keys is not None:
            return read_server_keys(settings.keys)
        return None if endpoints.is_loopback(settings.listen) else read_server_keys(settings.data / "keys")

    def _announce(self, endpoint: str, server: HttpServer, encrypted: bool) -> None:
        lines = [
            f"aggregator {__version__}",
            f"  agents connect to  {endpoint}{'' if encrypted else '   (plain: this machine only)'}",
            f"  dashboard          {server.address}/",
            f"  HTTP API           {server.address}/api   what can be asked: {server.address}/docs",
            # Logs are read by many: the link, which is a key, is shown to who sits there.
            "  log in             " + (server.login if sys.stdout.isatty() else "aggregator tokens link"),
            f"  data               {self._settings.data}",
            "  Ctrl-C ends it",
        ]
        print("\n".join(lines), flush=True)
        if self._settings.http_allow_remote and server.address.startswith("http:"):
            log.warning("%s has no TLS: tokens and answers cross the network in the clear", server.address)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has just ended
        loop.call_soon_threadsafe(function)


def _write_ready(path: Path, content: dict[str, Any]) -> None:
    """In one step: who waits for the file never reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(content) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give a path in a folder that exists with --ready-file") \
            from error


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Before the event loop takes the signals over, and after, they end the process in an orderly way too."""
    def leave(*_: object) -> None:
        sys.exit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
