"""`Topology`: which cameras people can walk between, and how long that takes, where a person has written it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Window = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A site's transit times.

    A transit time is the start of the later visit less the end of the earlier one, in seconds on the common clock;
    it is negative where views overlap. Pairs that are not named cannot be walked without another camera between.

    A place is a camera, or CAMERA/ZONE: a door of that camera's view, through which people leave it or come in. A way
    from a door holds for who left by it, and for whom nobody saw leave by any.

    Attributes:
        windows: (least, greatest) transit time in seconds by (place left, place entered). A camera's way to itself
            is its re-entry; where it is not named, the settings say how long a camera waits for somebody's return.
        cameras: every camera that the layout speaks of, in its order.
        offsets: seconds added to a camera's times to bring them to the common clock; 0 where not named.
        scales: a camera's seconds for one second of the common clock; 1 where not named. Recordings with a wrong
            frame rate have others; live cameras have 1.
        fps: frames a second of each camera where the layout tells.
    """

    windows: Mapping[tuple[str, str], Window]
    cameras: tuple[str, ...] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)
    scales: Mapping[str, float] = field(default_factory=dict)
    fps: Mapping[str, float] = field(default_factory=dict)
    doors: tuple[str, ...] = field(init=False)
    _numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _ways: Mapping[tuple[str, str], list[tuple[str, str, Window]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for (a, b), (least, greatest) in self.windows.items():
            if not least <= greatest:
                raise ValueError(f"transit {a} → {b}: least {least} is above greatest {greatest}")
        if not self.cameras:
            named = dict.fromkeys(_split(place)[0] for pair in self.windows for place in pair)
            object.__setattr__(self, "cameras", tuple(named))
        ways: dict[tuple[str, str], list[tuple[str, str, Window]]] = {}
        for pair, window in self.windows.items():
            (a, zone_a), (b, zone_b) = map(_split, pair)
            ways.setdefault((a, b), []).append((zone_a, zone_b, window))
        object.__setattr__(self, "_ways", ways)
        doors = dict.fromkeys(place for pair in self.windows for place in pair if "/" in place)
        object.__setattr__(self, "doors", tuple(doors))
        object.__setattr__(self, "_numbers", {place: number for number, place in enumerate(doors, 1)})

    def window(self, left: str, entered: str) -> Window | None:
        """(least, greatest) seconds from leaving a place to entering another; None where nobody can walk so.

        Of a camera without a door, any of its doors may be meant.
        """
        (a, zone_a), (b, zone_b) = _split(left), _split(entered)
        found = [window for here, there, window in self._ways.get((a, b), ())
                 if (not here or not zone_a or here == zone_a) and (not there or not zone_b or there == zone_b)]
        return (min(least for least, _ in found), max(most for _, most in found)) if found else None

    def doors_of(self, camera: str, zones: Sequence[str]) -> tuple[int, int]:
        """By which doors somebody came in and went out who came through `zones`: numbers from 1 in `doors`, 0: not
        known. Of one door alone nobody can say which of both it was."""
        known = [number for zone in zones if (number := self._numbers.get(f"{camera}/{zone}"))]
        return (known[0], known[-1]) if len(known) > 1 else (0, 0)

    def knows(self, place: str) -> bool:
        """Whether the layout speaks of the camera of `place`; of others it says nothing, so they are learned."""
        return _split(place)[0] in self.cameras

    def leaves_open(self, left: str, entered: str) -> bool:
        """Whether it says nothing of a way: of cameras that it does not speak of, and of returns to one camera."""
        camera = _split(left)[0]
        if camera == _split(entered)[0]:
            return self.window(camera, camera) is None
        return not (self.knows(left) and self.knows(entered))

    def common(self, camera: str, time: float) -> float:
        """A camera's own seconds → seconds of the common clock."""
        return time / self.scales.get(camera, 1.0) + self.offsets.get(camera, 0.0)


def _split(place: str) -> tuple[str, str]:
    camera, _, zone = place.partition("/")
    return camera, zone
