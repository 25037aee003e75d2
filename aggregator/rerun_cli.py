"""`aggregator replay --log`: what a running aggregator decided, made again from its store."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
import yaml

from aggregator.linking.layout import read_layout
from aggregator.linking.settings import LinkingSettings
from aggregator.query_show import Show
from aggregator.rerun import Changes, Comparison, Difference, Rerun, compare
from aggregator.settings import AggregatorSettings
from aggregator.store import StoreReader
from aggregator.store.rows import LogRow
from aggregator.visit import Decision, global_id
from common.console import print_json, progress
from common.errors import ConfigError, PassageError
from common.settings import from_mapping, load

SHOWN = 20


def replay_log(data: Path, config: Path | None, given: Sequence[str], layout: Path | None, out: Path | None,
               as_json: bool) -> None:
    """Make a run again and say whether, or how, it differs.

    Raises:
        Exit: 1, nothing was changed and something else came of it.
    """
    changes = read_changes(config, given, layout)
    with StoreReader(data) as reader:
        rerun = Rerun(reader.all_decisions(), reader.corrections(), changes)
        if not reader.moment_count():
            raise PassageError(f"{data}: nothing was linked there yet", "give the --data folder of an aggregator")
        for moment in progress(reader.moments(), "replaying", reader.moment_count(), quiet=as_json):
            rerun.take(moment)
    comparison = compare(rerun.recorded.identity, rerun.again.identity)
    if out is not None:
        _write(out, rerun)
    if as_json:
        print_json(_summary(rerun, comparison, bool(changes)))
    elif changes:
        _show(rerun, comparison)
    else:
        _show_differences(rerun)
    if rerun.differences:
        raise typer.Exit(1)


def read_changes(config: Path | None, given: Sequence[str], layout: Path | None) -> Changes:
    """What `-c`, `--set` and `--layout` change.

    Raises:
        ConfigError: no such setting, or a value that it cannot have.
    """
    settings: dict[str, Any] = {}
    if config is not None:
        other = load(config, AggregatorSettings)
        settings = other.linking.model_dump()
        layout = layout or other.layout
    for text in given:
        key, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f"--set {text}: expected KEY=VALUE", "such as --set caution=2")
        settings[key.strip().removeprefix("linking.")] = yaml.safe_load(value)
    from_mapping(settings, LinkingSettings, "--set")
    return Changes(settings=settings, layout=None if layout is None else read_layout(layout))


def _summary(rerun: Rerun, comparison: Comparison, changed: bool) -> dict[str, Any]:
    counts = {"visits": len(rerun.visits), "decisions": rerun.counts["decisions"], "starts": rerun.counts["start"],
              "repairs": rerun.counts["resolve"], "corrections": rerun.counts["correct"]}
    told: dict[str, Any] = {**counts, "changed_settings": changed, "same": not rerun.differences}
    if changed:
        told.pop("same")
        told["identities"] = {"recorded": comparison.before, "replayed": comparison.after}
        told.update(moved=comparison.moved, joined=comparison.joined, cut=comparison.cut, visits_moved=[
            {"visit": visit, "camera": rerun.visits[visit].camera, "recorded": _name(old), "replayed": _name(new)}
            for visit, old, new in comparison.examples])
    else:
        told["differences"] = [
            {"moment": d.moment, "kind": d.kind, "recorded": [_plain(row) for row in d.recorded],
             "replayed": [_plain(row) for row in d.again]} for d in rerun.differences[:SHOWN]]
    return told


def _show(rerun: Rerun, comparison: Comparison) -> None:
    show = Show()
    show.table(["", "recorded", "replayed"], [
        ["visits with an identity", str(len(rerun.recorded.identity)), str(len(rerun.again.identity))],
        ["identities", str(comparison.before), str(comparison.after)]], "")
    show.line(f"{comparison.moved} of {comparison.visits} visits moved; identities were joined {comparison.joined} "
              f"time{_s(comparison.joined)} and cut {comparison.cut} time{_s(comparison.cut)}")
    if comparison.examples and show.console.is_terminal:
        show.table(["visit", "camera", "recorded", "replayed"], [
            [str(visit), rerun.visits[visit].camera, _name(old) or "–", _name(new) or "–"]
            for visit, old, new in comparison.examples[:SHOWN]], "")
        if comparison.moved > SHOWN:
            show.line(f"… and {comparison.moved - SHOWN} more: --json or --out has them all")


def _show_differences(rerun: Rerun) -> None:
    show = Show()
    counts = rerun.counts
    about = (f"{counts['decisions']} decisions about {len(rerun.visits)} visits, {counts['start']} "
             f"start{_s(counts['start'])}, {counts['resolve']} repair{_s(counts['resolve'])}, {counts['correct']} "
             f"correction{_s(counts['correct'])}")
    if not rerun.differences:
        show.line(f"the same: {about}")
        return
    show.line(f"not the same: {len(rerun.differences)} moment{_s(len(rerun.differences))} differ; {about}")
    for difference in rerun.differences[:3]:
        show.line(f"moment {difference.moment} ({difference.kind}):")
        for name, rows in (("recorded", _unlike(difference, True)), ("replayed", _unlike(difference, False))):
            show.line(f"  {name}: " + ("; ".join(_words(row) for row in rows[:5]) or "nothing else"))
    show.line("another release, or other versions of NumPy or the processor's libraries, may decide otherwise")


def _unlike(difference: Difference, recorded: bool) -> list[Decision | LogRow]:
    here, there = (difference.recorded, difference.again) if recorded else (difference.again, difference.recorded)
    known = {_words(row) for row in there}
    return [row for row in here if _words(row) not in known]


def _words(row: Decision | LogRow) -> str:
    other = f" from {global_id(row.other)}" if row.other else ""
    return f"{row.operation} visit {row.visit} {global_id(row.identity)}{other} ({row.score:.3f}, {row.confidence:.3f})"


def _plain(row: Decision | LogRow) -> dict[str, Any]:
    whole = dataclasses.asdict(row)
    return {key: whole[key] for key in ("operation", "visit", "identity", "other", "score", "confidence")}


def _write(out: Path, rerun: Rerun) -> None:
    try:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("visit", "camera", "recorded", "replayed"))
            for visit in sorted(rerun.visits):
                writer.writerow((visit, rerun.visits[visit].camera, _name(rerun.recorded.whose(visit)),
                                 _name(rerun.again.whose(visit))))
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror}", "give --out a file in a folder that is there") from error


def _name(identity: int) -> str:
    return global_id(identity) if identity else ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"
