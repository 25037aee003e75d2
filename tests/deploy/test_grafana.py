"""The Grafana board: whole, and it asks for metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from aggregator.metrics import METRICS as AGGREGATOR
from edge_agent.metrics import METRICS as EDGE

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"


def test_the_board_is_one_that_grafana_loads():
    board = json.loads((FOLDER / "passage.json").read_text())
    assert board["title"]
    assert board["schemaVersion"] >= 36
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    places = set()
    for panel in board["panels"]:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["title"]
        place = panel["gridPos"]
        assert 0 <= place["x"] <= 24 - place["w"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & places, f"{panel['title']} lies over another"
        places |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]


def test_the_board_asks_for_metrics_that_exist_by_labels_that_they_have():
    board = json.loads((FOLDER / "passage.json").read_text())
    known = {**EDGE, **AGGREGATOR}
    for panel in board["panels"]:
        for target in panel["targets"]:
            names = re.findall(r"passage_[a-z_]+", target["expr"])
            assert names, target
            for name in names:
                assert name in known, name
                if known[name].kind == "counter":
                    assert "rate(" in target["expr"], f"{name} only rises"
            labels = {label for name in names for label in known[name].labels} | {"instance"}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels, target


def test_the_scrape_settings_are_yaml_that_names_both_sides():
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["passage-aggregator", "passage-edge"]
    assert "credentials_file" in jobs[0]["authorization"]
