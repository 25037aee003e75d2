"""`Recorder`: what linking was asked, kept until the next transaction writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aggregator.linking.topology import Topology
from aggregator.store.records import Moment
from aggregator.store.writer import StoreWriter
from aggregator.visit import Visit
from common import __version__


class Recorder:
    """A moment of which nothing came need not be on the disk at once; when the process dies before the next that must,
    linking begins anew and it never happened. What was asked while nothing had come is not kept at all.

    Attributes:
        news: whether linking was asked anything since its last repair.
    """

    def __init__(self) -> None:
        self._waiting: list[Moment] = []
        self.news = False

    def started(self, settings: Mapping[str, Any], topology: Topology | None, last: int, now: float) -> None:
        """Linking began anew from the store; `last` is the highest identity given out."""
        layout = None if topology is None else describe(topology)
        self._waiting = [Moment(kind="start", time=now, data={
            "release": __version__, "settings": dict(settings), "layout": layout, "last": last})]
        self.news = True

    def observed(self, visits: Sequence[Visit], decisions: int, now: float) -> None:
        """Linking saw these visits together."""
        self._waiting.append(Moment(kind="observe", time=now, visits=visits, decisions=decisions))
        self.news = True

    def kept(self, visits: Sequence[Visit], now: float) -> None:
        """These were stored without being linked."""
        self._waiting.append(Moment(kind="keep", time=now, visits=visits))

    def resolved(self, decisions: int, now: float) -> None:
        """Linking repaired the recent past."""
        self._waiting.append(Moment(kind="resolve", time=now, decisions=decisions))
        self.news = False

    def corrected(self, correction: int, decisions: int, now: float) -> None:
        """A person corrected something."""
        self._waiting.append(Moment(kind="correct", time=now, decisions=decisions, data={"correction": correction}))
        self.news = True

    def write(self, store: StoreWriter) -> None:
        """Into the transaction that is open."""
        store.moments.add(self._waiting)
        self._waiting = []


def describe(topology: Topology) -> dict[str, Any]:
    """A layout as JSON holds it, to the last digit; infinity is a word."""
    windows: Iterable[list[str]] = [[a, b, repr(least), repr(greatest)]
                                    for (a, b), (least, greatest) in topology.windows.items()]
    return {"windows": list(windows), "cameras": list(topology.cameras), "offsets": dict(topology.offsets),
            "scales": dict(topology.scales), "fps": dict(topology.fps)}


def read_description(layout: Mapping[str, Any]) -> Topology:
    """`describe` backwards."""
    return Topology(windows={(a, b): (float(least), float(greatest)) for a, b, least, greatest in layout["windows"]},
                    cameras=tuple(layout["cameras"]), offsets=layout["offsets"], scales=layout["scales"],
                    fps=layout["fps"])
