from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aggregator.keys_cli import app
from common.errors import ConfigError
from common.keys import AuthorisedKeys, new_pair, read_agent_keys, read_server_keys


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, [*words, "--data", "data"])
    if isinstance(result.exception, ConfigError):
        raise result.exception
    return result


def said(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_a_site_gets_its_keys_with_two_commands() -> None:
    assert "aggregator keys new NAME" in said("new", "--server")
    assert "keys: gate.key" in said("new", "gate")
    server, gate = read_server_keys(Path("data/keys")), read_agent_keys(Path("gate.key"))
    assert gate.agent == "gate"
    assert gate.server == server.public
    assert AuthorisedKeys(server.agents).name_of(gate.public) == "gate"
    assert stat.S_IMODE(Path("gate.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("data/keys/server.key").stat().st_mode) == 0o600


def test_no_secret_is_ever_printed() -> None:
    printed = said("new", "--server") + said("new", "gate") + said("list") + said("list", "--json")
    assert read_server_keys(Path("data/keys")).secret not in printed
    assert read_agent_keys(Path("gate.key")).secret not in printed


def test_the_first_agents_key_brings_the_servers_with_it() -> None:
    assert "keys new --server" in said("list")
    said("new", "gate")
    server = read_server_keys(Path("data/keys"))
    said("new", "yard")
    assert read_agent_keys(Path("gate.key")).server == read_agent_keys(Path("yard.key")).server == server.public


def test_a_servers_key_is_not_overwritten() -> None:
    said("new", "--server")
    before = read_server_keys(Path("data/keys"))
    with pytest.raises(ConfigError, match="already there"):
        run("new", "--server")
    assert read_server_keys(Path("data/keys")) == before


def test_a_second_file_lets_in_another_key_of_the_same_agent() -> None:
    said("new", "--server")
    said("new", "gate")
    with pytest.raises(ConfigError, match="already there"):
        run("new", "gate")
    said("new", "gate", "--out", "next.key")
    both = {read_agent_keys(Path(name)).public for name in ("gate.key", "next.key")}
    listed = json.loads(said("list", "--json"))["keys"]
    assert {row["public_key"] for row in listed} == both
    old = read_agent_keys(Path("gate.key")).public
    assert "took back 1 key of 'gate'" in said("revoke", "gate", old)
    states = {row["public_key"]: row["state"] for row in json.loads(said("list", "--json"))["keys"]}
    assert states[old] == "revoked"
    assert sorted(states.values()) == ["allowed", "revoked"]


def test_a_key_made_elsewhere_is_added_listed_and_revoked() -> None:
    key = new_pair()[0]
    said("add", "door", key)
    assert f"door  {key}  allowed" in said("list")
    said("revoke", "door")
    assert f"door  {key}  revoked" in said("list")
    with pytest.raises(ConfigError, match="no agent 'door'"):
        run("revoke", "door")


@pytest.mark.parametrize("words", [
    ("add", "door", "short"), ("add", "../door", new_pair()[0]), ("new",), ("new", "a/b"), ("new", "gate", "--server"),
])
def test_wrong_usage_is_told(words: tuple[str, ...]) -> None:
    said("new", "--server")
    with pytest.raises(ConfigError):
        run(*words)
    assert json.loads(said("list", "--json"))["keys"] == []


def test_a_key_that_could_not_be_let_in_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    said("new", "--server")

    def fail(*_: object) -> None:
        raise ConfigError("no space")

    monkeypatch.setattr(AuthorisedKeys, "add", fail)
    with pytest.raises(ConfigError, match="no space"):
        run("new", "gate")
    assert not Path("gate.key").exists()
