"""`aggregator simulate`: a made-up city as a file, as load on a running aggregator, or as a forecast."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Table

from aggregator.linking.layout import write_lines
from aggregator.linking.settings import LinkingSettings
from aggregator.settings import AggregatorSettings
from aggregator.simulate.city import City
from aggregator.simulate.city import simulate as make
from aggregator.simulate.plan import Plan, evaluate
from aggregator.simulate.send import Sent, send
from aggregator.simulate.settings import CitySettings
from aggregator.visit import Visit
from common.clock import SystemClock
from common.console import print_json
from common.errors import ConfigError
from common.keys import read_agent_keys
from common.settings import from_mapping, load

DEFAULT = CitySettings()


def simulate(
    cameras: Annotated[int, typer.Option(help="how many cameras")] = DEFAULT.cameras,
    people: Annotated[int, typer.Option(help="how many people come")] = DEFAULT.people,
    hours: Annotated[float, typer.Option(help="over how many hours")] = DEFAULT.hours,
    seed: Annotated[int, typer.Option(help="another number is another city")] = DEFAULT.seed,
    overlap: Annotated[float, typer.Option(
        help="share of neighbouring cameras whose views overlap")] = DEFAULT.overlap,
    skew: Annotated[float, typer.Option(
        help="standard deviation of the cameras' clocks, seconds")] = DEFAULT.skew,
    groups: Annotated[float, typer.Option(
        help="share of people who walk in groups dressed alike")] = DEFAULT.groups,
    error: Annotated[float, typer.Option(
        help="of the embeddings: 0 none, 1 as real networks on a site they do not know")] = DEFAULT.error,
    returning: Annotated[float, typer.Option(help="share of people who come twice")] = DEFAULT.returning,
    missed: Annotated[float, typer.Option(help="share of visits that are not seen at all")] = DEFAULT.missed,
    split: Annotated[float, typer.Option(
        help="share of visits that an occlusion breaks in two")] = DEFAULT.split,
    dropped: Annotated[float, typer.Option(help="share of frames that are lost")] = DEFAULT.dropped,
    fps: Annotated[float, typer.Option(help="frames a second")] = DEFAULT.fps,
    dimensions: Annotated[int, typer.Option(help="numbers of an embedding")] = DEFAULT.dimensions,
    out: Annotated[Path | None, typer.Option(
        "--out", help="write visits.npz for `aggregator replay`, with the truth in it")] = None,
    layout: Annotated[Path | None, typer.Option(
        "--layout", help="write the camera map as somebody who knows the site would")] = None,
    score: Annotated[bool, typer.Option(
        "--evaluate", help="link the visits and say how well that went")] = False,
    use_layout: Annotated[bool, typer.Option(
        "--use-layout", help="with --evaluate: let linking know the camera map; else it is learned")] = False,
    config: Annotated[Path | None, typer.Option(
        "-c", "--config", help="with --evaluate: aggregator.yaml with its linking")] = None,
    to: Annotated[str | None, typer.Option(
        "--to", metavar="ENDPOINT", help="send everything to a running aggregator, as agents do")] = None,
    speed: Annotated[float, typer.Option(
        help="with --to: seconds of the city in a second; 0 as fast as it is taken")] = 1.0,
    rate: Annotated[float, typer.Option(help="with --to: so many entries a second instead")] = 0.0,
    agents: Annotated[int, typer.Option(help="with --to: how many agents; 0: one for eight cameras")] = 0,
    agent_prefix: Annotated[str, typer.Option(
        "--agent-prefix", help="with --to: agents are called NAME-1, NAME-2 …", metavar="NAME")] = "city",
    keys: Annotated[Path | None, typer.Option(
        "--keys", help="with --to: key file of the one agent that sends all")] = None,
    events: Annotated[bool, typer.Option(help="with --to: send events of tracks too")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Make a city up: cameras, people, and what goes wrong between the two; everything is known about it.

    The same options make the same city. Write it down, link it here to see how well a site would work, or send it to
    an aggregator to see what that bears.

    Examples:

      aggregator simulate --cameras 20 --people 2000 --evaluate

      aggregator simulate --skew 30 --overlap 0.3 --seed 7 --out visits.npz --layout layout.txt

      aggregator simulate --people 5000 --hours 1 --to tcp://127.0.0.1:5599 --speed 10

      aggregator simulate --people 20000 --to tcp://127.0.0.1:5599 --rate 500
    """
    settings = from_mapping(
        {"cameras": cameras, "people": people, "hours": hours, "seed": seed, "overlap": overlap, "skew": skew,
         "groups": groups, "error": error, "returning": returning, "missed": missed, "split": split,
         "dropped": dropped, "fps": fps, "dimensions": dimensions}, CitySettings, "command line")
    if not (out or layout or score or to):
        raise ConfigError("nothing to do with the city", "add --out visits.npz, --evaluate or --to tcp://HOST:PORT")
    if speed < 0 or rate < 0 or agents < 0:
        raise ConfigError("--speed, --rate and --agents cannot be below 0")
    linking = load(config, AggregatorSettings).linking if config else LinkingSettings()
    secret = read_agent_keys(keys) if keys else None
    city = make(settings)
    said: dict[str, Any] = {"visits": len(city), "people": len(set(city.seen.who.tolist())),
                            "cameras": len(city.world)}
    if out:
        _write(out, city)
        said["out"] = str(out)
    if layout:
        _write_text(layout, write_lines(city.world.topology()))
        said["layout"] = str(layout)
    if score:
        topology = city.world.topology() if use_layout else None
        plan = evaluate(city, linking, topology, lambda rows: _watched(rows, len(city), as_json))
        said["plan"] = asdict(plan)
    if to:
        said["sent"] = asdict(_send(city, to, SystemClock(), as_json, speed=speed, rate=rate, agents=agents,
                                    prefix=agent_prefix, keys=secret, events=events))
    if as_json:
        print_json(said)
        return
    print(f"{said['visits']} visits of {said['people']} people to {said['cameras']} cameras"
          + "".join(f" → {path}" for path in (out, layout) if path))
    if score:
        _show(plan)
    if to:
        sent = said["sent"]
        late = f", {sent['behind_s']:.1f} s behind at worst" if sent["behind_s"] > 1 else ""
        refused = "".join(f", {count} refused: {code}" for code, count in sent["refused"].items())
        print(f"sent {sent['entries']} entries in {sent['seconds']:.1f} s, {sent['acknowledged']} acknowledged"
              f"{refused}{late}")


