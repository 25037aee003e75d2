"""The network: OSNet x0.25 with a second, untrained look at colours, joined by a learned layer.

OSNet (Zhou et al., 2019, "Omni-Scale Feature Learning for Person Re-Identification") from the paper's description: Lite
3x3 streams of one to four layers, mixed by a shared gate. Instance normalisation stands in the stem and in two blocks
(as in OSNet-AIN, Zhou et al., 2021), which takes a camera's colours and contrast away. It works on 128x64: crops of
256x128 are averaged down first, so every step of training and of use costs a quarter.

What the last layer gets: the mean over the picture, four strips of it from head to foot, and the colours and textures
in eight strips (`models.training.colours`).
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from models.training.colours import DESCRIPTORS, describe

CHANNELS: Final = (16, 64, 96, 128)
DIMENSIONS: Final = 512
STRIPS: Final = 4
STRIP_CHANNELS: Final = 48
_GATE: Final = 16  # a gate's hidden layer is that many times smaller


class Unit(nn.Sequential):
    """Convolution, batch normalisation and, as a rule, a ReLU."""

    def __init__(self, inputs: int, outputs: int, *, active: bool = True) -> None:
        layers = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if active else []))


class Lite(nn.Module):
    """A 3x3 convolution split into one across channels and one across places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.across = nn.Conv2d(channels, channels, 1, bias=False)
        self.around = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        """(b, c, h, w) → the same."""
        return functional.relu(self.norm(self.around(self.across(x))), inplace=True)


class Gate(nn.Module):
    """Weights a stream's channels by what the whole picture shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(1, channels // _GATE)
        self.narrow = nn.Conv2d(channels, hidden, 1)
        self.widen = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Any) -> Any:
        """(b, c, h, w) → the same."""
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.widen(functional.relu(self.narrow(mean))))


class Block(nn.Module):
    """Four streams that see 3, 5, 7 and 9 pixels far, mixed, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, *, instance: bool = False) -> None:
        super().__init__()
        middle = outputs // 4
        self.reduce = Unit(inputs, middle)
        self.streams = nn.ModuleList(nn.Sequential(*(Lite(middle) for _ in range(depth))) for depth in (1, 2, 3, 4))
        self.gate = Gate(middle)
        self.expand = Unit(middle, outputs, active=False)
        self.shortcut = Unit(inputs, outputs, active=False) if inputs != outputs else nn.Identity()
        self.instance = nn.InstanceNorm2d(outputs, affine=True) if instance else nn.Identity()

    def forward(self, x: Any) -> Any:
        """(b, inputs, h, w) → (b, outputs, h, w)."""
        small = self.reduce(x)
        mixed = sum(self.gate(stream(small)) for stream in self.streams)
        return functional.relu(self.instance(self.expand(mixed) + self.shortcut(x)), inplace=True)


class Network(nn.Module):
    """Crops → embeddings, not normalised."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = CHANNELS
        self.stem = nn.Sequential(nn.Conv2d(3, a, 7, 2, 3, bias=False), nn.InstanceNorm2d(a, affine=True))
        self.coarse = nn.Sequential(Block(a, b), Block(b, b, instance=True), Unit(b, b), nn.AvgPool2d(2))
        self.middle = nn.Sequential(Block(b, c), Block(c, c, instance=True), Unit(c, c), nn.AvgPool2d(2))
        self.fine = nn.Sequential(Block(c, d), Block(d, d), Unit(d, d))
        self.strips = Unit(d, STRIP_CHANNELS)
        self.colour_norm = nn.BatchNorm1d(DESCRIPTORS)
        self.join_deep = nn.Linear(d + STRIPS * STRIP_CHANNELS, DIMENSIONS, bias=False)
        self.join_colour = nn.Linear(DESCRIPTORS, DIMENSIONS, bias=False)
        self.norm = nn.BatchNorm1d(DIMENSIONS)
        self.norm_deep = nn.BatchNorm1d(DIMENSIONS)  # for learning only
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Any) -> Any:
        """(b, 3, 128, 64) RGB, ImageNet's mean and deviation taken out → (b, 512)."""
        return self.both(images)[0]

    def both(self, images: Any) -> tuple[Any, Any]:
        """Embeddings, and those without the colours' part.

        What the colours tell at once would leave the convolutions little to learn, so they are taught alone too.
        """
        x = functional.max_pool2d(functional.relu(self.stem(images)), 3, 2, 1)
        x = self.fine(self.middle(self.coarse(x)))
        rows = functional.adaptive_avg_pool2d(self.strips(x), (STRIPS, 1)).flatten(1)
        with torch.no_grad():
            colours = describe(images)
        deep = self.join_deep(torch.cat([x.mean((2, 3)), rows], 1))
        return self.norm(deep + self.join_colour(self.colour_norm(colours))), self.norm_deep(deep)
