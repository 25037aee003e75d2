"""Who a generated person is: skin, hair and everything worn; drawn once and the same in all their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.training.bodies import Mesh
from models.training.cloth import Cloth, Kind, cloth, colour, rgb

Floats = NDArray[np.float32]
Hat = Literal["", "cap", "beanie", "hood"]
Carried = Literal["", "backpack", "shoulder bag", "hand bag"]

SKIN_TONES: Final = (
    np.array([[214, 176, 152], [204, 158, 128], [186, 138, 102], [158, 106, 74], [118, 74, 50], [80, 52, 38]]) / 255
).astype(np.float32)
_OLD: Final = 0.9  # from this age on, grey hair


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """A person's looks. Heights are metres on the neutral body, lengths of sleeves as in `Mesh.arm`.

    Attributes:
        tone: 0 lightest to 5 darkest; `skin` the very colour.
        feminine: how the wardrobe was drawn, not more.
        loose: metres that top, sleeves, thighs and shins stand off the body.
    """

    tone: int
    skin: Floats
    feminine: bool
    hair: Floats
    hairline: float
    hair_volume: float
    bald: bool
    long_hair: bool
    hair_end: float
    bun: bool
    beard: bool
    mask: bool
    hat: Hat
    hat_colour: Floats
    scarf: Floats | None
    top: Cloth
    inner: Cloth
    sleeve: float
    sleeve_colour: Floats | None
    raglan: bool
    hem: float
    hem_band: Floats | None
    open_front: float
    zipper: Floats | None
    neck_v: float
    neck_round: float
    collar: bool
    hood_down: bool
    bottom: Cloth
    skirt: bool
    dress: bool
    coat: bool
    skirt_end: float
    flare: float
    tights: Floats | None
    leg_end: float
    faded: float
    side_stripe: Floats | None
    belt: Floats | None
    shoe: Cloth
    shoe_top: float
    sole: Floats
    sock: Floats
    sock_top: float
    sandals: bool
    carried: Carried
    bag: Cloth
    bag_size: tuple[float, float, float]
    bag_side: int
    strap: float
    loose: tuple[float, float, float, float]
    wrinkles: float
    wrinkle_waves: Floats
    stride: float


class Wardrobe:
    """Draws outfits; people of one site share some colours, so that details have to tell them apart.

    How many colours they share, how many of them wear these, and how cold it is differs from site to site: between a
    market place in summer and the black coats of a winter's evening.
    """

    def __init__(self, mesh: Mesh, random: np.random.Generator) -> None:
        self._random = random
        self._alike, shared = random.uniform(0.2, 0.8), int(random.integers(2, 6))
        self._cold = random.random()
        self._knee, self._ankle, self._hip = (
            mesh.height_of(name) for name in ("lowerleg01.L", "foot.L", "upperleg01.L")
        )
        kinds: tuple[Kind, ...] = ("top", "bottom")
        self._shared = {kind: [colour(random, kind) for _ in range(shared)] for kind in kinds}

    def draw(self, gender: float, age: float) -> Outfit:
        """Dress somebody of a build (0–1 as in `bodies.phenotypes`)."""
        r, cold = self._random, self._cold
        feminine = bool(r.random() < gender * 0.9 + 0.05)
        place = r.random() * (len(SKIN_TONES) - 1)
        tone = int(place)
        skin = SKIN_TONES[tone] * (1 - place % 1) + SKIN_TONES[tone + 1] * (place % 1)
        sleeve_length = r.random()
        sleeve = (
            r.uniform(0.05, 0.25)
            if sleeve_length < 0.1 * (1 - cold)
            else r.uniform(0.45, 0.95)
            if sleeve_length < 0.8 - 0.7 * cold
            else r.uniform(1.2, 1.6)
            if sleeve_length < 0.85 - 0.7 * cold
            else r.uniform(1.85, 2.02)
        )
        long = sleeve > 1.8
        long_hair = bool(r.random() < (0.62 if feminine else 0.04))
        skirt = feminine and bool(r.random() < 0.3)
        dress = skirt and bool(r.random() < 0.5)
        coat = long and not skirt and bool(r.random() < 0.35 * cold)
        jacket = long and bool(r.random() < 0.2 + 0.6 * cold)
        shoe_top = self._ankle + (r.uniform(-0.035, 0.01) if r.random() < 0.85 else r.uniform(0.03, 0.3))
        thigh = r.uniform(0.002, 0.012) if r.random() < (0.3 if feminine else 0.08) else r.uniform(0.01, 0.034)
        hat = r.random()
        carried, size = self._bag()
        return Outfit(
            tone=round(place),
            skin=(skin * r.uniform(0.9, 1.05)).astype(np.float32),
            feminine=feminine,
            hair=self._hair(age),
            hairline=r.uniform(-0.03, 0.035),
            hair_volume=r.uniform(0.006, 0.024) + float(r.random() < 0.2) * r.uniform(0, 0.02),
            bald=not feminine and bool(r.random() < 0.05),
            long_hair=long_hair,
            hair_end=r.uniform(0.33, 0.62),
            bun=feminine and not long_hair and bool(r.random() < 0.4),
            beard=not feminine and bool(r.random() < 0.25),
            mask=bool(r.random() < 0.04),
            hat="" if hat > 0.15 else "cap" if hat < 0.08 else "beanie" if hat < 0.12 else "hood",
            hat_colour=colour(r, "top"),
            scarf=self._maybe(0.12 * cold, "top"),
            top=self._cloth("top"),
            inner=cloth(r, "top"),
            sleeve=sleeve,
            sleeve_colour=self._maybe(0.13, "top"),
            raglan=bool(r.random() < 0.5),
            hem=0.05 if dress else r.uniform(0.02, 0.12) if r.random() < 0.3 else r.uniform(-0.1, 0.03),
            hem_band=self._maybe(0.15, "top"),
            open_front=r.uniform(0.015, 0.07) if r.random() < (0.5 if jacket else 0.1) else 0.0,
            zipper=self._maybe(0.4 if jacket else 0.0, "top"),
            neck_v=r.uniform(0, 0.12) * float(r.random() < 0.35),
            neck_round=r.uniform(0, 0.05) * float(not jacket),
            collar=bool(r.random() < (0.6 if jacket else 0.25)),
            hood_down=long and bool(r.random() < 0.25),
            bottom=self._cloth("bottom"),
            skirt=skirt,
            dress=dress,
            coat=coat,
            skirt_end=r.uniform(self._knee - 0.13, self._knee + 0.28) if r.random() < 0.85 else self._ankle + 0.1,
            flare=r.uniform(0.35, 0.8) if coat else r.uniform(0.45, 1.25),
            tights=self._maybe(0.35, "bottom"),
            leg_end=self._trousers(),
            faded=r.uniform(0, 0.5) * float(r.random() < 0.3),
            side_stripe=self._maybe(0.1, "top"),
            belt=self._maybe(0.3, "shoe"),
            shoe=cloth(r, "shoe"),
            shoe_top=shoe_top,
            sole=colour(r, "shoe"),
            sock=colour(r, "shoe"),
            sock_top=shoe_top + r.uniform(0, 0.12) * float(r.random() < 0.6),
            sandals=bool(r.random() < 0.06),
            carried=carried,
            bag=cloth(r, "bag"),
            bag_size=size,
            bag_side=int(r.choice([-1, 1])),
            strap=r.uniform(0.012, 0.03),
            loose=(
                r.uniform(0.025, 0.06) if jacket or coat else r.uniform(0.006, 0.03),
                r.uniform(0.014, 0.04) if jacket or coat else r.uniform(0.006, 0.024),
                thigh,
                thigh * r.uniform(0.5, 1.4),
            ),
            wrinkles=r.uniform(0.06, 0.35),
            wrinkle_waves=(r.normal(size=(3, 3)) * r.uniform(10, 35, (3, 1))).astype(np.float32),
            stride=r.uniform(0.6, 1.2),
        )

    def _maybe(self, chance: float, kind: Kind) -> Floats | None:
        return colour(self._random, kind) if self._random.random() < chance else None

    def _cloth(self, kind: Kind) -> Cloth:
        """Some wear a colour that others here wear too."""
        shared = self._shared[kind]
        base = shared[self._random.integers(len(shared))] if self._random.random() < self._alike else None
        return cloth(self._random, kind, base)

    def _hair(self, age: float) -> Floats:
        r = self._random
        pick = r.random()
        if age > _OLD or pick > 0.95:
            return rgb(0.1, 0.03, r.uniform(0.4, 0.85))
        if pick < 0.62:
            return rgb(0.06, r.uniform(0.2, 0.6), r.uniform(0.03, 0.14))
        if pick < 0.82:
            return rgb(r.uniform(0.05, 0.09), r.uniform(0.4, 0.75), r.uniform(0.15, 0.45))
        return rgb(0.12, r.uniform(0.3, 0.6), r.uniform(0.5, 0.85)) if pick < 0.945 else rgb(r.random(), 0.8, 0.6)

    def _trousers(self) -> float:
        """Where trouser legs end: long, to the knee, below it, or short."""
        r, pick = self._random, self._random.random()
        if pick < 0.6 + 0.4 * self._cold:
            return self._ankle + r.uniform(-0.04, 0.05)
        if pick < 0.85 + 0.15 * self._cold:
            return self._knee + r.uniform(-0.05, 0.12)
        return self._knee - r.uniform(0.08, 0.22) if pick < 0.9 else r.uniform(self._knee + 0.12, self._hip - 0.1)

    def _bag(self) -> tuple[Carried, tuple[float, float, float]]:
        r, pick = self._random, self._random.random()
        if pick < 0.22:
            return "backpack", (r.uniform(0.1, 0.17), r.uniform(0.06, 0.13), r.uniform(0.15, 0.26))
        size = r.uniform(0.03, 0.07), r.uniform(0.09, 0.18), r.uniform(0.08, 0.18)
        return ("shoulder bag" if pick < 0.38 else "hand bag" if pick < 0.5 else ""), size
