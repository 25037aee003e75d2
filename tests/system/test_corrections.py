"""A person corrects a running site over HTTP; it keeps to it over a restart, and its past can be made again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.programs import Programs
from tests.support.blobs import Walker, write_video
from tests.support.site import Site, get, wait_for

pytestmark = pytest.mark.system

COLOURS = ((255, 80, 80), (80, 255, 80), (80, 80, 255), (80, 255, 255))
START = 1_750_000_000.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Programs(tmp_path) as programs:
        made = Site(tmp_path, programs)
        made.config = tmp_path / "aggregator.yaml"
        made.config.write_text("engine: {resolve_every_s: 1}\n")
        yield made


def cameras(folder: Path) -> list[dict[str, Any]]:
    """Four people through two cameras."""
    found = []
    for name, first in (("hall", 10), ("yard", 150)):
        people = [Walker(first + 50 * i, first + 50 * i + 80, -10, 330, upper, COLOURS[i - 1], foot=160 + 60 * (i % 2))
                  for i, upper in enumerate(COLOURS)]
        found.append({"id": name, "source": str(write_video(folder / f"{name}.avi", people, 360)),
                      "clock": {"start": START}})
    return found


def type_(*words: str) -> tuple[int, str]:
    command = str(Path(sys.executable).with_name("aggregator"))
    done = subprocess.run([command, *words], capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def whose(site: Site) -> dict[int, str]:
    return {row["visit"]: row["global_id"] for row in get(f"{site.api}/visits")["visits"]}


def test_what_a_person_says_lasts_and_the_past_can_be_made_again(site: Site) -> None:
    name = site.start_aggregator()
    site.wait_ended(site.start_agent(cameras(site.folder)))
    wait_for(lambda: len(whose(site)) == 8 and None not in whose(site).values(), 20, "everybody has an identity")
    here = ("--url", f"http://{site.http}")
    first = whose(site)
    old, young = sorted(set(first.values()), key=lambda name: int(name[1:]))[:2]
    code, said = type_("correct", *here, "merge", old, young, "--who", "Ann")
    assert (code, said) == (0, f"correction 1: Ann said that {young} is {old}.\n")
    both = {visit for visit, name in first.items() if name in (old, young)}

    site.programs.stop(name)
    name = site.start_aggregator()
    assert {whose(site)[visit] for visit in both} == {whose(site)[min(both)]}
    assert get(f"{site.api}/identities/{young}")["merged_into"] is not None
    assert "Ann said that" in type_("query", *here, "why", old)[1]
    split = next(visit for visit in both if whose(site)[visit] == first[visit])
    code, said = type_("correct", *here, "split", whose(site)[split], "--visit", str(split))
    assert code == 1
    assert "correction 1 (merge by Ann) says otherwise" in said
    assert type_("correct", *here, "undo", "--who", "Bob")[0] == 0
    assert [row["undone"] for row in get(f"{site.api}/corrections")["corrections"]] == [None, 2]
    assert get(f"{site.api}/identities/{young}")["asked"] == young

    site.programs.stop(name)
    code, told = type_("replay", "--log", str(site.folder / "data"))
    assert code == 0, told
    assert told.startswith("the same: ")
    code, told = type_("replay", "--log", str(site.folder / "data"), "--set", "caution=20", "--json")
    assert code == 0
    assert json.loads(told)["identities"]["replayed"] == 8
