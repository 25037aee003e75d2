from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.api.picture_size import picture_size

KINDS = [(".png", []), (".jpg", []), (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
         (".webp", [cv2.IMWRITE_WEBP_QUALITY, 80]), (".webp", [cv2.IMWRITE_WEBP_QUALITY, 101])]


def encoded(kind, options, width=37, height=91, channels=3):
    picture = np.random.default_rng(0).integers(0, 255, (height, width, channels), np.uint8)
    return cv2.imencode(kind, picture, options)[1].tobytes()


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_size_is_what_the_decoder_finds(kind, options):
    assert picture_size(encoded(kind, options)) == (37, 91)


def test_webp_with_transparency():
    assert picture_size(encoded(".webp", [cv2.IMWRITE_WEBP_QUALITY, 80], channels=4)) == (37, 91)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_cut_file_never_raises(kind, options):
    data = encoded(kind, options)
    for length in range(min(len(data), 200)):
        assert picture_size(data[:length]) in (None, (37, 91))


@given(st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFFxxxxWEBPVP8X", b""]), st.binary(max_size=60))
def test_nonsense_never_raises(start, rest):
    picture_size(start + rest)
