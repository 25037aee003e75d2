"""`aggregator link`: runs of single cameras that are finished, linked with the code that links live."""

from __future__ import annotations

import csv
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from aggregator.linking.layout import read_layout
from aggregator.linking.settings import LinkingSettings
from aggregator.query_show import Show
from aggregator.replay import FACE, PREFIX, Recording, Replayed, replay_visits
from aggregator.settings import AggregatorSettings
from aggregator.visit import global_id
from common.clock import to_rfc3339
from common.console import print_json, progress
from common.errors import ConfigError
from common.settings import load

FILE = "visits.npz"


def link(
    runs: Annotated[list[Path], typer.Argument(
        metavar="DIR_OR_FILE...", help="folders that `edge-agent track` wrote, folders of such, or their visits.npz")],
    out: Annotated[Path, typer.Option("--out", help="CSV: one line a visit, with its global id")],
    embedding: Annotated[str | None, typer.Option("--embedding", help="which one, if there are several")] = None,
    layout: Annotated[Path | None, typer.Option("--layout", help="layout file; else transit is learned")] = None,
    config: Annotated[Path | None, typer.Option("-c", "--config", help="aggregator.yaml with its linking")] = None,
    offset: Annotated[list[str] | None, typer.Option(
        "--offset", metavar="CAMERA=SECONDS", help="added to a camera's times; may be given again")] = None,
    at_once: Annotated[bool, typer.Option(
        "--at-once", help="the runs' first frames were taken at the same moment, whatever their times say")] = False,
    by_folder: Annotated[bool, typer.Option(
        "--by-folder", help="name each camera after the folder of its run")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print a summary as JSON")] = False,
) -> None:
    """Say who is who in finished runs of single cameras.

    Visits are taken in the order in which they ended, as if they had come from running cameras, repaired on the way and
    once more as a whole at the end.

    Examples:

      aggregator link runs/hall runs/yard --out links.csv

      aggregator link runs --by-folder --at-once --out links.csv
    """
    files = find(runs)
    recordings = [Recording.read(path, embedding) for path in files]
    names = [path.parent.name for path in files] if by_folder else None
    whole = join(recordings, files, names=names, at_once=at_once, offsets=_offsets(offset or []))
    settings = load(config, AggregatorSettings).linking if config else LinkingSettings()
    topology = read_layout(layout) if layout else None
    shown = progress(whole.visits(), "linking", len(whole), quiet=as_json)
    done = replay_visits(shown, len(whole), settings, topology)
    source = np.repeat(np.arange(len(files)), [len(one) for one in recordings])
    write(out, whole, done, [str(path.parent) for path in files], source)
    summary = summarise(whole, done, len(files))
    if as_json:
        print_json(summary)
        return
    Show().line(f"{summary['visits']} visits of {summary['cameras']} camera(s), {summary['global_ids']} identities, "
                f"{summary['in_several_cameras']} of them seen by several → {out}")


def find(runs: Sequence[Path]) -> list[Path]:
    """The visits.npz of each run, in the order given; those inside a folder by name.

    Raises:
        ConfigError: there is none.
    """
    files: list[Path] = []
    for run in runs:
        if run.is_file():
            files.append(run)
        elif (run / FILE).is_file():
            files.append(run / FILE)
        else:
            found = sorted(run.glob(f"*/{FILE}"))
            if not found:
                raise ConfigError(f"{run}: holds no {FILE}",
                                  "edge-agent track VIDEO --camera NAME --out DIR writes one")
            files += found
    return list(dict.fromkeys(path.resolve() for path in files))


def join(recordings: Sequence[Recording], files: Sequence[Path], *, names: Sequence[str] | None = None,
         at_once: bool = False, offsets: Mapping[str, float] | None = None) -> Recording:
    """Several runs as one recording; rows in the order of the runs.

    Args:
        recordings: the runs.
        files: where they came from, for what is said about them.
        names: cameras instead of the recordings' own.
        at_once: their first frames were taken at the same moment.
        offsets: seconds added to times, by camera.

    Raises:
        ConfigError: their embeddings cannot be compared, or two of them name one camera at one time.
    """
    first = recordings[0]
    ready: list[Recording] = []
    for k, (one, path) in enumerate(zip(recordings, files, strict=True)):
        if (one.name, one.embedding.shape[1]) != (first.name, first.embedding.shape[1]):
            raise ConfigError(
                f"{path}: was embedded with {one.name.removeprefix(PREFIX)} ({one.embedding.shape[1]} numbers), "
                f"{files[0]} with {first.name.removeprefix(PREFIX)} ({first.embedding.shape[1]}): they cannot be "
                "compared", "track all of them with the same --embedder")
        shift = 0.0
        if at_once:
            if math.isnan(one.began) or math.isnan(first.began):
                raise ConfigError(f"{path if math.isnan(one.began) else files[0]}: does not say when it began",
                                  "give --offset CAMERA=SECONDS instead of --at-once")
            shift = first.began - one.began
        camera = one.camera if names is None else np.full(len(one), names[k])
        shifts = np.array([shift + (offsets or {}).get(str(name), 0.0) for name in camera], float)
        ready.append(dataclasses.replace(one, camera=camera, start=one.start + shifts, end=one.end + shifts))
    cameras = {str(name) for one in ready for name in one.camera.tolist()}
    unknown = sorted(set(offsets or {}) - cameras)
    if unknown:
        raise ConfigError(f"--offset {unknown[0]}: there is no such camera",
                          f"cameras are {', '.join(sorted(cameras))}")
    _one_place_each(ready, files)
    looked = [one for one in ready if one.face_name]
    for one in looked[1:]:
        if one.face_name != looked[0].face_name:
            raise ConfigError(f"faces were seen by {one.face_name.removeprefix(FACE)} in one run and "
                              f"{looked[0].face_name.removeprefix(FACE)} in another: they cannot be compared",
                              "track all of them with the same networks")
    width = looked[0].face.shape[1] if looked else 0
    return Recording(
        camera=np.concatenate([one.camera for one in ready]), start=np.concatenate([one.start for one in ready]),
        end=np.concatenate([one.end for one in ready]), frames=np.concatenate([one.frames for one in ready]),
        embedding=np.concatenate([one.embedding for one in ready]), name=first.name,
        track=np.concatenate([one.track for one in ready]), label=np.concatenate([one.label for one in ready]),
        face=np.concatenate([one.face if one.face_name else np.zeros((len(one), width), np.float32) for one in ready]),
        face_quality=np.concatenate([one.face_quality for one in ready]),
        zones=np.concatenate([one.zones for one in ready]),
        face_name=looked[0].face_name if looked else "")


def summarise(whole: Recording, done: Replayed, runs: int) -> dict[str, Any]:
    """How much was linked."""
    seen: dict[int, set[str]] = {}
    for identity, camera in zip(done.identity.tolist(), whole.camera.tolist(), strict=True):
        if identity:
            seen.setdefault(identity, set()).add(camera)
    return {"runs": runs, "visits": len(whole), "cameras": len(set(whole.camera.tolist())), "global_ids": len(seen),
            "in_several_cameras": sum(len(cameras) > 1 for cameras in seen.values()),
            "not_linked": int((done.identity == 0).sum()), "embedding": whole.name, "seconds": round(done.seconds, 3)}


def write(path: Path, whole: Recording, done: Replayed, runs: Sequence[str], source: np.ndarray[Any, Any]) -> None:
    """One line a visit, in the order of the runs. Who was seen too briefly has no global id.

    Raises:
        ConfigError: it cannot be written there.
    """
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("run", "camera", "track", "label", "start", "end", "global_id", "confidence"))
            for i in range(len(whole)):
                identity = int(done.identity[i])
                writer.writerow((
                    runs[int(source[i])], whole.camera[i], whole.track[i], whole.label[i],
                    to_rfc3339(float(whole.start[i])), to_rfc3339(float(whole.end[i])),
                    global_id(identity) if identity else "", f"{done.confidence[i]:.4f}" if identity else ""))
        os.replace(draft, path)  # noqa: PTH105
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "give --out a file in a folder that is there") from error


def _offsets(given: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        camera, _, seconds = text.rpartition("=")
        try:
            found[camera] = float(seconds)
        except ValueError:
            camera = ""
        if not camera or not math.isfinite(found[camera]):
            raise ConfigError(f"--offset {text}: expected CAMERA=SECONDS", "such as --offset hall=-1.5")
    return found


def _one_place_each(recordings: Sequence[Recording], files: Sequence[Path]) -> None:
    """Two runs that call their cameras the same, at the same time, are two cameras."""
    spans: dict[str, list[tuple[float, float, Path]]] = {}
    for one, path in zip(recordings, files, strict=True):
        for name in sorted(set(one.camera.tolist())):
            mine = one.camera == name
            span = (float(one.start[mine].min()), float(one.end[mine].max()), path)
            for since, until, other in spans.get(name, []):
                if span[0] < until and since < span[1]:
                    raise ConfigError(f"{other} and {path} both call their camera '{name}', at the same time",
                                      "name each with edge-agent track --camera NAME, or here with --by-folder")
            spans.setdefault(name, []).append(span)
