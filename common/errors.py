"""One tree of errors that people see: what is wrong, and what cures it."""

from __future__ import annotations


class PassageError(Exception):
    """Something a person can mend.

    Args:
        message: what is wrong, naming the file, camera, key or address.
        cure: the next thing to do or type, if there is one.
    """

    exit_code = 1

    def __init__(self, message: str, cure: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.cure}" if self.cure else self.message


class ConfigError(PassageError):
    """Wrong usage or configuration."""

    exit_code = 2


class SourceError(PassageError):
    """A camera, video or folder of pictures that cannot be read."""


class ModelError(PassageError):
    """Weights that are missing, broken, of another kind, or a device that is not there."""


class WireError(PassageError):
    """Bytes that are no message of ours. `code` is what the peer is told."""

    def __init__(self, code: str, message: str, cure: str | None = None) -> None:
        super().__init__(message, cure)
        self.code = code


class StoreError(PassageError):
    """A database or spool that cannot be opened or written."""
