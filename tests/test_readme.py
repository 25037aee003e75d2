"""What README and reference say is what the programs do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from aggregator.cli import app as aggregator
from aggregator.settings import AggregatorSettings
from common.settings import load
from docs.build import PAGES
from edge_agent.cli import app as edge_agent
from edge_agent.settings import AgentSettings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {"edge-agent": typer.main.get_command(edge_agent), "aggregator": typer.main.get_command(aggregator)}


def code_spans() -> list[str]:
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    blocks = [line.split("#")[0] for line in shell.splitlines()]
    return sorted({span.strip() for span in blocks + re.findall(r"`([^`\n]+)`", README)} - {""})


@pytest.mark.parametrize("span", [s for s in code_spans() if s.split()[0] in COMMANDS])
def test_every_command_and_option_of_the_readme_is_there(span: str) -> None:
    words = span.split()
    command = COMMANDS[words.pop(0)]
    while words and getattr(command, "commands", None) and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{span}: no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, span


@pytest.mark.parametrize("span", [s for s in code_spans() if s.startswith("./run ")])
def test_every_task_of_the_readme_is_there(span: str) -> None:
    task, *options = span.split()[1:]
    assert re.search(rf"^  {task}\)", (ROOT / "run").read_text(), re.M), span
    if task == "demo" and options:
        said = subprocess.run([sys.executable, "-m", "deploy.demo", "--help"], cwd=ROOT, capture_output=True, text=True,
                              check=True, env={"COLUMNS": "200", "PATH": "/usr/bin:/bin"})
        for option in options:
            assert not option.startswith("--") or option in said.stdout, span


@pytest.mark.parametrize(("name", "kind"), [("agent.yaml", AgentSettings), ("aggregator.yaml", AggregatorSettings)])
def test_the_readmes_settings_are_valid(name: str, kind: type, tmp_path: Path) -> None:
    (block,) = [b for b in re.findall(r"```yaml\n(.*?)```", README, re.S) if b.startswith(f"# {name}")]
    (tmp_path / name).write_text(block)
    load(tmp_path / name, kind)


@pytest.mark.parametrize("page", PAGES)
def test_the_reference_is_made_from_the_code(page: str) -> None:
    assert (ROOT / "docs" / "reference" / page).read_text() == PAGES[page](), "run ./run docs"


def test_every_link_and_picture_of_the_readme_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
