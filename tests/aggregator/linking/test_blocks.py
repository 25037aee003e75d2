"""Large work is done block by block, by whoever has time."""

from __future__ import annotations

import numpy as np
import pytest

from aggregator.linking.blocks import in_blocks


@pytest.mark.parametrize("count", [0, 1, 63, 64, 1000, 1023])
def test_every_block_is_done_once(count: int) -> None:
    done = np.zeros(count, int)

    def work(part: slice) -> None:
        done[part] += 1

    in_blocks(count, 64, work)
    assert (done == 1).all()


def test_what_fails_in_a_block_is_told() -> None:
    def work(part: slice) -> None:
        if part.start == 640:
            raise ValueError("this one")

    with pytest.raises(ValueError, match="this one"):
        in_blocks(1024, 64, work)
