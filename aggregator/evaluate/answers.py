"""Who each visit was, and who it was taken for: read from a replay's files, or from an aggregator's database."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.evaluate.labels import Labels, match_visit
from aggregator.evaluate.scores import LinkScores, idf1, judge_links, score_links
from aggregator.evaluate.transits import Transits
from aggregator.store import StoreReader
from common.errors import ConfigError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answers:
    """One row a visit.

    Attributes:
        truth, guess: (n,) person, and global id.
        camera: (n,) names.
        start, end: (n,) float64, seconds.
        confidence: (n,) in [0, 1], or None when the answer does not say.
        online: (n,) global id as first decided, or None when the answer does not say.
    """

    truth: list[str]
    guess: list[str]
    camera: list[str]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    confidence: NDArray[np.float64] | None
    online: list[str] | None = None

    def scores(self) -> LinkScores:
        """All of them."""
        scores = score_links(self.truth, self.guess, self.start, self.confidence)
        return scores if self.online is None else replace(scores, online_idf1=idf1(self.truth, self.online))

    def links(self) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
        """Confidence of each link to a known identity, if said, and whether it was right."""
        linked, right = judge_links(self.truth, self.guess, self.start)
        return None if self.confidence is None else self.confidence[linked], right

    def transits(self) -> Transits:
        """Ways from camera to camera."""
        return Transits.of(self.truth, self.guess, self.camera, self.start, self.end)


def read_replay(visits: Path, answer: Path) -> Answers:
    """Links of a replay, and the truth in its input.

    Raises:
        ConfigError: a file that cannot be read, a visit that lacks or stands twice.
    """
    try:
        with np.load(visits, allow_pickle=False) as arrays:
            truth, camera, start, end = (arrays[name] for name in ("identity", "camera", "start", "end"))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{visits}: holds no visits with their truth ({error})") from error
    guess: dict[int, str] = {}
    online: dict[int, str] = {}
    sure = np.full(len(truth), np.nan)
    try:
        with answer.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                number = int(row["visit"])
                if number in guess:
                    raise ConfigError(f"{answer}: visit {number} stands twice")
                guess[number] = row["global_id"]
                sure[number] = float(row.get("confidence") or "nan")
                if row.get("online_global_id"):
                    online[number] = row["online_global_id"]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"{answer}: is no list of links ({error})",
                          "it is what `aggregator replay VISITS.npz --out LINKS.csv` writes") from error
    if set(guess) != set(range(len(truth))):
        raise ConfigError(f"{answer}: {len(truth)} visits were expected, {len(guess)} are there")
    return Answers(truth=[str(who) for who in truth.tolist()], guess=[guess[i] for i in range(len(truth))],
                   camera=[str(name) for name in camera.tolist()], start=start.astype(float), end=end.astype(float),
                   confidence=_complete(sure),
                   online=[online[i] for i in range(len(truth))] if len(online) == len(truth) else None)


def read_store(data: Path, labels: Labels) -> tuple[Answers, dict[str, Any]]:
    """Identities in an aggregator's data folder, of labelled people; and how many visits and labels met.

    Visits of people who are not labelled are counted and left out.

    Raises:
        StoreError: there is no database.
    """
    people, ids, cameras = list[str](), list[str](), list[str]()
    starts, ends, sure = list[float](), list[float](), list[float]()
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
                view = (left, top, left + width, top + height)
                match = match_visit(path.frames, boxes, view, labels.of(visit.camera))
                if match.person is None:
                    continue
                met |= match.tracks
                people.append(match.person)
                ids.append(f"G{visit.identity}" if visit.identity else f"visit {visit.visit}")
                cameras.append(visit.camera)
                starts.append(visit.start)
                ends.append(visit.end)
                sure.append(np.nan if visit.certainty is None else visit.certainty)
            cursor = page.next
            if not cursor:
                break
    found = {"visits_stored": total, "visits_of_labelled_people": len(people),
             "labelled_tracks": len(set(labels.track.tolist())), "labelled_tracks_found": len(met)}
    return Answers(truth=people, guess=ids, camera=cameras, start=np.asarray(starts), end=np.asarray(ends),
                   confidence=_complete(np.asarray(sure))), found


def _complete(sure: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """None unless every visit has a confidence."""
    return None if not len(sure) or np.isnan(sure).any() else sure
