"""Addresses of the wire, `tcp://HOST:PORT`, and the rule that plain sockets stay on the machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal

from common.errors import ConfigError

EXAMPLE = "write it as tcp://127.0.0.1:5599, tcp://aggregator.lan:5599 or tcp://[::1]:5599"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A ZeroMQ address, taken apart. `host` and `port` are empty and 0 for `ipc` and `inproc`."""

    scheme: str
    host: str
    port: int


def parse(endpoint: str) -> Endpoint:
    """Take `tcp://HOST:PORT`, `ipc://PATH` or `inproc://NAME` apart.

    Raises:
        ConfigError: it is none of these; says what is wrong and how to write it.
    """
    scheme, separator, rest = endpoint.partition("://")
    if not separator or not rest:
        raise ConfigError(f"'{endpoint}' is no endpoint", EXAMPLE)
    if scheme in ("ipc", "inproc"):
        return Endpoint(scheme, "", 0)
    if scheme != "tcp":
        raise ConfigError(f"'{endpoint}': the transport '{scheme}' is not known", EXAMPLE)
    host, separator, digits = rest.rpartition(":")
    if not separator or not host:
        raise ConfigError(f"'{endpoint}' names no port", EXAMPLE)
    if host[0] == "[" and host[-1] == "]":
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"'{endpoint}': an IPv6 address stands in brackets", EXAMPLE)
    if digits == "*":
        digits = "0"
    if not (digits.isascii() and digits.isdecimal()) or int(digits) > 65535:
        raise ConfigError(f"'{endpoint}': '{digits}' is no port, which is a number up to 65535", EXAMPLE)
    return Endpoint("tcp", host, int(digits))


def is_loopback(endpoint: str) -> bool:
    """Whether nothing sent through `endpoint` can leave the machine.

    Only addresses that say so themselves count: `localhost`, 127.0.0.0/8, ::1, ipc and inproc. A host name that
    resolves to such an address today may resolve to another tomorrow.

    Raises:
        ConfigError: as `parse`.
    """
    parts = parse(endpoint)
    return parts.scheme != "tcp" or is_loopback_host(parts.host)


def is_loopback_host(host: str) -> bool:
    """Whether only this machine reaches `host`, a name or an address without brackets; see `is_loopback`."""
    if host == "localhost":
        return True
    address = _literal(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return address is not None and (mapped or address).is_loopback


def wants_ipv6(endpoint: str) -> bool:
    """Whether the socket has to speak IPv6 (beside IPv4): for an IPv6 address, a host name or every interface.

    Raises:
        ConfigError: as `parse`.
    """
    parts = parse(endpoint)
    return parts.scheme == "tcp" and parts.host != "localhost" and not isinstance(
        _literal(parts.host), ipaddress.IPv4Address
    )


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def require_encryption(endpoint: str, encrypted: bool, action: Literal["listen", "connect"]) -> None:
    """Refuse a plain socket that could be heard on a network.

    Raises:
        ConfigError: `endpoint` is not on loopback and no keys are configured; says how to make them.
    """
    if encrypted or is_loopback(endpoint):
        return
    where = "listening on" if action == "listen" else "connecting to"
    cure = (
        "make keys: 'aggregator keys new --server', then 'aggregator keys new NAME' for each agent; or stay on loopback"
        if action == "listen"
        else "run 'aggregator keys new NAME' on the aggregator, carry NAME.key here and name it in the agent's settings"
    )
    raise ConfigError(f"{where} {endpoint} without keys: what cameras see would cross the network unencrypted", cure)
