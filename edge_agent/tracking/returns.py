"""A lost track that comes back where motion did not expect it, known by its looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from edge_agent.tracking.appearance import Embeddings, Looks
from edge_agent.tracking.association import Ints
from edge_agent.tracking.table import TrackTable

LEAST_EVIDENCE = 2.0  # nats for the same person, against somebody new
PACE = 2.0  # how far it may have gone in a second, in sizes (root of the area): a brisk walk
REACH = 1.0  # and how far off it may be at once
ALIKE = 0.4  # by how much the logarithms of the two sizes may differ


def candidates(tracks: TrackTable, new: Ints, lost: Ints) -> tuple[Ints, Ints]:
    """Pairs of a new track and a lost one, positions in `new` and `lost`, that may be one by place, size and class."""
    a, b = tracks.state[:4, new], tracks.state[:4, lost]
    size_a, size_b = np.sqrt(a[2] * a[3]), np.sqrt(b[2] * b[3])
    way = np.hypot(a[0][:, None] - b[0], a[1][:, None] - b[1])
    near = way < (REACH + PACE * tracks.unseen[lost]) * size_b
    near &= np.abs(np.log(size_a[:, None] / size_b)) < ALIKE
    near &= tracks.camera[new][:, None] == tracks.camera[lost]
    near &= tracks.class_id[new][:, None] == tracks.class_id[lost]
    i, j = near.nonzero()
    return i, j


def recognise(
    looks: Looks, tracks: TrackTable, new: Ints, lost: Ints, pairs: tuple[Ints, Ints], embeddings: Embeddings
) -> tuple[Ints, Ints]:
    """Which new tracks are lost ones come back.

    Args:
        looks: what tracks look like.
        tracks: all of them.
        new: (k,) rows of tracks about to be told of for the first time.
        lost: (l,) rows of tracks that wait to come back.
        pairs: as `candidates` gave them.
        embeddings: (k, d) of what the new ones were seen as just now; rows of those in no pair do not matter.

    Returns:
        Rows of new tracks and of the lost ones that they are.
    """
    i, j = pairs
    names = list(zip(tracks.camera[lost].tolist(), tracks.id[lost].tolist(), strict=True))
    gain: NDArray[np.float64] = np.zeros((len(new), len(lost)))
    gain[i, j] = np.maximum(looks.evidence([names[k] for k in j.tolist()], embeddings[i]) - LEAST_EVIDENCE, 0.0)
    i, j = linear_sum_assignment(gain, maximize=True)
    real = gain[i, j] > 0
    return new[i[real]], lost[j[real]]
