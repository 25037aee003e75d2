"""Opening the store's file: who may write, which version it has, and whether it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.store.errors import StoreDamagedError, StoreFullError, StoreLockedError, StoreVersionError, explain
from aggregator.store.mend import mend, suspect
from common.errors import StoreError
from common.private_files import create_private, keep_private

if TYPE_CHECKING:
    from aggregator.store.writer import StoreWriter

FILE_NAME = "passage.db"
APPLICATION_ID = 0x50415347  # 'PASG': tells our files from other programs' databases
MIGRATIONS: tuple[str, ...] = ("schema.sql", "corrections.sql", "counting.sql", "privacy.sql",
                               "faces.sql", "appended.sql", "growing.sql", "zones.sql", "moments.sql",
                               "linked.sql")
"""The file of SQL statements that makes version n out of version n - 1, from version 1 on."""
MIN_FREE_BYTES = 16 << 20
CHECK_BYTES = 256 << 20
_PAGE_BYTES = 8192
_CARRIED_BYTES = 32 << 20
_LEAST_SQLITE = (3, 37, 0)  # STRICT tables


def store_file(data: Path) -> Path:
    """The database in the data folder `data`."""
    return data / FILE_NAME


def open_store(path: Path, min_free_bytes: int = MIN_FREE_BYTES, check_bytes: int = CHECK_BYTES) -> StoreWriter:
    """Open the store for writing; make it, or bring it up to this release's version, where need be.

    Args:
        path: the file, or the data folder that holds it.
        min_free_bytes: how much room its disk must have.
        check_bytes: a file up to this size is read and checked first, and mended if it is not whole; a larger one only
            after damage was met in it.

    Raises:
        StoreFullError: no space.
        StoreLockedError: another aggregator has it.
        StoreVersionError: written by a newer release, or by another program.
        StoreDamagedError: no database, or a broken one.
        StoreError: the folder cannot be made or written to.
    """
    from aggregator.store.writer import StoreWriter

    if sqlite3.sqlite_version_info < _LEAST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old, 3.37 is needed",
                         "use a newer Python, or a newer libsqlite3")
    path = _file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"{path.parent}: cannot be made: {error.strerror}",
                         "give another folder with --data") from error
    lock = _lock(path)
    try:
        _check_space(path, min_free_bytes)
        if _is_ours(path) and (path.stat().st_size <= check_bytes or suspect(path).exists()):
            mend(path, _create)
        connection = _connect(path)
        try:
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return StoreWriter(connection, path, lock)
    except BaseException:
        os.close(lock)
        raise


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. `path` as in `open_store`.

    Raises:
        StoreError: not there, not ours, or of a newer release.
    """
    path = _file(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such store", "start 'aggregator serve' with the same --data once")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None,
                                     check_same_thread=False, cached_statements=256)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        connection.execute("PRAGMA busy_timeout = 5000")
        version = _version(connection, path)
        if version < len(MIGRATIONS):
            raise StoreVersionError(f"{path}: has version {version}, this release reads {len(MIGRATIONS)}",
                                    "start 'aggregator serve' with it once, which brings it up to date")
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA mmap_size = 268435456")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors inside leave as ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _file(path: Path) -> Path:
    return path if path.suffix in (".sqlite", ".db") and not path.is_dir() else store_file(path)


def _lock(path: Path) -> int:
    """Hold the lock file as long as this process lives; the system lets go of it however it ends."""
    name = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{name}: cannot be made: {error.strerror}",
                         f"see that this user may write to {path.parent}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreLockedError(f"{path}: another aggregator (process {holder}) is using it",
                               "end that one, or give this one another folder with --data") from error
    with contextlib.suppress(OSError):  # the number is for people only; a full disk must not hide behind it
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def _check_space(path: Path, least: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < least:
        raise StoreFullError(f"{path.parent}: no space left: {free / 2**20:.1f} MiB free, "
                             f"{least / 2**20:.0f} MiB needed",
                             f"make space there (df -h {path.parent}), or give another folder with --data")


def _connect(path: Path) -> sqlite3.Connection:
    create_private(path)
    with explained(path):
        # The engine's thread uses the connection, another one opens and closes it: never two at once.
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0,
                                     cached_statements=256)
        try:
            _version(connection, path)  # before anything is written to a file that may be somebody else's
            keep_private(path)
            # Of a new file. What comes is written in runs: half as many pages, half as many calls for them.
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            # Pages that many transactions change are carried over once, with one more sync.
            size = int(connection.execute("PRAGMA page_size").fetchone()[0])
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CARRIED_BYTES // size}")
            connection.execute("PRAGMA cache_size = -65536")
        except BaseException:
            connection.close()
            raise
    return connection


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version; 0 for an empty file.

    Raises:
        StoreVersionError: newer than this release, or another program's file.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if owner != APPLICATION_ID and (owner or tables or version):
        raise StoreVersionError(f"{path}: is a database of another program", "give another folder with --data")
    if version > len(MIGRATIONS):
        raise StoreVersionError(f"{path}: has schema version {version}, this release knows versions up to "
                                f"{len(MIGRATIONS)}", "install the release that wrote it or a newer one "
                                "(pip install --upgrade passage), or give another folder with --data")
    return version


def _is_ours(path: Path) -> bool:
    """Whether there is a database that this release wrote or knows; what else there may be is for `_connect` to say."""
    if not path.is_file() or not path.stat().st_size:
        return False
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=10.0)) as db:
            return bool(db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
                        and 0 < db.execute("PRAGMA user_version").fetchone()[0] <= len(MIGRATIONS))
    except sqlite3.Error:
        return False


def _create(path: Path, version: int) -> sqlite3.Connection:
    """An empty database of that version."""
    connection = _connect(path)
    _migrate(connection, path, version)
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, to: int | None = None) -> None:
    """Bring the file to a version, else the newest; each step is one transaction, so a kill leaves a whole version."""
    with explained(path):
        for version in range(_version(connection, path), len(MIGRATIONS) if to is None else to):
            script = _script(MIGRATIONS[version])
            connection.execute("BEGIN EXCLUSIVE")
            try:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        # Finds a cut or overwritten file now instead of in the middle of the night. Only the schema's pages are read.
        try:
            connection.execute("SELECT 1 FROM visits LIMIT 1").fetchall()
            connection.execute("SELECT 1 FROM log LIMIT 1").fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            raise StoreDamagedError(f"{path}: is damaged ({error})",
                                    f"move {path.name} away, or put a backup in its place, and start again") from error


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """The statements of an SQL file; `executescript` would commit in the middle."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
