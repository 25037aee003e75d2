"""When linking learns: after so many visits, and no more often than the world changes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from aggregator.linking.ids import IdAllocator
from aggregator.linking.linker import Linker
from aggregator.linking.settings import LinkingSettings
from aggregator.visit import Visit
from tests.aggregator.linking.stream import walks

SETTINGS = LinkingSettings(sample=50)


def lessons(linker: Linker, visits: list[Visit]) -> list[int]:
    """After how many visits something was learned."""
    known: list[object] = []
    after = []
    for visit in visits:
        linker.observe([visit], 0.0)
        (partition,) = linker._partitions.values()
        if partition.evidence.learned_from and (not known or partition.evidence.projection is not known[-1]):
            known.append(partition.evidence.projection)
            after.append(partition.seen)
    return after


def test_a_quiet_site_learns_from_every_two_samples() -> None:
    after = lessons(Linker(SETTINGS, None, IdAllocator()), walks(200, seed=1, every_s=120.0)[0])
    assert all(b - a <= 100 for a, b in pairwise(after))
    assert after[-1] > 880


def test_a_busy_site_learns_as_it_begins_and_then_every_ten_minutes_or_so() -> None:
    visits = walks(1000, seed=1, every_s=2.0)[0]  # 2.5 a second: 40 s for two samples
    after = lessons(Linker(SETTINGS, None, IdAllocator()), visits)
    assert sum(n < 200 for n in after) > 6
    late = [visits[n - 1].end for n in after if n > 400]
    assert len(late) >= 3
    assert all(300 < b - a < 1200 for a, b in pairwise(late))


@pytest.mark.parametrize("kept", ["all", "recent"])
@pytest.mark.parametrize("after", [900, 1_300])
def test_who_starts_anew_on_a_busy_site_knows_what_who_never_stopped_knows(after: int, kept: str) -> None:
    """Whether from all that ever came or from what is still compared, the latest, and how many came."""
    settings = LinkingSettings(sample=50, time_to_live=120.0)
    visits = walks(300, seed=2, every_s=2.0)[0]
    whole, again = (Linker(settings, None, IdAllocator()) for _ in range(2))
    decided = {d.visit: d.identity for v in visits[:after] for d in whole.observe([v], 0.0)}
    since = max(v.end for v in visits[:after]) - 120.0
    rows = [v for v in visits[:after] if kept == "all" or v.end > since or v.visit > after - 600]
    assert (len(rows) < after) == (kept == "recent")
    again.restore([(v, decided[v.visit]) for v in rows], {}, seen=None if kept == "all" else whole.seen())
    again.ids.skip(whole.ids.last)
    assert again.seen() == whole.seen()
    for visit in visits[after:]:
        assert again.observe([visit], 0.0) == whole.observe([visit], 0.0)


def test_of_a_busy_time_long_ago_who_starts_anew_learns_from_what_is_left() -> None:
    """The last lesson was taken from visits that are not read any more: one is taken from the latest."""
    visits = walks(600, seed=4, every_s=0.2)[0]
    whole, again = (Linker(SETTINGS, None, IdAllocator()) for _ in range(2))
    decided = {d.visit: d.identity for v in visits for d in whole.observe([v], 0.0)}
    again.restore([(v, decided[v.visit]) for v in visits[-150:]], {}, seen=whole.seen())
    (partition,) = again._partitions.values()
    assert partition.evidence.learned_from == 50
    assert again.seen() == whole.seen()
