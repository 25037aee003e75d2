from __future__ import annotations

import cv2
import numpy as np
import pytest

HEATMAP = "/api/cameras/left/heatmap"


def test_numbers(site):
    heat = site.ask(f"{HEATMAP}?width=18").json
    assert (heat["width"], heat["height"]) == (18, 29)  # the view is 360 × 576
    cells = np.array(heat["cells"])
    assert cells.shape == (29, 18)
    # three visits of 10, 5 and 6 s, each with half a usual gap at either end
    assert heat["person_seconds"] == pytest.approx(10.5 + 5.5 + 6.5)
    assert cells.sum() == pytest.approx(22.5, rel=0.02)
    assert np.argmax(cells.sum(axis=1)) == int(0.8 * 29)  # all feet are at .8 of the height


def test_only_the_asked_time_counts(site):
    heat = site.ask(f"{HEATMAP}?since=2026-03-01T12:00:20Z&until=2026-03-01T12:00:30Z").json
    assert heat["points"] == 11
    assert heat["person_seconds"] == pytest.approx(5.5)
    assert site.ask(f"{HEATMAP}?since=2026-03-02T12:00:20Z").json["points"] == 0


def test_decay_fades_what_is_older(site):
    whole = site.ask(HEATMAP).json
    faded = site.ask(f"{HEATMAP}?half_life_s=20").json
    assert whole["until"] == "2026-03-01T12:01:20.000Z"
    assert 6.5 * 0.5 < faded["person_seconds"] < 22.5 * 0.5  # the last visit was 4 to 10 s ago, the first over a minute


def test_picture(site):
    answer = site.ask(f"{HEATMAP}?format=png")
    assert answer.headers["Content-Type"] == "image/png"
    picture = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (1024, 640, 4)


@pytest.mark.parametrize(("accept", "kind"), [
    ("image/png", "image/png"),
    ("image/avif,image/webp,image/*,*/*;q=0.8", "image/png"),  # what browsers send for <img>
    ("application/json", "application/json"),
    ("*/*", "application/json"),
    ("application/json, image/png;q=0.5", "application/json"),
    ("image/png;q=x", "application/json"),
])
def test_accept_decides(site, accept, kind):
    answer = site.ask(f"{HEATMAP}?width=8", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(kind)
