"""What is learned by: pictures of one person closer than those of others, here and lately."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch.nn import functional

_TEMPERATURE: Final = 0.1
_SHARPNESS: Final = 10.0
_MARGIN: Final = 0.1
_NOBODY: Final = -1e4


class Lately:
    """Embeddings of the last batches: more strangers to compare with, at no cost (cross-batch memory, Wang 2020)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._embeddings: Any = None
        self._people: Any = None

    def add(self, embeddings: Any, people: Any) -> None:
        """Remember unit embeddings (b, d) of people (b,)."""
        kept = embeddings.detach()
        if self._embeddings is not None:
            kept, people = torch.cat([kept, self._embeddings]), torch.cat([people, self._people])
        self._embeddings, self._people = kept[: self._size], people[: self._size]

    def strangers(self, embeddings: Any, people: Any) -> Any:
        """(b, m) cosines, far below any where it is the same person; None at first."""
        if self._embeddings is None:
            return None
        cosine = embeddings @ self._embeddings.t()
        return cosine.masked_fill(people[:, None] == self._people[None], _NOBODY)


def contrast(
    embeddings: Any, people: Any, lately: Lately | None = None, apart: Any = None
) -> tuple[Any, Any]:
    """The loss of a batch.

    Every pair of one person against all strangers (N-pair loss, Sohn 2016), and the farthest own against the nearest
    stranger (batch-hard triplet, Hermans 2017, with a soft margin).

    Args:
        embeddings: (b, d) not normalised.
        people: (b,) whose they are.
        lately: more strangers.
        apart: (b, b) bool, who are surely two people; all that are not one person when None.

    Returns:
        The loss, and the share of pictures whose nearest other one is the same person's.
    """
    unit = functional.normalize(embeddings)
    cosine = unit @ unit.t()
    same = people[:, None] == people[None]
    own = same & ~torch.eye(len(people), dtype=torch.bool, device=same.device)
    # A row without any stranger shall be worth nothing, and -inf has no gradient: -1e4 is as good.
    others = cosine.masked_fill(same if apart is None else ~apart, _NOBODY)
    older = lately.strangers(unit, people) if lately is not None else None
    strangers = torch.cat([others, older], 1) if older is not None else others
    against = torch.logsumexp(strangers / _TEMPERATURE, 1)
    pairs = functional.softplus(against[:, None] - cosine / _TEMPERATURE)[own].mean()
    farthest = cosine.masked_fill(~own, torch.inf).min(1).values
    nearest = others.max(1).values
    hardest = functional.softplus(_SHARPNESS * (nearest - farthest + _MARGIN)).mean() / 2
    if lately is not None:
        lately.add(unit, people)
    right = (cosine.masked_fill(~own, -torch.inf).max(1).values > nearest).float().mean()
    return pairs + hardest, right
