"""`edge-agent models train`: re-ID weights from generated people, step by step."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from common.errors import ConfigError, ModelError
from models.progress import show_progress

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make re-identification weights from generated people; needs the extra passage[train].",
)

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")]
People = Annotated[Path, typer.Option("--people", help="Folder of generated people.")]
Checkpoints = Annotated[Path, typer.Option("--checkpoint", help="The training's state, a .npz.")]
PEOPLE, CHECKPOINT = Path("people"), Path("reid.npz")


@app.command()
def generate(
    folder: People = PEOPLE,
    sites: Annotated[int, typer.Option(min=1, help="Sites; each has 48 people in 576 pictures, 14 MB.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other people.")] = 0,
    takes: Annotated[int, typer.Option(min=1, max=20, help="Pictures of each visit; fewer make more people.")] = 3,
    workers: Annotated[int, typer.Option(min=0, max=256, help="Processes, 0 for as many as there are cores.")] = 0,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Write a contact sheet here, .png or .jpg.")] = None,
    as_json: Json = False,
) -> None:
    """Generate people: bodies, clothes, cameras and light, all from random numbers. Goes on where it was stopped.

    Examples:

      edge-agent models train generate --sites 400 --sheet people.png

      edge-agent models train generate --people unseen --sites 20 --seed 1
    """
    from models.training.generate import contact_sheet
    from models.training.generate import generate as make

    with show_progress(steps=True) as progress:
        progress.stage(f"Generating {sites} sites in {folder}")
        count = workers or os.cpu_count() or 1
        made = make(folder, sites, seed=seed, takes=takes, workers=count, done=progress.advance)
    if sheet is not None:
        contact_sheet(folder, sheet)
    _say({"folder": str(folder), "sites": sites, "made": made}, f"{folder}: {sites} sites, {made} made now", as_json)


@app.command()
def learn(
    folder: People = PEOPLE,
    checkpoint: Checkpoints = CHECKPOINT,
    settings: Annotated[Path | None, typer.Option("--settings", "-c", help="YAML: how to train.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Batches to learn from; overrules the settings.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; overrules the settings.")] = None,
    curve: Annotated[Path | None, typer.Option("--curve", help="Keep a picture of the curves here, .png.")] = None,
    as_json: Json = False,
) -> None:
    """Train on generated people. Stop it at any time: it goes on from its checkpoint.

    Examples:

      edge-agent models train learn --people people --steps 12000 --curve curve.png

      edge-agent models train learn --device cuda
    """
    _torch()
    from common.settings import load
    from models.training.checkpoint import Checkpoint
    from models.training.learn import LearnSettings
    from models.training.learn import learn as train

    chosen = load(settings, LearnSettings) if settings else LearnSettings()
    changes = {key: value for key, value in (("steps", steps), ("device", device)) if value is not None}
    chosen = chosen.model_copy(update=changes)

    def told(state: Checkpoint) -> None:
        step, seconds, loss, right, rank1, precision = state.curve[-1]
        line = {"step": int(step), "seconds": round(seconds), "loss": loss, "right": right}
        line |= {"rank1": rank1, "mean_precision": precision}
        _say(
            line,
            f"step {step:.0f}/{chosen.steps}, {seconds / 60:.1f} min: loss {loss:.3f}, nearest right {right:.3f}; "
            f"held out: rank-1 {rank1:.3f}, mAP {precision:.3f}",
            as_json,
        )
        if curve is not None:
            from models.training.curves import draw

            draw(state.curve, curve)

    train(folder, checkpoint, chosen, told)


@app.command()
def adapt(
    videos: Annotated[list[Path], typer.Option("--video", help="A recording of one camera; again for more.")],
    tracks: Annotated[list[Path], typer.Option("--tracks", help="Its mot.txt from `edge-agent track`; one a video.")],
    checkpoint: Checkpoints = CHECKPOINT,
    out: Annotated[Path, typer.Option("--out", "-o", help="The adapted state, a .npz.")] = Path("adapted.npz"),
    folder: People = PEOPLE,
    settings: Annotated[Path | None, typer.Option("--settings", "-c", help="YAML: how to adapt.")] = None,
    as_json: Json = False,
) -> None:
    """Teach a trained network your own cameras, from tracks without names.

    One track is one person, two tracks in one picture are two people; nobody is named and nothing is labelled. The
    pictures are of real people: make sure that you may use them so (docs/training.md says what to settle first). They
    are read from the recording and not kept; delete the recording when you are done.

    Examples:

      edge-agent track shop.mp4 --out run1

      edge-agent models train adapt --video shop.mp4 --tracks run1/mot.txt --out shop.npz

      edge-agent models train export --checkpoint shop.npz --out shop.onnx
    """
    _torch()
    from common.settings import load as load_settings
    from models.training.adapt import AdaptSettings
    from models.training.adapt import adapt as teach
    from models.training.checkpoint import load, save
    from models.training.tracklets import read_tracklets

    chosen = load_settings(settings, AdaptSettings) if settings else AdaptSettings()
    start, own = load(checkpoint), read_tracklets(videos, tracks)
    met = int(own.apart.any(1).sum())
    with show_progress(steps=True) as progress:
        progress.stage(f"Learning from {len(own.pictures)} crops of {met} tracks that met others")
        save(out, teach(start, own, folder, chosen, progress.advance))
    _say({"file": str(out), "crops": len(own.pictures), "tracks": met}, f"{out}: adapted to {met} tracks", as_json)


@app.command()
def export(
    checkpoint: Checkpoints = CHECKPOINT,
    out: Annotated[Path, typer.Option("--out", "-o", help="ONNX file to write.")] = Path("reid.onnx"),
    mirrored: Annotated[bool, typer.Option(help="Embed every crop and its mirror image: twice the time.")] = False,
    plain: Annotated[
        float, typer.Option(min=0, max=10, help="Weight of the colours as reckoned beside what was learned.")
    ] = 0.0,
    half: Annotated[bool, typer.Option("--fp16", help="Also write a half precision file, for GPUs.")] = False,
    people: Annotated[
        Path | None, typer.Option("--int8", help="Also write an 8-bit file, its ranges taken from these people.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a training's averaged network as ONNX; `--fp16` and `--int8` add smaller ones beside it.

    Examples:

      edge-agent models train export --checkpoint reid.npz --out reid.onnx

      edge-agent models train export --fp16 --int8 people
    """
    from models.export.precision import to_half, to_int8
    from models.export.reid import export_reid
    from models.training.checkpoint import load

    state = load(checkpoint)
    notes = {"trained_on": state.trained_on, "steps": str(state.step)}
    data = {out: export_reid(state.average, out.stem, mirrored=mirrored, plain=plain, notes=notes)}
    if half:
        data[out.with_name(f"{out.stem}-fp16.onnx")] = to_half(data[out])
    if people is not None:
        data[out.with_name(f"{out.stem}-int8.onnx")] = to_int8(data[out], people)
    try:
        for path, content in data.items():
            path.write_bytes(content)
    except OSError as error:
        raise ModelError(f"{error.filename}: cannot be written: {error.strerror}") from error
    sizes = {str(path): len(content) for path, content in data.items()}
    _say({"files": sizes}, "\n".join(f"{path} ({size / 1e6:.2f} MB)" for path, size in sizes.items()), as_json)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A name of `edge-agent models list`, or an ONNX file.")],
    folder: Annotated[Path | None, typer.Option("--people", help="Generated people it has not learned from.")] = None,
    video: Annotated[Path | None, typer.Option("--video", help="A real video with labelled people.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Its labels: CSV with frame, track, person, x1, y1, x2, y2.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure an embedder on generated people, group by group, and on a video's labelled people.

    Examples:

      edge-agent models train evaluate reid.onnx --people unseen

      edge-agent models train evaluate reid.onnx --video vtest.avi --labels vtest_people.csv
    """
    from models.load import load_embedder
    from models.training.evaluate import on_generated, on_video
    from models.training.generate import ready

    if folder is None and (video is None or labels is None):
        raise ConfigError("nothing to measure on", "give --people, or --video with --labels")
    embedder = load_embedder(model, device="cpu")
    result: dict[str, Any] = {"model": model}
    if video is not None and labels is not None:
        result["video"] = on_video(embedder, video, labels)
    if folder is not None:
        result["generated"] = on_generated(embedder, folder, ready(folder))
    _say(result, _lines(result), as_json)


@app.command()
def choose(
    models: Annotated[list[str], typer.Argument(help="Names of `edge-agent models list`, or ONNX files.")],
    video: Annotated[Path, typer.Option("--video", help="A real video with labelled people.")],
    labels: Annotated[Path, typer.Option("--labels", help="Its labels, a CSV as for `evaluate`.")],
    folder: Annotated[Path | None, typer.Option("--people", help="Generated people new to all of them.")] = None,
    as_json: Json = False,
) -> None:
    """Choose between embedders by half of a video's people, in all ways there are, and judge by the other half.

    Examples:

      edge-agent models train choose a.onnx b.onnx --video vtest.avi --labels vtest_people.csv --people unseen
    """
    from models.load import load_embedder
    from models.training.choosing import choose as decide

    candidates = {model: load_embedder(model, device="cpu") for model in models}
    with show_progress(steps=True) as progress:
        progress.stage(f"Measuring {len(candidates)} candidates")
        measured: list[str] = []

        def done(name: str) -> None:
            measured.append(name)
            progress.advance(len(measured), len(candidates))

        choice = decide(candidates, video, labels, folder, done)
    lines = [
        f"{name}: chosen by {100 * found.chosen:.0f} % of halves; mAP {found.filmed:.3f} as filmed, "
        f"{found.elsewhere:.3f} through other cameras"
        + (f", {found.generated:.3f} of generated people" if folder is not None else "")
        for name, found in choice.standings.items()
    ]
    lines.append(f"Take {choice.name}. Halves that chose saw mAP {choice.promised:.3f}, the others {choice.kept:.3f}.")
    _say(asdict(choice), "\n".join(lines), as_json)


def _lines(result: dict[str, Any]) -> str:
    lines = [
        f"video, {kind}: AUC {found['auc']:.3f} ± {found['auc_spread']:.3f}, mAP {found['mean_precision']:.3f} "
        f"± {found['mean_precision_spread']:.3f}, rank-1 {found['rank1']:.3f}"
        for kind, found in result.get("video", {}).items()
    ]
    if generated := result.get("generated"):
        lines.append(
            f"generated: rank-1 {generated['rank1']:.3f}, mAP {generated['mean_precision']:.3f} "
            f"({generated['questions']} questions, {generated['sites']} sites)"
        )
        lines += [
            f"  {name:<15} rank-1 {found['rank1']:.3f}, mAP {found['mean_precision']:.3f}, "
            f"strangers taken for one {100 * found['false_matches']:.2f} %"
            for name, found in generated["groups"].items()
        ]
    return "\n".join(lines)


def _torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise ConfigError("training needs PyTorch", "pip install 'passage[train]'") from error


def _say(value: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(value) if as_json else text)
