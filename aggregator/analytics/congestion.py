"""How full and how slow it is, against what is usual at that hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Level = Literal["unknown", "quiet", "usual", "busy", "congested"]
HOURS_A_DAY, HOURS_A_WEEK = 24, 168


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Usual:
    """Hour by hour, (k,) each; NaN where nothing is known.

    Attributes:
        density: people in view, mean over the hour.
        speed: heights of the walker's box a second.
        usual_density, usual_speed: of the same hour before.
    """

    density: Floats
    speed: Floats
    usual_density: Floats
    usual_speed: Floats

    def level(self, i: int, busy: float, slow: float) -> Level:
        """What hour `i` is: `busy` from so many times the usual density, `congested` when also below so much of the
        usual speed, `quiet` below one through `busy`."""
        usual = self.usual_density[i]
        if np.isnan(usual) or usual <= 0:
            return "unknown"
        load = self.density[i] / usual
        if load >= busy:
            crawling = self.usual_speed[i] > 0 and self.speed[i] <= slow * self.usual_speed[i]
            return "congested" if crawling else "busy"
        return "quiet" if load <= 1 / busy else "usual"


def against_usual(person_s: Floats, walked: Floats, walked_s: Floats, hour_s: Floats, shown: int, *, weeks: int = 4,
                  days: int = 14) -> Usual:
    """Compare each of the last `shown` hours with the same hour before.

    That is the mean of the same hour of the week in the `weeks` weeks before, as far as the camera was there by then;
    when that is fewer than two of them, the same hour of the day in the `days` days before.

    Args:
        person_s, walked, walked_s: (k,) as in `Tally`, hour by hour.
        hour_s: (k,) seconds that count of each hour, less than 3600 for one that is not over.
    """
    k = len(person_s)
    seen = np.flatnonzero(person_s > 0)
    began = int(seen[0]) if len(seen) else k
    density = np.divide(person_s, hour_s, out=np.zeros(k), where=hour_s > 0)
    speed = np.divide(walked, walked_s, out=np.full(k, np.nan), where=walked_s > 0)
    usual_density, usual_speed = np.full(shown, np.nan), np.full(shown, np.nan)
    for i in range(shown):
        at = k - shown + i
        same = [h for h in range(at - HOURS_A_WEEK, at - HOURS_A_WEEK * weeks - 1, -HOURS_A_WEEK) if h >= began]
        if len(same) < 2:
            same = [h for h in range(at - HOURS_A_DAY, at - HOURS_A_DAY * days - 1, -HOURS_A_DAY) if h >= began]
        if same:
            usual_density[i] = density[same].mean()
            total_s = walked_s[same].sum()
            usual_speed[i] = walked[same].sum() / total_s if total_s > 0 else np.nan
    return Usual(density=density[k - shown:], speed=speed[k - shown:], usual_density=usual_density,
                 usual_speed=usual_speed)
