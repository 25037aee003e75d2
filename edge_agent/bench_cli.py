"""`edge-agent models bench`: how long a network takes here, and what a smaller copy of it loses."""

from __future__ import annotations

import json
import time
import typing
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from common.errors import ConfigError, ModelError
from models import builtin
from models.catalog import TASKS, catalog
from models.checks import probe_crops
from models.detector import DetectorSettings
from models.embedder import Embedder
from models.load import load_detector, load_embedder
from models.runtime import Device
from models.store import ModelStore


def bench(
    name: Annotated[str, typer.Argument(help="A name, or the path of an ONNX file.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or tensorrt.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, max=1024, help="CPU threads, 0 for all cores.")] = 0,
    fp16: Annotated[bool, typer.Option("--fp16", help="Half precision, on a GPU.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=256, help="Pictures or crops at a time.")] = 1,
    frame: Annotated[str, typer.Option(help="Height x width of the picture that a detector gets.")] = "576x768",
    size: Annotated[int, typer.Option(min=64, max=4096, help="Long side of a detector's input.")] = 640,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long to measure.")] = 5.0,
    task: Annotated[str | None, typer.Option(help="For a path: detect or embed.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="For an embedder: the exact one, to say what this one loses.")
    ] = None,
    people: Annotated[
        Path | None, typer.Option("--people", help="Generated people to say it on; made-up pictures otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")] = False,
) -> None:
    """Time a model on this machine: everything from the picture to boxes or embeddings, and the network alone.

    Examples:

      edge-agent models bench yolov8n

      edge-agent models bench osnet_generated --batch 16 --json

      edge-agent models bench reid-int8.onnx --task embed --batch 16 --against reid.onnx --people unseen
    """
    chosen, loss = _device(device), {}
    if (task or _task_of(name)) == "embed":
        embedder = load_embedder(name, device=chosen, threads=threads, fp16=fp16)
        crops = list(np.random.default_rng(0).integers(0, 255, (batch, 192, 80, 3), np.uint8))
        whole = _median_ms(lambda: embedder.embed(crops), seconds / 2)
        bare = _median_ms(lambda: embedder.raw(crops[: embedder.batch]), seconds / 2)
        used, shape = embedder.device, "256x128 crops"
        if embedder.notice:
            typer.echo(embedder.notice, err=True)
        if against:
            loss = _loss(embedder, load_embedder(against, device=chosen, threads=threads), people)
    else:
        settings = DetectorSettings(size=size)
        try:
            detector = load_detector(name, device=chosen, threads=threads, fp16=fp16, settings=settings)
        except ConfigError:  # it knows no people
            settings = DetectorSettings(size=size, classes=())
            detector = load_detector(name, device=chosen, threads=threads, fp16=fp16, settings=settings)
        height, width = sides(frame, 1) or (576, 768)
        frames = list(np.random.default_rng(0).integers(0, 255, (batch, height, width, 3), np.uint8))
        whole = _median_ms(lambda: detector.detect(frames), seconds / 2)
        bare = _median_ms(lambda: detector.infer_only(frames), seconds / 2)
        used = detector.device
        shape = "x".join(str(side) for side in detector.input_shape(height, width))
    result = {
        "name": name,
        "device": used,
        "input": shape,
        "batch": batch,
        "median_ms": round(whole, 3),
        "network_ms": round(bare, 3),
        "per_second": round(1000 * batch / whole, 1),
        **loss,
    }
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        typer.echo(
            f"{name} on {used}, input {shape}, batch {batch}: {whole:.2f} ms, {1000 * batch / whole:.1f} a second "
            f"(the network alone {bare:.2f} ms)"
        )
        if loss:
            typer.echo(f"beside {against}: " + ", ".join(f"{key.replace('_', ' ')} {loss[key]}" for key in loss))


def _loss(embedder: Embedder, exact: Embedder, people: Path | None) -> dict[str, float]:
    """How far an embedder is from the exact one: cosines of their answers, and with people, mAP of both."""
    if people is None:
        crops = probe_crops()
    else:
        from models.training.generate import read, ready

        site = read(people, ready(people)[0])
        crops = [np.ascontiguousarray(picture[..., ::-1]) for picture in site.pictures]
    ours, theirs = embedder.embed(crops), exact.embed(crops)
    if ours.shape != theirs.shape:
        raise ConfigError(f"{exact.name}: answers {theirs.shape[1]} numbers, {embedder.name} {ours.shape[1]}")
    cosine = np.einsum("ij,ij->i", ours, theirs)
    loss = {"cosine_mean": round(float(cosine.mean()), 4), "cosine_least": round(float(cosine.min()), 4)}
    if people is not None:
        from models.training.judging import find

        for key, rows in (("mean_precision", ours), ("mean_precision_exact", theirs)):
            loss[key] = round(find(rows, site.person, site.camera).mean_precision, 4)
    return loss


def sides(text: str | None, multiple: int = 32) -> tuple[int, int] | None:
    """Height and width written as 384x640."""
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if height.isdigit() and width.isdigit():
        sides = int(height), int(width)
        if all(0 < side <= 8192 and side % multiple == 0 for side in sides):
            return sides
    extra = f", multiples of {multiple}" if multiple > 1 else ""
    raise ConfigError(f"'{text}' is no shape", f"height x width{extra}, such as 384x640")


def _task_of(name: str) -> str:
    if name == builtin.NAME:
        return "embed"
    stored = ModelStore().stored(name)
    task = stored.task if stored else catalog()[name].task if name in catalog() else "detect"
    if task not in ("detect", "embed"):
        raise ModelError(f"{name}: is a {TASKS[task]}; only detectors and person embedders can be timed")
    return task


def _device(text: str) -> Device:
    device: Device
    for device in typing.get_args(Device):
        if text == device:
            return device
    raise ConfigError(f"--device: no device is called '{text}'", "one of auto, cpu, cuda, tensorrt")


def _median_ms(call: Any, seconds: float) -> float:
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))
