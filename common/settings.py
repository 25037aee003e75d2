"""Settings: immutable pydantic models read from YAML, whose errors name file, line, key and the nearest right name."""

from __future__ import annotations

import difflib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import ConfigError


class Settings(BaseModel):
    """A block of settings. Unknown keys are errors; nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


T = TypeVar("T", bound=Settings)
Location = tuple[int | str, ...]
MOST_KEYS = 100_000


def load(path: Path, kind: type[T]) -> T:
    """Read `path` as YAML into `kind`.

    Raises:
        ConfigError: no such file, no YAML, an unknown key, or a value of a wrong type; says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give the path of a YAML file with -c") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    try:
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader))
        if len(lines) > MOST_KEYS:
            raise ConfigError(f"{path}: holds more than {MOST_KEYS} keys and values")
        data = yaml.safe_load(text)
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply, or holds itself (an alias, '*')") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: is not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(data, dict | types.NoneType):
        raise ConfigError(f"{path}: expected keys and values, found {type(data).__name__}")
    try:
        return kind.model_validate(data or {})
    except ValidationError as error:
        raise _explain(error, kind, str(path), lines) from error


def from_mapping(data: dict[str, Any], kind: type[T], name: str) -> T:
    """As `load`, for values that do not come from a file; `name` says where they come from."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _explain(error, kind, name, {}) from error


def _lines(node: yaml.Node | None, at: Location = (), found: dict[Location, int] | None = None) -> dict[Location, int]:
    """The line on which every key stands. It ends when there are too many: aliases of aliases can be very many."""
    found = {} if found is None else found
    rows: list[tuple[int | str, yaml.Node, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        rows = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        rows = [(i, item, item) for i, item in enumerate(node.value)]
    for step, marked, value in rows:
        if len(found) > MOST_KEYS:
            break
        found[(*at, step)] = marked.start_mark.line + 1
        _lines(value, (*at, step), found)
    return found


def _known_keys(kind: Any, at: Location) -> list[str]:
    """The keys that the block at `at` may have."""
    for step in at:
        for candidate in _models(kind):
            if isinstance(step, str) and step in candidate.model_fields:
                kind = candidate.model_fields[step].annotation
                break
    return sorted({name for candidate in _models(kind) for name in candidate.model_fields})


def _models(kind: Any) -> list[type[BaseModel]]:
    """The pydantic models inside a type: of `list[Camera] | None`, `[Camera]`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in typing.get_args(kind) for model in _models(part)]


def _explain(error: ValidationError, kind: type[Settings], name: str, lines: dict[Location, int]) -> ConfigError:
    problems, cure = [], None
    for problem in error.errors():
        at: Location = problem["loc"]
        key = ".".join(str(step) for step in at) or "the whole"
        line = next((lines[at[:k]] for k in range(len(at), 0, -1) if at[:k] in lines), None)
        where = f"{name}:{line}" if line else name
        if problem["type"] == "extra_forbidden":
            known = _known_keys(kind, at[:-1])
            near = difflib.get_close_matches(str(at[-1]), known, n=1)
            problems.append(f"{where}: unknown key '{key}'")
            cure = cure or (f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}")
        elif problem["type"] == "missing":
            problems.append(f"{where}: '{key}' is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{where}: '{key}': {message[:1].lower() + message[1:]} (got {problem['input']!r:.80})")
    return ConfigError("\n".join(problems), cure)
