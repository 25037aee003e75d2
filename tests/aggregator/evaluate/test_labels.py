"""Who a visit is, by the labels of its video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aggregator.evaluate.labels import Labels, match_visit
from common.errors import ConfigError

VIEW = (100.0, 0.0, 300.0, 200.0)


def labels(tmp_path: Path, *rows: str) -> Labels:
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["frame,track,person,x1,y1,x2,y2", *rows]) + "\n")
    return Labels.read(path)


def walk(n: int, x: float) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n, dtype=np.int32) * 5, np.asarray([[x + i, 50, x + 40 + i, 150] for i in range(n)], float)


def test_the_person_whose_boxes_it_follows(tmp_path: Path) -> None:
    truth = labels(tmp_path, *[f"{5 * i},1,A,{150 + i},50,{190 + i},150" for i in range(10)],
                   *[f"{5 * i},2,B,{240 + i},50,{280 + i},150" for i in range(10)])
    match = match_visit(*walk(10, 152), VIEW, truth)
    assert (match.person, match.tracks) == ("A", {"1"})


def test_somebody_who_is_not_labelled_is_nobody(tmp_path: Path) -> None:
    truth = labels(tmp_path, *[f"{5 * i},1,A,{150 + i},50,{190 + i},150" for i in range(10)])
    assert match_visit(*walk(10, 220), VIEW, truth).person is None


def test_a_brush_with_somebody_is_not_enough(tmp_path: Path) -> None:
    truth = labels(tmp_path, "5,1,A,150,50,190,150", "10,1,A,151,50,191,150")
    assert match_visit(*walk(10, 149), VIEW, truth).person is None


def test_labels_are_cut_at_the_view_as_boxes_are(tmp_path: Path) -> None:
    truth = labels(tmp_path, *[f"{5 * i},1,A,60,50,120,150" for i in range(5)])
    boxes = np.asarray([[100.0, 50, 120, 150]] * 5)
    assert match_visit(np.arange(5, dtype=np.int32) * 5, boxes, VIEW, truth).person == "A"


def test_a_column_that_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("frame,track,x1\n1,2,3\n")
    with pytest.raises(ConfigError, match="'person' lacks"):
        Labels.read(tmp_path / "l.csv")
