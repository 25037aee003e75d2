"""Tokens: who may ask over HTTP. The file holds hashes only, and is read again when it changes.

A token is 256 random bits, so one round of SHA-256 hides it as well as a slow hash hides a password: nobody can try
them through.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aggregator.api.access import Caller, Role, parse_role
from common.errors import ConfigError
from common.keys import check_name

log = logging.getLogger("tokens")

FILE = "tokens.json"
PREFIX = "psg_"  # lets scanners of repositories and logs find a token that leaked


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token, without its secret.

    Attributes:
        name: whose it is; stands in the audit log.
        digest: SHA-256 of the secret, hex. Its first 8 digits tell the tokens of one name apart.
        cameras: the only ones it may see; None for all.
        created, expires, revoked: UTC seconds; None for never.
    """

    name: str
    digest: str
    role: Role
    cameras: frozenset[str] | None
    created: float
    expires: float | None = None
    revoked: float | None = None

    @property
    def short(self) -> str:
        """Tells it from others of the same name."""
        return self.digest[:8]

    def valid(self, now: float) -> bool:
        """Whether it opens anything at `now`, UTC seconds."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    @property
    def caller(self) -> Caller:
        """Whom it speaks for."""
        return Caller(name=self.name, role=self.role, cameras=self.cameras)

    def row(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"name": self.name, "sha256": self.digest, "role": self.role.word,
                "cameras": None if self.cameras is None else sorted(self.cameras), "created": self.created,
                "expires": self.expires, "revoked": self.revoked}


def new_secret() -> str:
    """A secret to give away."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """SHA-256 of a secret, hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class Tokens:
    """The tokens of one aggregator.

    Args:
        file: where their hashes are. That it is missing lets nobody in.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._signature: object = None
        self._by_digest: Mapping[str, Token] = {}
        self.refresh()

    def find(self, digest: str) -> Token | None:
        """The token with this digest, valid or not."""
        return self._by_digest.get(digest)

    def all(self) -> list[Token]:
        """Every token, revoked ones too, by name."""
        return sorted(self._by_digest.values(), key=lambda token: (token.name, token.created))

    def refresh(self) -> bool:
        """Look whether the file changed, and read it if so; whether it did. One that cannot be read lets nobody in."""
        try:
            status = self.file.stat()
            signature: object = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
        except OSError:
            signature = None
        if signature == self._signature:
            return False
        self._signature = signature
        try:
            self._by_digest = {} if signature is None else {token.digest: token for token in _read(self.file)}
        except ConfigError as error:
            log.error("nobody gets in by a token: %s", error)
            self._by_digest = {}
        return True

    def add(self, name: str, role: Role, cameras: frozenset[str] | None, now: float,
            expires: float | None = None) -> tuple[str, Token]:
        """Make a token; its secret, which is kept nowhere, and what the file keeps.

        Raises:
            ConfigError: the name is none, an admin's view is narrowed, or the file cannot be written.
        """
        if role is Role.ADMIN and cameras is not None:
            raise ConfigError("an admin sees every camera", "give the role operator or viewer, or leave --camera out")
        secret = new_secret()
        token = Token(name=check_name(name), digest=digest_of(secret), role=role, cameras=cameras, created=now,
                      expires=expires)
        with self._changing() as tokens:
            tokens.append(token)
        return secret, token

    def revoke(self, name: str, short: str | None, now: float) -> list[Token]:
        """Take tokens of `name` back, or the one that begins with `short`; those that were valid.

        Raises:
            ConfigError: there is none.
        """
        with self._changing() as tokens:
            gone = [token for token in tokens if token.name == name and token.revoked is None
                    and (short is None or token.digest.startswith(short.lower()))]
            if not gone:
                names = ", ".join(sorted({token.name for token in tokens if token.revoked is None})) or "none"
                raise ConfigError(f"'{name}' has no such token", f"there are tokens of: {names}")
            for token in gone:
                tokens[tokens.index(token)] = Token(
                    name=token.name, digest=token.digest, role=token.role, cameras=token.cameras,
                    created=token.created, expires=token.expires, revoked=now)
        return gone

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[Token]]:
        """The tokens, to be changed by one program at a time and written in one step."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self.file.with_name(FILE + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{self.file}: {error.strerror}", "is this the aggregator's --data?") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            tokens = _read(self.file) if self.file.exists() else []
            yield tokens
            _write(self.file, tokens)
        finally:
            os.close(lock)
        self.refresh()


def _read(file: Path) -> list[Token]:
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077 and os.name == "posix":
            raise ConfigError(f"{file} can be read or written by others", f"chmod 600 {file}")
        rows = orjson.loads(file.read_bytes())["tokens"]
        return [Token(name=str(row["name"]), digest=str(row["sha256"]), role=parse_role(row["role"]),
                      cameras=None if row["cameras"] is None else frozenset(map(str, row["cameras"])),
                      created=float(row["created"]), expires=row["expires"], revoked=row["revoked"]) for row in rows]
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{file}: is no file of tokens ({error!r:.100})",
                          "move it away and make tokens anew: aggregator tokens new NAME") from error


def _write(file: Path, tokens: list[Token]) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(orjson.dumps({"tokens": [token.row() for token in tokens]}, option=orjson.OPT_INDENT_2))
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
