"""`Topology`: which cameras people can walk between, and how long that takes, where a person has written it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Window = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """A site's transit times.

    A transit time is the start of the later visit less the end of the earlier one, in seconds on the common clock;
    it is negative where views overlap. Pairs that are not named cannot be walked without another camera between.

    Attributes:
        windows: (least, greatest) transit time in seconds by (camera left, camera entered). A camera's way to itself
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

    def __post_init__(self) -> None:
        for (a, b), (least, greatest) in self.windows.items():
            if not least <= greatest:
                raise ValueError(f"transit {a} → {b}: least {least} is above greatest {greatest}")
        if not self.cameras:
            named = dict.fromkeys(camera for pair in self.windows for camera in pair)
            object.__setattr__(self, "cameras", tuple(named))

    def window(self, left: str, entered: str) -> Window | None:
        """(least, greatest) seconds from leaving `left` to entering `entered`; None where nobody can walk so."""
        return self.windows.get((left, entered))

    def knows(self, camera: str) -> bool:
        """Whether the layout speaks of `camera`; of others it says nothing, so they are learned."""
        return camera in self.cameras

    def common(self, camera: str, time: float) -> float:
        """A camera's own seconds → seconds of the common clock."""
        return time / self.scales.get(camera, 1.0) + self.offsets.get(camera, 0.0)
