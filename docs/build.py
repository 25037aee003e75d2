"""Writes docs/reference/ from the code: every setting, every command. A test fails when it is stale."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docs.limits import limits_page

HERE = Path(__file__).parent
NOTE = "<!-- made by ./run docs; do not edit -->\n\n"


def settings_page() -> str:
    """Both YAML files, block by block."""
    from aggregator.settings import AggregatorSettings
    from edge_agent.settings import AgentSettings

    text = NOTE + "# Settings\n\nUnknown keys are errors. Paths are relative to the folder the command runs in.\n"
    for file, kind in (("agent.yaml", AgentSettings), ("aggregator.yaml", AggregatorSettings)):
        text += f"\n## {file}\n" + _block(kind, "")
    return text


def _block(kind: type[BaseModel], prefix: str) -> str:
    rows, inner = "", ""
    for name, field in kind.model_fields.items():
        key = f"{prefix}{name}"
        nested = _model_in(field.annotation)
        many = "list" if typing.get_origin(field.annotation) in (tuple, list) else ""
        if nested:
            inner += f"\n### {key}{'[]' if many else ''}\n\n{field.description}\n" + _block(
                nested, f"{key}{'[]' if many else ''}.")
        else:
            rows += f"| `{key}` | {_default(field.default)} | {_escape(field.description or '')} |\n"
    head = "\n| key | default | what it is |\n|---|---|---|\n" if rows else ""
    return head + rows + inner


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (tuple, list, typing.Union, types.UnionType):
        return next((m for part in typing.get_args(annotation) if (m := _model_in(part))), None)
    return None


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return f"`[{', '.join(str(item) for item in value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def commands_page() -> str:
    """Both commands with their options."""
    from aggregator.cli import app as aggregator
    from edge_agent.cli import app as edge_agent

    text = NOTE + "# Commands\n\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.\n"
    for name, app in (("edge-agent", edge_agent), ("aggregator", aggregator)):
        text += _command(name, typer.main.get_command(app))
    return text


def _command(name: str, command: Any) -> str:
    if getattr(command, "commands", None):
        return "".join(_command(f"{name} {child}", command.commands[child]) for child in command.commands)
    text = f"\n## {name}\n\n{(command.help or '').strip()}\n\n| option | default | what it is |\n|---|---|---|\n"
    for parameter in command.params:
        if parameter.name == "help":
            continue
        spelled = (parameter.name.upper() if parameter.param_type_name == "argument"
                   else ", ".join(parameter.opts + parameter.secondary_opts))
        default = "" if parameter.default in (None, False, ()) or callable(parameter.default) else parameter.default
        shown = "needed" if parameter.required else f"`{default}`" if default != "" else ""
        text += f"| `{spelled}` | {shown} | {_escape(' '.join((getattr(parameter, 'help', '') or '').split()))} |\n"
    return text


def metrics_page() -> str:
    """What /metrics says, on both sides."""
    from aggregator.metrics import METRICS as AGGREGATOR
    from edge_agent.metrics import METRICS as EDGE

    text = NOTE + "# Metrics\n\nNames end in their unit. How to have them read: [seeing](../seeing.md).\n"
    for name, metrics in (("aggregator", AGGREGATOR), ("edge-agent", EDGE)):
        text += f"\n## {name}\n\n| metric | kind | labels | what it is |\n|---|---|---|---|\n"
        for metric in sorted(metrics.values(), key=lambda metric: metric.name):
            text += f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {_escape(metric.help)} |\n"
    return text


PAGES = {"metrics.md": metrics_page, "settings.md": settings_page, "commands.md": commands_page,
         "limits.md": limits_page}


def main() -> None:
    """Writes every page."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