def _watched(rows: Iterable[Visit], count: int, quiet: bool) -> Iterable[Visit]:
    return track(rows, "linking", count, transient=True, disable=quiet or not sys.stdout.isatty())


def _send(city: City, endpoint: str, clock: SystemClock, quiet: bool, **how: Any) -> Sent:
    span = float(city.seen.end.max(initial=0.0))
    with Progress(TextColumn("sending"), BarColumn(), TextColumn("{task.fields[entries]} entries"),
                  TimeRemainingColumn(), transient=True, disable=quiet or not sys.stdout.isatty()) as progress:
        bar = progress.add_task("sending", total=span, entries=0)
        return send(city, endpoint, clock,
                    tell=lambda entries, at: progress.update(bar, completed=at, entries=entries), **how)


def _show(plan: Plan) -> None:
    table = Table("", "at once", "repaired", box=None, title="how well this site would work", title_justify="left")
    for name, key in (("right identity (IDF1)", "idf1"), ("links that are false", "false_links"),
                      ("pairs put together rightly", "pair_precision"), ("pairs found", "pair_recall")):
        table.add_row(name, *(f"{100 * getattr(one, key):.1f} %" for one in (plan.online, plan.final)))
    table.add_row("identities (people)", *(f"{one.global_ids} ({one.people})" for one in (plan.online, plan.final)))
    error = plan.final.calibration_error
    table.add_row("confidence is off by", "", "–" if error is None else f"{error:.3f}")
    table.add_row("visits linked a second", "", f"{plan.visits_per_second:.0f}")
    console = Console()
    console.print(table)
    worst = list(_worst(plan.by_camera))
    if worst:
        console.print("hardest cameras: " + ", ".join(f"{name} {100 * share:.0f} % right" for name, share in worst))


def _worst(by_camera: dict[str, float]) -> Iterator[tuple[str, float]]:
    yield from sorted(by_camera.items(), key=lambda item: item[1])[:5]


def _write(path: Path, city: City) -> None:
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            # numpy's stub takes every keyword for `allow_pickle`; these are arrays by name.
            np.savez(file, **city.arrays())  # type: ignore[arg-type]
        os.replace(draft, path)  # noqa: PTH105
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --out a file in a folder that is there") from error


def _write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --layout a file in a folder that is there") from error
