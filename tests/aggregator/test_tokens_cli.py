from __future__ import annotations

import json
import stat

import pytest
from typer.testing import CliRunner

from aggregator.cli import app
from aggregator.tokens import FILE, Tokens, digest_of
from common.errors import ConfigError
from common.local_token import local_token_file, read_local_token, remove_local_token, write_local_token


def type_(folder, *words: str):
    result = CliRunner().invoke(app, ["tokens", *words, "--data", str(folder)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def made(folder, *words: str) -> str:
    return str(json.loads(type_(folder, "new", *words, "--json").stdout)["token"])


def test_a_token_is_shown_once_and_only_its_hash_is_kept(tmp_path):
    secret = made(tmp_path, "anna", "--role", "operator", "--camera", "hall", "--days", "2")
    data = (tmp_path / FILE).read_text()
    assert secret not in data
    assert digest_of(secret) in data
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    (row,) = json.loads(type_(tmp_path, "list", "--json").stdout)["tokens"]
    assert (row["name"], row["role"], row["cameras"], row["state"]) == ("anna", "operator", ["hall"], "valid")
    assert secret not in type_(tmp_path, "list").stdout


def test_rotation_without_a_stop(tmp_path):
    """The new one is made and handed over; then the old one is taken back, by its id."""
    old = made(tmp_path, "anna")
    tokens = Tokens(tmp_path / FILE)
    new = made(tmp_path, "anna")
    assert tokens.refresh()
    assert tokens.find(digest_of(old)).valid(0.0)
    assert tokens.find(digest_of(new)).valid(0.0)
    type_(tmp_path, "revoke", "anna", digest_of(old)[:8])
    assert tokens.refresh()
    assert not tokens.find(digest_of(old)).valid(0.0)
    assert tokens.find(digest_of(new)).valid(0.0)


def test_what_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no role"):
        made(tmp_path, "anna", "--role", "root")
    with pytest.raises(ConfigError, match="sees every camera"):
        made(tmp_path, "anna", "--role", "admin", "--camera", "hall")
    with pytest.raises(ConfigError, match="name"):
        made(tmp_path, "../anna")
    with pytest.raises(ConfigError, match="no such token"):
        type_(tmp_path, "revoke", "anna")


def test_a_broken_file_lets_nobody_in_and_is_not_overwritten(tmp_path):
    secret = made(tmp_path, "anna")
    (tmp_path / FILE).write_text("{")
    (tmp_path / FILE).chmod(0o600)
    assert Tokens(tmp_path / FILE).find(digest_of(secret)) is None
    with pytest.raises(ConfigError, match="no file of tokens"):
        made(tmp_path, "otto")
    assert (tmp_path / FILE).read_text() == "{"


def test_the_local_token_is_for_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = write_local_token(8600, "psg_secret")
    assert path == local_token_file(8600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_local_token(8600) == "psg_secret"
    assert read_local_token(8601) is None
    path.chmod(0o640)
    assert read_local_token(8600) is None
    path.chmod(0o600)
    remove_local_token(8600, "psg_of_an_older_aggregator")
    assert path.exists()
    remove_local_token(8600, "psg_secret")
    assert not path.exists()


def test_a_link_logs_the_local_user_in(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    write_local_token(8600, "psg_secret")
    assert CliRunner().invoke(app, ["tokens", "link"]).stdout == "http://127.0.0.1:8600/login#token=psg_secret\n"
