"""`Fields`: takes fields out of a map that came from somewhere else, each with its type and bounds."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from common.errors import WireError

MAX_DEPTH = 8
MAX_TEXT = 200
MAX_WHOLE = 2**53
F2, F4, F8, I4 = (np.dtype(name) for name in ("<f2", "<f4", "<f8", "<i4"))


def mapping(value: Any, name: str) -> dict[str, Any]:
    """A map, or `bad_field`."""
    if not isinstance(value, dict):
        raise WireError("bad_field", f"{name}: expected a map, got {type(value).__name__}")
    return value


def shown(value: Any) -> str:
    """A value for a message to people; never long, whatever somebody sent."""
    if isinstance(value, str | bytes):
        return repr(value[:40])
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f"a {type(value).__name__}"


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain(value: Any, name: str, depth: int = 0) -> Any:
    """A value as JSON could hold it: what is stored and shown later must not fail there.

    Raises:
        WireError: `bad_field`, it holds bytes, NaN, a key that is no text, or is nested too deep.
    """
    if value is None or isinstance(value, str | bool) or is_number(value):
        return value
    if depth < MAX_DEPTH:
        if isinstance(value, list):
            return [plain(item, name, depth + 1) for item in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: plain(item, name, depth + 1) for key, item in value.items()}
    raise WireError("bad_field", f"field '{name}': expected plain values, nested at most {MAX_DEPTH} deep")


class Fields:
    """A map. Every method raises WireError `bad_field` when the field is not as it must be."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def _bad(self, name: str, expected: str) -> WireError:
        return WireError("bad_field", f"field '{name}': expected {expected}, got {shown(self.fields.get(name))}")

    def text(self, name: str, limit: int = MAX_TEXT) -> str:
        """At most `limit` characters."""
        value = self.fields.get(name)
        if not isinstance(value, str) or len(value) > limit:
            raise self._bad(name, f"text of at most {limit} characters")
        return value

    def name(self, name: str) -> str:
        """Text that is not empty."""
        value = self.text(name)
        if not value:
            raise self._bad(name, "a name")
        return value

    def integer(self, name: str, least: int = 0, most: int = MAX_WHOLE) -> int:
        """A whole number from `least` to `most`."""
        value = self.fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._bad(name, f"a whole number of at least {least}")
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.fields.get(name)
        if not is_number(value):
            raise self._bad(name, "a finite number")
        return float(value)

    def raw(self, name: str) -> bytes:
        """Bytes."""
        value = self.fields.get(name)
        if not isinstance(value, bytes):
            raise self._bad(name, "bytes")
        return value

    def items(self, name: str, most: int = 1 << 20) -> list[Any]:
        """A list of at most so many."""
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self._bad(name, "a list")
        if len(value) > most:
            raise WireError("bad_field", f"field '{name}': {len(value)} of them, at most {most} are taken")
        return value

    def numbers(self, name: str, most: int = 100) -> dict[str, float]:
        """A map of finite numbers; empty when it is left out."""
        value = self.fields.get(name, {})
        if not isinstance(value, dict):
            raise self._bad(name, "a map of numbers")
        if len(value) > most:
            raise WireError("bad_field", f"field '{name}': {len(value)} numbers, at most {most} are taken")
        row = Fields(value)
        return {str(key): row.number(key) for key in value}

    def table(self, name: str, most: int) -> dict[str, dict[str, float]]:
        """A map of such maps."""
        value = self.fields.get(name, {})
        if not isinstance(value, dict):
            raise self._bad(name, "a map of maps")
        if len(value) > most:
            raise WireError("bad_field", f"field '{name}': {len(value)} of them, at most {most} are taken")
        rows = Fields(value)
        return {str(key): rows.numbers(key) for key in value}

    def array(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """(n,) of little-endian `dtype`, float16 as float32; finite."""
        data = self.raw(name)
        if len(data) % dtype.itemsize:
            raise WireError("bad_field", f"field '{name}': {len(data)} bytes are no whole number of {dtype} values")
        values = np.frombuffer(data, dtype)
        if dtype is F2:
            values = values.astype(np.float32)
        if dtype is not I4 and not all_finite(values):
            raise WireError("bad_field", f"field '{name}': holds a value that is not finite")
        return values


def all_finite(values: NDArray[Any]) -> bool:
    """Whether all of (n,) values are."""
    # The sum of squares is finite only if every value is, and costs a sixth of looking at each; large values may make
    # it overflow though all are finite, so its 'no' is looked into.
    return math.isfinite(values.dot(values)) or bool(np.isfinite(values).all())
