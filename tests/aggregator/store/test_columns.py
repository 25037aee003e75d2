"""Arrays and blobs."""

from __future__ import annotations

import numpy as np

from aggregator.store.columns import floats


def test_sixteen_bits_become_the_same_numbers_whatever_they_are() -> None:
    every = np.arange(1 << 16, dtype="<u2").view("<f2")
    found = floats(every.tobytes())
    fine = np.isfinite(every)
    np.testing.assert_array_equal(found[fine].view(np.uint32), every[fine].astype(np.float32).view(np.uint32))
    assert (np.abs(found[~fine]) >= 65_536).all()
    assert floats(b"").shape == (0,)
