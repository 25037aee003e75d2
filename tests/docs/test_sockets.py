"""Every socket that listens is known here, with who may use it; a new one gets its line, and its own tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from aggregator.http_server import check_address
from aggregator.inbox import Inbox
from aggregator.mailbox import Mailbox
from aggregator.settings import AggregatorSettings
from common.errors import ConfigError
from edge_agent.metrics import MetricsServer
from edge_agent.preview.previewer import Previewer
from edge_agent.preview.server import LocalPreview

ROOT = Path(__file__).parents[2]
LISTENS = {"socket.bind", "TCPSite", "UnixSite", "SockSite", "HTTPServer", "ThreadingHTTPServer", "TCPServer",
           "ThreadingTCPServer", "create_server", "start_server", "start_unix_server", "bind_to_random_port"}
WHO_MAY = {
    "aggregator/inbox.py": "agents: by CURVE with a key that was let in; plain on loopback only",
    "aggregator/gatekeeper.py": "nobody: inside the process, where libzmq asks who may come in",
    "aggregator/http_server.py": "by token: tests/aggregator/api/who_may.py says who may use which route",
    "edge_agent/preview/server.py": "this box's own user, by a token that only this user can read; loopback only",
    "edge_agent/metrics.py": "this box; others where metrics_allow_remote says so",
}


def listening(path: Path) -> bool:
    """Whether a module opens a socket for others."""
    called = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
              if isinstance(node, ast.Call)]
    return any(name.endswith(tuple(LISTENS)) for name in called)


def test_every_socket_that_listens_is_listed_with_who_may_use_it() -> None:
    found = {path.relative_to(ROOT).as_posix() for package in ("aggregator", "common", "edge_agent", "models")
             for path in (ROOT / package).rglob("*.py") if listening(path)}
    assert found == set(WHO_MAY)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.7", "site.example"])
def test_none_of_them_is_open_to_other_machines_by_itself(host: str) -> None:
    with pytest.raises(ConfigError, match="without keys"):
        Inbox(f"tcp://{host}:5599", Mailbox(1))
    with pytest.raises(ConfigError, match="in the clear"):
        check_address(f"{host}:8600", AggregatorSettings().api, False)
    with pytest.raises(ConfigError, match="without a lock"):
        LocalPreview(f"{host}:8601", Previewer({}, tuple, lambda: None))
    with pytest.raises(ConfigError, match="whoever reaches"):
        MetricsServer(f"{host}:8602", lambda: "")
