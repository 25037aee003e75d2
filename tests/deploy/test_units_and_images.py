"""Units, images and compose say what the programs understand, and give away no more than they must."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from aggregator.cli import app as aggregator
from aggregator.settings import AggregatorSettings
from common.settings import load
from edge_agent.cli import app as edge_agent
from edge_agent.settings import AgentSettings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
IMAGES = sorted((DEPLOY / "docker").glob("*.Dockerfile"))
COMPOSE = DEPLOY / "docker" / "compose.yaml"
COMMANDS = {"edge-agent": typer.main.get_command(edge_agent), "aggregator": typer.main.get_command(aggregator)}
MOST_EXPOSED = {"passage-aggregator.service": 20, "passage-edge-agent.service": 40}  # tenths; 100 is bare


def check_command(words: list[str]) -> None:
    """Our programs have this command, these options, and take no fewer values."""
    command = COMMANDS[Path(words[0]).name]
    rest = words[1:]
    while rest and getattr(command, "commands", None):
        assert rest[0] in command.commands, words
        command = command.commands[rest.pop(0)]
    command.make_context(words[0], rest)  # raises on what it does not know, or lacks


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def steps(path: Path) -> list[tuple[str, str]]:
    """(instruction, value) of a Dockerfile."""
    text = re.sub(r"\\\n", " ", "\n".join(
        line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")))
    return [(words[0], words[1]) for line in text.splitlines() if len(words := line.split(None, 1)) == 2]


@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.stem)
def test_a_unit_starts_a_command_that_is_there(path: Path) -> None:
    check_command(shlex.split(unit(path)["Service"]["ExecStart"]))


@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.stem)
def test_a_unit_is_not_root_starts_again_and_has_bounds(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "passage"
    assert service["Restart"] == "always"
    assert service["CapabilityBoundingSet"] == ""
    for bound in ("MemoryMax", "TasksMax", "LimitNOFILE", "TimeoutStopSec"):
        assert service[bound]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.stem)
def test_systemd_understands_a_unit_and_calls_it_safe(path: Path, tmp_path: Path) -> None:
    # What is not installed on this machine is not the unit's fault.
    text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(), flags=re.M)
    (tmp_path / path.name).write_text(re.sub(r"^(Documentation|User|Group)=.*\n", "", text, flags=re.M))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / path.name)],
                          capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert path.name not in said.stderr, said.stderr
    if "--offline" not in subprocess.run(["systemd-analyze", "--help"], capture_output=True, text=True,
                                         check=True).stdout:
        pytest.skip("this systemd-analyze cannot judge a unit that is not installed")
    judged = subprocess.run(["systemd-analyze", "security", "--offline=yes",
                             f"--threshold={MOST_EXPOSED[path.name]}", str(path)],
                            capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("path", IMAGES, ids=lambda p: p.stem)
def test_an_image_runs_our_command_and_not_as_root(path: Path) -> None:
    found = steps(path)
    last = {name: value for name, value in found if name in ("USER", "ENTRYPOINT", "CMD", "WORKDIR")}
    assert last["USER"] == "10001"
    check_command(yaml.safe_load(last["ENTRYPOINT"]) + yaml.safe_load(last["CMD"]))
    user, *_ = (i for i, (name, _) in enumerate(found) if name == "USER")
    assert not any(name == "RUN" for name, _ in found[user:])


@pytest.mark.parametrize("path", IMAGES, ids=lambda p: p.stem)
def test_an_image_is_built_from_pinned_bases_and_what_is_there(path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text()
    for name, value in steps(path):
        if name == "FROM":
            assert re.search(r":[\w.-]*\d", value)
            assert ":latest" not in value
        if name == "COPY" and "--from" not in value:
            for source in value.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}\n" in ignored, "is left out of the build"
        if name == "RUN" and "apt-get install" in value:
            assert "--no-install-recommends" in value
            assert "rm -rf /var/lib/apt/lists" in value
        if name == "RUN" and "pip install" in value:
            assert "--no-cache-dir" in value
        assert name != "ADD"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


@pytest.mark.parametrize("name", compose()["services"])
def test_a_service_of_compose_has_what_it_names(name: str) -> None:
    service = compose()["services"][name]
    dockerfile = service["build"]["dockerfile"]
    assert (COMPOSE.parent / service["build"]["context"] / dockerfile).is_file()
    program = next(value for key, value in steps(ROOT / dockerfile) if key == "ENTRYPOINT")
    check_command(yaml.safe_load(program) + service["command"])
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]
    kind = AggregatorSettings if name == "aggregator" else AgentSettings
    places = {}
    for volume in service["volumes"]:
        source, target, *_ = volume.split(":")
        places[target] = source
        assert source.startswith("./") or source in compose()["volumes"]
    (config,) = (target for target in places if target.endswith(".yaml"))
    settings: Any = load(COMPOSE.parent / places[config], kind)
    assert str(settings.data) in places, "what is kept must outlive the container"
    assert any(str(settings.keys).startswith(target) for target in places)
    if name != "aggregator":
        assert settings.agent == name
        assert settings.aggregator == "tcp://aggregator:5599"


def test_the_commands_in_the_comments_of_compose_are_there() -> None:
    said = re.findall(r"run --rm (\S+) (.+)", COMPOSE.read_text())
    assert len(said) == 4
    for name, arguments in said:
        check_command(["aggregator" if name == "aggregator" else "edge-agent", *shlex.split(arguments)])


@pytest.mark.system
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", IMAGES, ids=lambda p: p.stem)
def test_an_image_builds(path: Path) -> None:
    engine = next((e for e in ("docker", "podman") if shutil.which(e)), None)
    if engine is None:
        pytest.skip("no container engine on this machine")
    if subprocess.run([engine, "info"], capture_output=True, check=False).returncode:
        pytest.skip(f"{engine} is here, but its daemon does not answer")
    built = subprocess.run([engine, "build", "-f", str(path), str(ROOT)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
