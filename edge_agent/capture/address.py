"""`Address`: what kind of source a text names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from common.errors import ConfigError
from common.reid_layouts import LAYOUTS

Kind = Literal["file", "stream", "webcam", "folder", "market1501", "mars"]

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """Where pictures come from.

    Attributes:
        kind: `stream` is RTSP or HTTP; `market1501` and `mars` are data sets of people cut out.
        value: path (of a data set also `PATH#CAMERA`), URL, or number or path of a webcam; `${NAME}` still in it.
    """

    kind: Kind
    value: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Take a source apart.

        Raises:
            ValueError: a URL of a kind that is not read, or a webcam without its number.
        """
        head, colon, rest = text.partition(":")
        if colon and rest.startswith("//"):
            if head.lower() not in ("rtsp", "rtsps", "http", "https"):
                raise ValueError(f"'{head}://' is no source that is read; use rtsp://, http:// or a path")
            return cls("stream", text)
        if colon and head == "webcam":
            if not (rest.isdecimal() or rest.startswith("/dev/")):
                raise ValueError("expected a number or device after 'webcam:', such as webcam:0")
            return cls("webcam", rest)
        if colon and head == "folder":
            if not rest:
                raise ValueError("expected a path after 'folder:'")
            return cls("folder", rest)
        if colon and head in LAYOUTS:
            if not rest:
                raise ValueError(f"expected a path after '{head}:'")
            return cls("mars" if head == "mars" else "market1501", rest)
        return cls("file", text)

    @property
    def dataset(self) -> bool:
        """Whether it is people cut out, whose tracks are given."""
        return self.kind in LAYOUTS

    @property
    def shown(self) -> str:
        """For logs and errors: as written, but without user and password."""
        return _CREDENTIALS.sub("…@", self.value)

    def resolve(self) -> str:
        """The value with `${NAME}` replaced by environment variables.

        Raises:
            ConfigError: a variable is not set.
        """

        def variable(match: re.Match[str]) -> str:
            value = os.environ.get(match[1])
            if value is None:
                raise ConfigError(f"{self.shown}: the environment variable {match[1]} is not set",
                                  f"export {match[1]}=…")
            return value

        return _VARIABLE.sub(variable, self.value)
