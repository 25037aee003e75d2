"""`aggregator evaluate mot`: tracks in single cameras against ground truth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aggregator.evaluate.mot import COMBINED, MotScores, find_sequences, score_tracks
from common.console import print_json

HEADS = {"hota": "HOTA", "deta": "DetA", "assa": "AssA", "mota": "MOTA", "idf1": "IDF1", "switches": "switches",
         "fragments": "fragments"}


def mot(
    truth: Annotated[Path, typer.Argument(
        help="folder of ground truth as MOTChallenge lays it out: NAME/gt.txt or NAME/gt/gt.txt (or .gz) and "
             "NAME/seqinfo.ini; or one file")],
    tracks: Annotated[Path, typer.Argument(
        help="folder with NAME.txt for each, or NAME/mot.txt as `edge-agent track --out` writes; or one file")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, shares from 0 to 1")] = False,
) -> None:
    """Score the tracks of single cameras: HOTA, MOTA, IDF1 and id switches, by TrackEval.

    Examples:

      edge-agent track --detections MOT17-02/det.txt.gz --fps 30 --out runs/MOT17-02

      aggregator evaluate mot mot17_half_val runs
    """
    scores = score_tracks(find_sequences(truth, tracks))
    if as_json:
        print_json({name: asdict(row) for name, row in scores.items()})
        return
    Console().print(table(scores))


def table(scores: dict[str, MotScores]) -> Table:
    """One line a sequence and one for all; percent."""
    out = Table(box=None)
    out.add_column("")
    for head in HEADS.values():
        out.add_column(head, justify="right")
    for name, row in scores.items():
        if name == COMBINED and len(scores) == 2:
            continue
        cells = [f"{100 * value:.2f}" if isinstance(value, float) else str(value) for value in asdict(row).values()]
        out.add_row(name, *cells, style="bold" if name == COMBINED else None)
    return out
