"""`aggregator evaluate`: how good the answers are, where the truth is known."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from aggregator.evaluate.labels import Labels, match_visit
from aggregator.evaluate.scores import LinkScores, score_links
from aggregator.store import StoreReader
from common.console import print_json
from common.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="How good the answers are, where the truth is known.")


@app.callback()
def _group() -> None:
    """Without it typer would make the only command the whole."""


@app.command()
def links(
    visits: Annotated[Path | None, typer.Argument(
        help="VISITS.npz that was replayed, with the truth in its array `identity`")] = None,
    answer: Annotated[Path | None, typer.Argument(
        metavar="[LINKS]", help="links.csv that `aggregator replay` wrote")] = None,
    data: Annotated[Path | None, typer.Option(
        "--data", help="instead: the data folder of an aggregator that watched a labelled video")] = None,
    truth: Annotated[Path | None, typer.Option(
        "--truth", help="its labels: CSV of frame (from 0), track, person, x1, y1, x2, y2 in pixels")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Score who was taken for whom.

    Examples:

      aggregator evaluate links visits.npz links.csv

      aggregator evaluate links --data passage-data --truth people.csv
    """
    if data is not None and truth is not None:
        scores, found = score_store(data, Labels.read(truth))
    elif visits is not None and answer is not None:
        scores, found = score_replay(visits, answer), {}
    else:
        raise ConfigError("give VISITS.npz and LINKS.csv, or --data and --truth",
                          "aggregator evaluate links --help shows both")
    if as_json:
        print_json(scores.as_dict() | found)
        return
    table = Table(show_header=False, box=None)
    for name, value in (*found.items(), *scores.as_dict().items()):
        share = isinstance(value, float) and name != "calibration_error"
        table.add_row(name.replace("_", " ").replace("idf1", "IDF1"), f"{100 * value:.1f} %" if share else
                      "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)


def score_replay(visits: Path, answer: Path) -> LinkScores:
    """Links of a replay against the truth in its input.

    Raises:
        ConfigError: a file that cannot be read, a visit that lacks or stands twice.
    """
    try:
        with np.load(visits) as arrays:
            truth, start = arrays["identity"], arrays["start"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{visits}: holds no visits with their truth ({error})") from error
    guess: dict[int, str] = {}
    sure = np.full(len(truth), np.nan)
    try:
        with answer.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                number = int(row["visit"])
                if number in guess:
                    raise ConfigError(f"{answer}: visit {number} stands twice")
                guess[number] = row["global_id"]
                sure[number] = float(row.get("confidence") or "nan")
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"{answer}: is no list of links ({error})",
                          "it is what `aggregator replay VISITS.npz --out LINKS.csv` writes") from error
    if set(guess) != set(range(len(truth))):
        raise ConfigError(f"{answer}: {len(truth)} visits were expected, {len(guess)} are there")
    confidence = None if np.isnan(sure).any() else sure
    return score_links(truth.tolist(), [guess[i] for i in range(len(truth))], start, confidence)


def score_store(data: Path, labels: Labels) -> tuple[LinkScores, dict[str, Any]]:
    """Identities in an aggregator's data folder against labelled people; and how many visits and labels met.

    Visits of people who are not labelled are counted and left out.

    Raises:
        StoreError: there is no database.
    """
    people: list[str] = []
    ids: list[str] = []
    starts: list[float] = []
    sure: list[float] = []
    met: set[str] = set()
    total = 0
    with StoreReader(data) as reader:
        views = {camera.camera: (camera.width, camera.height, *camera.view) for camera in reader.cameras()}
        cursor: str | None = None
        while True:
            page = reader.visits(limit=1000, cursor=cursor)
            for visit in page.rows:
                total += 1
                width, height, left, top = views[visit.camera]
                path = reader.visit_path(visit.visit)
                boxes = path.boxes.astype(np.float64) * ([width, height] * 2) + ([left, top] * 2)
                match = match_visit(path.frames, boxes, (left, top, left + width, top + height), labels)
                if match.person is None:
                    continue
                met |= match.tracks
                people.append(match.person)
                ids.append(f"G{visit.identity}" if visit.identity else f"visit {visit.visit}")
                starts.append(visit.start)
                sure.append(np.nan if visit.certainty is None else visit.certainty)
            cursor = page.next
            if not cursor:
                break
    confidence: NDArray[np.float64] | None = np.asarray(sure)
    if not sure or np.isnan(sure).any():
        confidence = None
    found = {"visits_stored": total, "visits_of_labelled_people": len(people),
             "labelled_tracks": len(set(labels.track.tolist())), "labelled_tracks_found": len(met)}
    return score_links(people, ids, np.asarray(starts), confidence), found
