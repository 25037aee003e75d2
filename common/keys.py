"""CURVE keys: how they are made, kept in files, and who is let in.

A secret key file is lines of `word value`, mode 600. The aggregator's folder of keys holds `server.key` and, in
`agents/`, one `NAME.pub` for each agent that may connect: its public keys, one a line. What was taken back stands in
`NAME.revoked`, so that a log line can say whose key it was.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import zmq

from common.errors import ConfigError

_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z")  # Z85, ZeroMQ's spelling of 32 bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
SERVER = "server.key"
AGENTS = "agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentKeys:
    """What an agent needs to speak to its aggregator; the secret is never shown.

    Attributes:
        agent: the name that the key speaks for.
        public, secret: the agent's pair, Z85.
        server: the aggregator's public key, Z85.
    """

    agent: str
    public: str
    secret: str = field(repr=False)
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKeys:
    """What the aggregator needs: its pair, and the folder that says who may connect."""

    public: str
    secret: str = field(repr=False)
    agents: Path


def check_name(name: str) -> str:
    """An agent's name that can be a file's name.

    Raises:
        ConfigError: it cannot.
    """
    if not _NAME.match(name):
        raise ConfigError(
            f"'{name[:80]}' cannot be an agent's name",
            "use up to 64 letters, digits, '.', '-' and '_', beginning with a letter or digit",
        )
    return name


def check_key(text: str, where: str) -> str:
    """A key as ZeroMQ writes it.

    Raises:
        ConfigError: it is none; the text itself is not repeated, it may be a secret.
    """
    if not _KEY.match(text):
        raise ConfigError(f"{where}: a key is 40 characters of Z85, this is none ({len(text)} characters)")
    return text


def new_pair() -> tuple[str, str]:
    """A public and a secret key, Z85. The public one never begins with '-', which a command takes for an option."""
    while True:
        public, secret = zmq.curve_keypair()
        if not public.startswith(b"-"):
            return public.decode(), secret.decode()


def write_secret(path: Path, comment: str, words: Mapping[str, str]) -> None:
    """Write a key file that only its owner can read. It is never readable by others, not even for a moment.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    text = f"# {comment}\n# Keep it secret: whoever reads it can speak in its name.\n"
    text += "".join(f"{word} {value}\n" for word, value in words.items())
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{path} is already there; a key is not overwritten", "move it away first") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_agent_keys(path: Path, agent: str, public: str, secret: str, server: str) -> None:
    """Write the file that an agent is given.

    Raises:
        ConfigError: as `write_secret`.
    """
    words = {"agent": check_name(agent), "public": public, "secret": secret, "server": server}
    write_secret(path, f"Key of the Passage agent '{agent}'.", words)


def write_server_keys(path: Path, public: str, secret: str) -> None:
    """Write the aggregator's own pair.

    Raises:
        ConfigError: as `write_secret`.
    """
    write_secret(path, "Key of a Passage aggregator.", {"public": public, "secret": secret})


def read_agent_keys(path: Path, server: str | None = None) -> AgentKeys:
    """Read the file that `aggregator keys new NAME` made.

    Args:
        path: the file.
        server: the aggregator's public key, where it is another than the file says.

    Raises:
        ConfigError: it is not there, not such a file, or others can read it.
    """
    words = _read_secret(path, ("agent", "public", "secret", "server"), "an agent's key file")
    return AgentKeys(
        agent=check_name(words["agent"]),
        public=words["public"],
        secret=words["secret"],
        server=check_key(server, "the aggregator's public key") if server else words["server"],
    )


def read_server_keys(folder: Path) -> ServerKeys:
    """Read the aggregator's folder of keys.

    Raises:
        ConfigError: there is no `server.key` in it, or others can read it.
    """
    path = folder / SERVER
    if not path.exists():
        raise ConfigError(f"{path} is not there", "make it with 'aggregator keys new --server'")
    words = _read_secret(path, ("public", "secret"), "an aggregator's key file")
    return ServerKeys(public=words["public"], secret=words["secret"], agents=folder / AGENTS)


