"""aggregator.yaml: what works without one, and what is said about a wrong one."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aggregator.serve import read_settings
from aggregator.settings import AggregatorSettings, split_address
from common.endpoints import is_loopback_host
from common.errors import ConfigError


def fields(kind: type[BaseModel], at: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in kind.model_fields.items():
        yield at + name, field
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from fields(part, f"{at}{name}.")


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in fields(AggregatorSettings) if not field.description] == []


def test_without_a_file_it_stays_on_this_machine() -> None:
    settings = read_settings(None)
    assert (settings.listen, settings.http, settings.data) == ("tcp://127.0.0.1:5599", "127.0.0.1:8600",
                                                               Path("passage-data"))


def test_what_is_given_on_the_command_line_wins(tmp_path: Path) -> None:
    file = tmp_path / "aggregator.yaml"
    file.write_text("http: 127.0.0.1:1\ndata: /there\nlinking:\n  min_frames: 9\n")
    settings = read_settings(file, http="localhost:0", data=None)
    assert (settings.http, settings.data, settings.linking.min_frames) == ("localhost:0", Path("/there"), 9)


@pytest.mark.parametrize(("text", "found"), [
    ("htpp: 127.0.0.1:1", "aggregator.yaml:1: unknown key 'htpp'"),
    ("log: info\nengine:\n  bach: 3", "aggregator.yaml:3: unknown key 'engine.bach'"),
    ("engine:\n  batch: many", "aggregator.yaml:2: 'engine.batch'"),
    ("engine:\n  queue: 0", "aggregator.yaml:2: 'engine.queue'"),
    ("listen: 127.0.0.1:5599", "aggregator.yaml:1: 'listen'"),
    ("http: http://127.0.0.1:8600", "aggregator.yaml:1: 'http'"),
    ("http: 127.0.0.1", "aggregator.yaml:1: 'http'"),
    ("http: 127.0.0.1:99999", "aggregator.yaml:1: 'http'"),
    ("data: [1, 2]", "aggregator.yaml:1: 'data'"),
    ("log: loud", "aggregator.yaml:1: 'log'"),
])
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    file = tmp_path / "aggregator.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_settings(file)
    assert found in raised.value.message


def test_the_nearest_name_is_offered(tmp_path: Path) -> None:
    file = tmp_path / "aggregator.yaml"
    file.write_text("engine:\n  bach: 3")
    with pytest.raises(ConfigError) as raised:
        read_settings(file)
    assert raised.value.cure == "did you mean 'batch'?"


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigError, match="command line: 'http'"):
        read_settings(None, http="8600")


@pytest.mark.parametrize("http", ["0.0.0.0:8600", "[::]:8600", "192.0.2.1:8600", "box.lan:8600"])
def test_other_machines_are_kept_out_unless_that_is_wanted(tmp_path: Path, http: str) -> None:
    with pytest.raises(ConfigError, match="in the clear") as raised:
        read_settings(None, http=http)
    assert "http_allow_remote" in (raised.value.cure or "")
    file = tmp_path / "aggregator.yaml"
    file.write_text(f"http: '{http}'\nhttp_allow_remote: true")
    assert read_settings(file).http == http


@pytest.mark.parametrize(("address", "host", "port"), [
    ("127.0.0.1:8600", "127.0.0.1", 8600), ("localhost:0", "localhost", 0), ("[::1]:1", "::1", 1),
])
def test_addresses(address: str, host: str, port: int) -> None:
    assert split_address(address) == (host, port)
    assert is_loopback_host(host)


@pytest.mark.parametrize("address", ["", ":", "8600", ":8600", "::1:8600", "a:b", "a:-1", "a:65536", "a:²"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        split_address(address)
