"""A data set as cameras, through the real programs, and the answers held against its truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from aggregator.evaluate.answers import read_store
from aggregator.evaluate.labels import read_labels
from deploy.demo.programs import Programs
from tests.support.reid import write_market
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system


def test_a_data_set_is_played_linked_and_scored(tmp_path: Path) -> None:
    root = write_market(tmp_path / "market", range(2, 12), cameras=3, images=4)
    with Programs(tmp_path) as programs:
        site = Site(tmp_path, programs)
        site.config = tmp_path / "aggregator.yaml"
        site.config.write_text("engine: {resolve_every_s: 1}\n")
        site.start_aggregator()
        box = site.start_agent([{"id": "site", "source": f"market1501:{root}", "clock": {"start": 1_750_000_000.0}}])
        site.wait_ended(box)
        truth = read_labels(f"market1501:{root}")
        # How well is linking's own affair; here the truth must meet the answers.
        wait_for(lambda: read_store(tmp_path / "data", truth)[0].scores().pair_recall > 0.3, 30, "people are linked")
        cameras = {row["camera"] for row in get(f"{site.api}/cameras")["cameras"]}
        assert cameras == {"site-c1", "site-c2", "site-c3"}
    answers, found = read_store(tmp_path / "data", truth)
    assert found["visits_stored"] == found["visits_of_labelled_people"] == found["labelled_tracks_found"] == 30
    assert sorted(set(answers.truth), key=int) == [str(who) for who in range(2, 12)]
