from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from common import keys
from common.errors import ConfigError
from common.keys import AuthorisedKeys, ServerKeys


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    public, secret = keys.new_pair()
    path = tmp_path / "gate.key"
    keys.write_agent_keys(path, "gate", public, secret, keys.new_pair()[0])
    return path


def test_an_agents_file_gives_what_was_put_in(tmp_path: Path) -> None:
    public, secret = keys.new_pair()
    server = keys.new_pair()[0]
    keys.write_agent_keys(tmp_path / "gate.key", "gate", public, secret, server)
    got = keys.read_agent_keys(tmp_path / "gate.key")
    assert (got.agent, got.public, got.secret, got.server) == ("gate", public, secret, server)


def test_another_server_than_the_files_can_be_named(agent_file: Path) -> None:
    other = keys.new_pair()[0]
    assert keys.read_agent_keys(agent_file, other).server == other
    with pytest.raises(ConfigError, match="aggregator's public key"):
        keys.read_agent_keys(agent_file, "short")


def test_a_servers_file_gives_what_was_put_in(tmp_path: Path) -> None:
    public, secret = keys.new_pair()
    keys.write_server_keys(tmp_path / "keys" / "server.key", public, secret)
    got = keys.read_server_keys(tmp_path / "keys")
    assert got == ServerKeys(public=public, secret=secret, agents=tmp_path / "keys" / "agents")


def test_only_the_owner_can_read_a_secret(agent_file: Path) -> None:
    assert stat.S_IMODE(agent_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_refused_with_the_cure(agent_file: Path, mode: int) -> None:
    agent_file.chmod(mode)
    with pytest.raises(ConfigError, match=r"others can read[\s\S]*chmod 600"):
        keys.read_agent_keys(agent_file)


def test_a_key_is_never_overwritten(agent_file: Path) -> None:
    before = agent_file.read_text()
    with pytest.raises(ConfigError, match="already there"):
        keys.write_agent_keys(agent_file, "gate", *keys.new_pair(), keys.new_pair()[0])
    assert agent_file.read_text() == before


def test_secrets_are_never_shown(agent_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    agent = keys.read_agent_keys(agent_file)
    public, secret = keys.new_pair()
    server = ServerKeys(public=public, secret=secret, agents=tmp_path)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s", agent, server, [agent])
    for hidden in (agent.secret, secret):
        assert hidden not in caplog.text
        assert hidden not in f"{agent}{agent!r}{server}{server!r}"
    assert agent.public in repr(agent)


@pytest.mark.parametrize(("text", "says"), [
    ("", "'agent' is missing"),
    ("agent gate\npublic x\nsecret y\n", "'server' is missing"),
    ("agent gate\npublic x\nsecret y\nserver z\n", "40 characters"),
    ("\x00\xff", "not an agent's key file"),
])
def test_another_file_is_told_from_a_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.key"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=says):
        keys.read_agent_keys(path)


def test_a_bad_secret_is_not_repeated_in_the_error(tmp_path: Path, agent_file: Path) -> None:
    secret = keys.read_agent_keys(agent_file).secret
    agent_file.write_text(agent_file.read_text().replace(secret, secret[:-1] + "~"))
    with pytest.raises(ConfigError) as caught:
        keys.read_agent_keys(agent_file)
    assert secret[:-1] not in str(caught.value)


def test_halves_of_two_pairs_are_refused(agent_file: Path) -> None:
    got = keys.read_agent_keys(agent_file)
    agent_file.write_text(agent_file.read_text().replace(got.public, keys.new_pair()[0]))
    with pytest.raises(ConfigError, match="does not belong"):
        keys.read_agent_keys(agent_file)


def test_missing_files_name_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="keys new NAME"):
        keys.read_agent_keys(tmp_path / "gate.key")
    with pytest.raises(ConfigError, match="keys new --server"):
        keys.read_server_keys(tmp_path)


@pytest.mark.parametrize("name", ["", "../gate", "a/b", ".hidden", "x" * 65, "ä", "a b", "a\n"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be an agent's name"):
        keys.check_name(name)


def test_who_is_added_is_known_and_who_is_revoked_is_not(tmp_path: Path) -> None:
    authorised = AuthorisedKeys(tmp_path / "agents")
    key = keys.new_pair()[0]
    assert authorised.name_of(key) is None
    authorised.add("gate", key)
    assert authorised.name_of(key) == "gate"
    assert authorised.revoke("gate") == [key]
    assert authorised.name_of(key) is None
    assert authorised.revoked_name_of(key) == "gate"
    authorised.add("gate", key)
    assert authorised.revoked_name_of(key) is None


def test_another_process_sees_a_change(tmp_path: Path) -> None:
    here, there = AuthorisedKeys(tmp_path), AuthorisedKeys(tmp_path)
    key = keys.new_pair()[0]
    assert not there.refresh()
    here.add("gate", key)
    assert there.refresh()
    assert there.name_of(key) == "gate"
    here.revoke("gate")
    assert there.refresh()
    assert there.name_of(key) is None
    assert not there.refresh()


def test_an_agent_may_have_two_keys_and_lose_one(tmp_path: Path) -> None:
    authorised = AuthorisedKeys(tmp_path)
    old, new = keys.new_pair()[0], keys.new_pair()[0]
    authorised.add("gate", old)
    authorised.add("gate", new)
    authorised.revoke("gate", old)
    assert authorised.keys() == {"gate": [new]}
    assert authorised.revoked() == {"gate": [old]}


def test_one_key_speaks_for_one_agent(tmp_path: Path) -> None:
    authorised = AuthorisedKeys(tmp_path)
    key = keys.new_pair()[0]
    authorised.add("gate", key)
    with pytest.raises(ConfigError, match="already speaks for 'gate'"):
        authorised.add("door", key)


def test_revoking_nobody_says_who_there_is(tmp_path: Path) -> None:
    authorised = AuthorisedKeys(tmp_path)
    authorised.add("gate", keys.new_pair()[0])
    with pytest.raises(ConfigError, match=r"no agent 'door'[\s\S]*gate"):
        authorised.revoke("door")
    with pytest.raises(ConfigError, match="no such key"):
        authorised.revoke("gate", keys.new_pair()[0])


def test_rubbish_in_the_folder_lets_nobody_in_and_stops_nobody(tmp_path: Path) -> None:
    good = keys.new_pair()[0]
    (tmp_path / "gate.pub").write_text(f"hello\n{good}\n\n{'x' * 39}\n")
    (tmp_path / "door.pub").write_bytes(b"\xff\xfe")
    (tmp_path / "notes.txt").write_text(keys.new_pair()[0])
    assert AuthorisedKeys(tmp_path).keys() == {"gate": [good]}


@pytest.mark.skipif(not hasattr(os, "umask"), reason="no umask here")
def test_the_umask_does_not_open_a_secret(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys.write_server_keys(tmp_path / "keys" / "server.key", *keys.new_pair())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "server.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) & 0o077 == 0
