"""A Kalman filter for many boxes at once, in closed form.

A box is its centre, width and height (cx, cy, w, h), and each of the four moves at a constant velocity that
acceleration noise changes slowly. The four do not depend on one another, so the 8×8 filter falls apart into four
2×2 filters of position and velocity whose equations are short enough to write out; each line below is done for
all four and for all tracks of all cameras together.

Formulas: Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, chapters
5.2 (filter) and 6.2 (white-noise acceleration). Time is in seconds, so frame rates may differ and change.

A block of states is (20, n) float64: rows 0–3 position (cx, cy, w, h; pixels), 4–7 velocity (pixels/s), 8–11
variance of the position, 12–15 covariance of position and velocity, 16–19 variance of the velocity.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

States = NDArray[np.float64]
ROWS = 20
POSITION, VELOCITY = slice(0, 4), slice(4, 8)
VAR_POSITION, COVARIANCE, VAR_VELOCITY = slice(8, 12), slice(12, 16), slice(16, 20)

# Standard deviations as shares of the box's height, as usual since SORT and ByteTrack: of a measurement, and of what
# the velocity picks up in a second.
MEASUREMENT = 1 / 20
POSITION_DRIFT = 1 / 20 * 30**0.5
VELOCITY_DRIFT = 30 * 1 / 160 * 30**0.5


def from_xyxy(xyxy: NDArray[np.floating]) -> NDArray[np.float64]:
    """Boxes (n, 4) left, top, right, bottom → (4, n) cx, cy, w, h."""
    columns = xyxy.T.astype(np.float64)
    out = np.empty_like(columns)
    np.add(columns[:2], columns[2:], out=out[:2])
    out[:2] *= 0.5
    np.subtract(columns[2:], columns[:2], out=out[2:])
    return out


def to_xyxy(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, n) cx, cy, w, h → (4, n) left, top, right, bottom."""
    out = np.empty_like(boxes)
    half = boxes[2:] * 0.5
    np.subtract(boxes[:2], half, out=out[:2])
    np.add(boxes[:2], half, out=out[2:])
    return out


def start(boxes: NDArray[np.float64]) -> States:
    """States of objects seen once, at (4, n) cx, cy, w, h: they stand still, and how fast they go is unknown."""
    states = np.zeros((ROWS, boxes.shape[1]))
    states[POSITION] = boxes
    height = np.maximum(boxes[3], 1.0)
    states[VAR_POSITION] = (2 * MEASUREMENT * height) ** 2
    states[VAR_VELOCITY] = (30 * height / 16) ** 2
    return states


def predict(states: States, seconds: NDArray[np.float64]) -> States:
    """States (20, n) after another `seconds` (n,) each; the given ones stay as they are."""
    out = states.copy()
    position, velocity = out[POSITION], out[VELOCITY]
    pp, pv, vv = out[VAR_POSITION], out[COVARIANCE], out[VAR_VELOCITY]
    height2 = np.maximum(position[3], 1.0) ** 2
    position += velocity * seconds
    step = vv * seconds
    pp += seconds * (2 * pv + step)
    pp += height2 * seconds * POSITION_DRIFT**2
    pv += step
    vv += height2 * seconds * VELOCITY_DRIFT**2
    return out


def update(states: States, boxes: NDArray[np.float64]) -> States:
    """States (20, n), predicted, after seeing `boxes` (4, n) cx, cy, w, h."""
    out = states.copy()
    pp, pv = states[VAR_POSITION], states[COVARIANCE]
    height = np.maximum(states[3], 1.0)
    gain_scale = 1.0 / (pp + (height * MEASUREMENT) ** 2)
    gain_position, gain_velocity = pp * gain_scale, pv * gain_scale
    surprise = boxes - states[POSITION]
    out[POSITION] += gain_position * surprise
    out[VELOCITY] += gain_velocity * surprise
    out[VAR_VELOCITY] -= gain_velocity * pv
    out[COVARIANCE] -= gain_position * pv
    out[VAR_POSITION] -= gain_position * pp
    return out