def _read_secret(path: Path, expected: tuple[str, ...], kind: str) -> dict[str, str]:
    try:
        with path.open(encoding="ascii") as file:
            # Asked of the open file, so that it cannot be another one a moment later.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and os.name == "posix":
                raise ConfigError(
                    f"{path} is a secret that others can read (mode {mode:03o})",
                    f"chmod 600 {path}; and make a new key if somebody may have read it",
                )
            text = file.read(1 << 16)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", "make keys with 'aggregator keys new NAME' and carry NAME.key here"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not {kind}") from error
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words = {line[0]: line[1] for line in lines if len(line) == 2}
    missing = [word for word in expected if word not in words]
    if missing:
        raise ConfigError(f"{path} is not {kind}: '{missing[0]}' is missing")
    for word in expected:
        if word != "agent":
            check_key(words[word], f"{path}: '{word}'")
    if zmq.curve_public(words["secret"].encode()).decode() != words["public"]:
        raise ConfigError(f"{path}: the public key does not belong to the secret one", "make a new pair")
    return words


class AuthorisedKeys:
    """The public keys that may connect, read from a folder and read again when it changes. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._signature: object = None
        self._names: Mapping[str, str] = MappingProxyType({})
        self._revoked: Mapping[str, str] = MappingProxyType({})
        self.refresh()

    def name_of(self, key: str) -> str | None:
        """The agent that `key` speaks for, or None."""
        return self._names.get(key)

    def revoked_name_of(self, key: str) -> str | None:
        """The agent that `key` spoke for before it was taken back, or None."""
        return self._revoked.get(key)

    def keys(self) -> dict[str, list[str]]:
        """Name → its public keys."""
        return _by_name(self._names)

    def revoked(self) -> dict[str, list[str]]:
        """Name → its public keys that were taken back."""
        return _by_name(self._revoked)

    def refresh(self) -> bool:
        """Look whether the folder changed, and read it if so.

        Returns:
            Whether it changed. A file that cannot be read lets nobody in.
        """
        with self._lock:
            files, signature = [], []
            try:
                with os.scandir(self.folder) as entries:
                    for entry in entries:
                        if entry.name.endswith((".pub", ".revoked")):
                            status = entry.stat()
                            files.append(Path(entry.path))
                            signature.append((entry.name, status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                files, signature = [], []
            signature.sort()
            if signature == self._signature:
                return False
            names: dict[str, str] = {}
            revoked: dict[str, str] = {}
            for file in sorted(files):
                into = names if file.suffix == ".pub" else revoked
                into.update(dict.fromkeys(_read_public(file), file.stem))
            self._names, self._revoked, self._signature = names, revoked, signature
            return True

    def add(self, name: str, key: str) -> None:
        """Let `key` speak for `name`, beside the keys it has.

        Raises:
            ConfigError: the name or key is none, or the key already speaks for somebody.
        """
        check_key(check_name(name) and key, "the public key")
        self.refresh()
        owner = self._names.get(key)
        if owner is not None:
            raise ConfigError(f"this key already speaks for '{owner}'")
        self._write(name, ".pub", [*self.keys().get(name, []), key])
        revoked = self._revoked.get(key)
        if revoked is not None:
            self._write(revoked, ".revoked", [k for k in self.revoked()[revoked] if k != key])
        self.refresh()

    def revoke(self, name: str, key: str | None = None) -> list[str]:
        """Take back `key`, or all keys of `name`; returns those taken back.

        Raises:
            ConfigError: there is no such agent or key.
        """
        self.refresh()
        held = self.keys().get(check_name(name), [])
        gone = [k for k in held if key in (None, k)]
        if not gone:
            known = ", ".join(sorted(self.keys())) or "none"
            raise ConfigError(
                f"'{name}' has no such key" if held else f"no agent '{name}' is authorised", f"authorised are: {known}"
            )
        # First the record, then the removal: were it cut off between, the key would still be in.
        self._write(name, ".revoked", [*self.revoked().get(name, []), *gone])
        self._write(name, ".pub", [k for k in held if k not in gone])
        self.refresh()
        return gone

    def _write(self, name: str, suffix: str, keys: list[str]) -> None:
        """Replace a file of keys in one step; without keys it goes."""
        path = self.folder / (name + suffix)
        try:
            if not keys:
                path.unlink(missing_ok=True)
                return
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            with draft.open("w", encoding="ascii") as file:
                file.write("".join(f"{key}\n" for key in keys))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error


def _by_name(names: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, name in names.items():
        found.setdefault(name, []).append(key)
    return found


def _read_public(path: Path) -> list[str]:
    """The keys in a file of public keys; whatever else stands there lets nobody in."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in lines if _KEY.match(line.strip())]
