"""A Kalman filter for many boxes at once, in closed form.

A box is its centre, width and height (cx, cy, w, h), and each of the four moves at a constant velocity that
acceleration noise changes slowly. The four do not depend on one another, so the 8×8 filter falls apart into four
2×2 filters of position and velocity whose equations are short enough to write out; each line below is done for
all four and for all tracks of all cameras together.

Formulas: Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, chapters
5.2 (filter) and 6.2.2 (white-noise acceleration). Time is in seconds, so frame rates may differ and change.

A block of states is (20, n) float64: rows 0–3 position (cx, cy, w, h; pixels), 4–7 velocity (pixels/s), 8–11
variance of the position, 12–15 covariance of position and velocity, 16–19 variance of the velocity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

States = NDArray[np.float64]
ROWS = 20
POSITION, VELOCITY = slice(0, 4), slice(4, 8)
VAR_POSITION, COVARIANCE, VAR_VELOCITY = slice(8, 12), slice(12, 16), slice(16, 20)

# All noise is in shares of the box's size, the square root of its area, so that near and far, large and small, people
# and cars are alike. The amounts are what people under a camera that stands still show (in public recordings from
# above and at eye level); a camera that moves is `camera_motion`'s business. SORT's and ByteTrack's amounts are
# several times larger, as they must cover both.
EDGE_ERROR = 0.03  # of each edge of a box that the detector is sure of,
EDGE_ERROR_UNSURE = 0.15  # and this much more as confidence falls to 0
# Each edge errs for itself: the centre, half the sum of two edges, by √½ of that, the side, their difference, by √2.
EDGES = np.array([[0.5], [0.5], [2.0], [2.0]])
DRIFT = np.array([[0.18], [0.18], [0.06], [0.06]]) ** 2  # by what velocities change in a second
START_VELOCITY = np.array([[2.25], [2.25], [0.15], [0.15]]) ** 2  # of what is seen for the first time, sizes/s


def from_xyxy(xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Boxes (4, n) left, top, right, bottom → (4, n) cx, cy, w, h."""
    out = np.empty(xyxy.shape)
    np.add(xyxy[:2], xyxy[2:], out=out[:2])
    out[:2] *= 0.5
    np.subtract(xyxy[2:], xyxy[:2], out=out[2:])
    return out


def to_xyxy(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, n) cx, cy, w, h → (4, n) left, top, right, bottom."""
    out = np.empty_like(boxes)
    half = boxes[2:] * 0.5
    np.subtract(boxes[:2], half, out=out[:2])
    np.add(boxes[:2], half, out=out[2:])
    return out


def start(boxes: NDArray[np.float64], confidence: NDArray[np.float64]) -> States:
    """States of objects seen once, at (4, n) cx, cy, w, h: how fast they go is unknown."""
    states = np.zeros((ROWS, boxes.shape[1]))
    states[POSITION] = boxes
    states[VAR_POSITION] = _measurement_variance(boxes, confidence)
    states[VAR_VELOCITY] = _area(boxes) * START_VELOCITY
    return states


def predict(states: States, seconds: NDArray[np.float64]) -> None:
    """Move states (20, n) on by `seconds` (n,) each, in place."""
    position, velocity = states[POSITION], states[VELOCITY]
    pp, pv, vv = states[VAR_POSITION], states[COVARIANCE], states[VAR_VELOCITY]
    drift = (_area(position) * seconds) * DRIFT
    position += velocity * seconds
    np.maximum(position[2:], 1.0, out=position[2:])  # a box that was shrinking does not turn inside out
    gained = vv * seconds
    half = drift * (seconds * 0.5)
    pp += (2.0 * pv + gained + half * (2 / 3)) * seconds
    pv += gained
    pv += half
    vv += drift


def update(states: States, boxes: NDArray[np.float64], confidence: NDArray[np.float64]) -> States:
    """States (20, n), predicted, after seeing `boxes` (4, n) cx, cy, w, h with `confidence` (n,)."""
    pp, pv = states[VAR_POSITION], states[COVARIANCE]
    scale = 1.0 / (pp + _measurement_variance(states[POSITION], confidence))
    gain_position, gain_velocity = pp * scale, pv * scale
    surprise = boxes - states[POSITION]
    out = states.copy()
    out[POSITION] += gain_position * surprise
    out[VELOCITY] += gain_velocity * surprise
    out[VAR_VELOCITY] -= gain_velocity * pv
    out[COVARIANCE] -= gain_position * pv
    out[VAR_POSITION] -= gain_position * pp
    np.maximum(out[2:4], 1.0, out=out[2:4])
    return out


def _measurement_variance(boxes: NDArray[np.float64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, n) pixels²: boxes the detector doubts are mostly boxes of what is half hidden, cut where it is hidden."""
    error = (EDGE_ERROR + EDGE_ERROR_UNSURE) - EDGE_ERROR_UNSURE * confidence
    variance: NDArray[np.float64] = (error * error * _area(boxes)) * EDGES
    return variance


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) pixels², at least 1."""
    area: NDArray[np.float64] = np.maximum(boxes[2] * boxes[3], 1.0)
    return area
