"""Colours and textures of a crop in eight strips from head to foot: reckoned, not learned.

The same reckoning as `models.export.colours` writes into a graph, at the size that the network works on.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from models.export import colours as graph
from models.pixels import IMAGENET_MEAN, IMAGENET_STD

DESCRIPTORS: Final = graph.DIMENSIONS

_MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
_DEVIATION = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
_LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
_PLANE = torch.tensor([[2**-0.5, -(2**-0.5), 0], [6**-0.5, 6**-0.5, -2 * 6**-0.5]]).view(2, 3, 1, 1)
_ANGLES = torch.arange(graph.HUES) * (2 * np.pi / graph.HUES)
_AROUND = torch.stack([_ANGLES.cos(), _ANGLES.sin()], 1).view(graph.HUES, 2, 1, 1)
_CENTRES = torch.linspace(0, 1, graph.LIGHTS).view(1, -1, 1, 1)
_X = torch.tensor([[-1.0, 0, 1]] * 3) / 6
_KERNELS = torch.stack([_X, _X.T, (_X + _X.T) * 2**-0.5, (_X - _X.T) * 2**-0.5])[:, None]
_WINDOW = torch.from_numpy(graph.windows())


def describe(images: Any) -> Any:
    """(b, 3, 128, 64) as the network gets them → (b, `DESCRIPTORS`), unit length."""
    device = images.device
    small = functional.avg_pool2d(images.float(), 2) * _DEVIATION.to(device) + _MEAN.to(device)
    light = (small * _LUMA.to(device)).sum(1, keepdim=True)
    plane = functional.conv2d(small, _PLANE.to(device))
    length = ((plane * plane).sum(1, keepdim=True) + 1e-8).sqrt()
    squared = (length / (light + 0.1)) ** 2
    chromatic = squared / (squared + graph.COLOURFUL**2)
    hue = functional.relu(functional.conv2d(plane, _AROUND.to(device)) / length) ** 4
    hue = hue / (hue.sum(1, keepdim=True) + 1e-6) * chromatic
    adapted = (0.45 / (light.mean((1, 2, 3), keepdim=True) + 0.02)) ** graph.ADAPT
    value = (light * adapted).clamp(max=1.0)
    bins = functional.relu(1 - (value - _CENTRES.to(device)).abs() * (graph.LIGHTS - 1))
    change = functional.conv2d((light.clamp(min=-0.04) + 0.05).log(), _KERNELS.to(device), padding=1).abs()
    window = _WINDOW.to(device)
    colour = _shares(torch.cat([hue, bins * (1 - chromatic)], 1).flatten(2) @ window, 1e-6)
    texture = _shares(change.flatten(2) @ window, 0.05)
    colour = colour - graph.EVEN / (graph.HUES + graph.LIGHTS) ** 0.5
    texture = texture - graph.EVEN / graph.DIRECTIONS**0.5
    return functional.normalize(torch.cat([colour, texture * graph.TEXTURE], 1).flatten(1))


def _shares(votes: Any, floor: float) -> Any:
    return (votes / (votes.sum(1, keepdim=True) + floor) + 1e-7).sqrt()
