"""How visits are linked to identities."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from common.settings import Settings


class LinkingSettings(Settings):
    """Who counts as the same person, and how far back and how often that is asked."""

    min_frames: int = Field(
        3, ge=1, description="a visit seen in fewer frames is not mature: it gets no identity yet")
    time_to_live: float = Field(
        7200.0, gt=0, description="seconds after a visit for which new visits are compared with it")
    joint_s: float = Field(
        1.0, ge=0, le=60,
        description="visits that one camera saw until within so many seconds of one another are linked jointly; "
                    "others that come at once, as after an outage, one after the other, as they would have come")
    reentry: float = Field(
        0.0, ge=0, description="seconds that must pass before one camera may see the same person again")
    caution: float = Field(
        1.5, ge=-10, le=20,
        description="how much more must speak for linking than against it, in natural logarithms of odds: 0 links "
                    "what is likelier than not, 2.3 what is ten times likelier; more makes fewer false links and "
                    "more people counted twice. It grows by itself with the number of visits compared")
    dependence: float = Field(
        0.4, ge=0, le=1,
        description="how much the visits of one identity say the same about a new one: 0 counts each as independent "
                    "evidence, 1 their mean as one")
    linkage: Literal["average", "single", "complete"] = Field(
        "average",
        description="what speaks for two groups of visits to be one person when the past is solved anew: the mean of "
                    "all pairs' likeness, counted as often as they are independent; the likest pair (single), which "
                    "chains; or the least alike (complete), which splits")
    resolve_window: float = Field(
        600.0, ge=0, description="seconds of the recent past that are solved anew at intervals; 0 never repairs")
    learn: bool = Field(
        True, description="learn from the stream how alike one person and two people look to these cameras, and how "
                          "long ways take; off: only what holds everywhere is assumed")
    sample: int = Field(
        2000, ge=50, le=20000, description="latest visits that are learned from; cost grows with the square")
    rivals: int = Field(3, ge=0, le=20, description="how many runners-up are kept with each decision")
