"""`aggregator evaluate reid`: how well an embedding finds people again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aggregator.evaluate.pictures import curve_picture
from aggregator.evaluate.ranking import RANKS, Ranking
from aggregator.evaluate.reid import Search, search_market1501, search_mars, search_visits
from common.console import print_json
from common.errors import ConfigError
from models.load import load_embedder

PLAIN, RERANKED = "cosine", "re-ranked"


def reid(
    data: Annotated[str, typer.Argument(
        help="market1501:PATH or mars:PATH of a data set laid out so; or VISITS.npz with its truth in `identity`")],
    embedder: Annotated[str, typer.Option(
        "--embedder", help="embedder from the catalog, or an ONNX file")] = "osnet_generated",
    embedding: Annotated[str | None, typer.Option(
        "--embedding", help="of VISITS.npz: which one, if there are several")] = None,
    images: Annotated[int, typer.Option("--images", min=1, help="of MARS: at most so many of each tracklet")] = 8,
    rerank: Annotated[bool, typer.Option("--rerank/--no-rerank", help="also with k-reciprocal re-ranking")] = True,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or tensorrt")] = "auto",
    picture: Annotated[Path | None, typer.Option("--picture", help="also draw the curve of ranks as PNG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, shares from 0 to 1")] = False,
) -> None:
    """Score an embedding: rank-1 and mAP, with and without re-ranking.

    Pictures of the same person by the same camera count neither way. In MARS the gallery holds all tracklets; in
    visits.npz each visit is searched for among all others.

    Examples:

      aggregator evaluate reid market1501:Market-1501-v15.09.15 --embedder osnet.onnx --picture curve.png

      aggregator evaluate reid mars:MARS --embedder osnet.onnx

      aggregator evaluate reid visits.npz --embedding osnet_x0_25
    """
    search = _search(data, embedder, embedding, images, device)
    found = {PLAIN: search.score()} | ({RERANKED: search.score_reranked()} if rerank else {})
    if picture is not None:
        name = Path(data).name if data.endswith(".npz") else f"{Path(embedder).stem} on {data.partition(':')[0]}"
        curve_picture(picture, {key: (one.curve, one.mean_ap) for key, one in found.items()}, name)
    if as_json:
        summary: dict[str, Any] = {"gallery": len(search.gallery), "dimensions": search.rows.shape[1]}
        print_json(summary | {key.replace("-", ""): one.as_dict() for key, one in found.items()})
        return
    print(f"{found[PLAIN].queries} queries in a gallery of {len(search.gallery)}")
    Console().print(_table(found))


def _search(data: str, embedder: str, embedding: str | None, images: int, device: str) -> Search:
    layout, _, path = data.partition(":")
    if data.endswith(".npz"):
        return search_visits(Path(data), embedding)
    if layout not in ("market1501", "mars") or not path:
        raise ConfigError(f"{data}: which layout is it?", f"market1501:{data} or mars:{data}")
    if device not in ("auto", "cpu", "cuda", "tensorrt"):
        raise ConfigError(f"--device {device}: expected auto, cpu, cuda or tensorrt")
    network = load_embedder(embedder, device=device)  # type: ignore[arg-type]  # checked just above
    console = Console(stderr=True)
    with Progress(TextColumn("embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
                  disable=not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("embedding", total=None)

        def step(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        if layout == "mars":
            return search_mars(Path(path), network, step, images)
        return search_market1501(Path(path), network, step)


def _table(found: dict[str, Ranking]) -> Table:
    out = Table(box=None)
    out.add_column("")
    for head in (*(f"rank-{k}" for k in RANKS), "mAP"):
        out.add_column(head, justify="right")
    for name, one in found.items():
        values = one.as_dict()
        out.add_row(name, *(f"{100 * values[key]:.1f} %" for key in (*(f"rank_{k}" for k in RANKS), "mAP")))
    return out
