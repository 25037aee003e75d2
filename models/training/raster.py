"""From vertices to pixels: skinning and a z-buffer, compiled by numba."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from common.errors import ConfigError

try:
    from numba import njit
except ImportError as error:
    raise ConfigError("generating people needs the package numba", "pip install 'passage[train]'") from error

_compiled: Callable[[Any], Any] = njit(fastmath=True, cache=True, nogil=True)


@_compiled
def normals(vertices: Any, faces: Any) -> Any:
    """(v, 3) unit normals of the vertices, the faces' areas as weights."""
    result = np.zeros_like(vertices)
    for f in range(len(faces)):
        a, b, c = faces[f]
        ux = vertices[b, 0] - vertices[a, 0]
        uy = vertices[b, 1] - vertices[a, 1]
        uz = vertices[b, 2] - vertices[a, 2]
        vx = vertices[c, 0] - vertices[a, 0]
        vy = vertices[c, 1] - vertices[a, 1]
        vz = vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            result[k, 0] += x
            result[k, 1] += y
            result[k, 2] += z
    for i in range(len(vertices)):
        length = math.sqrt(result[i, 0] ** 2 + result[i, 1] ** 2 + result[i, 2] ** 2) + 1e-9
        for j in range(3):
            result[i, j] /= length
    return result


@_compiled
def chain(rotations: Any, joints: Any, parents: Any) -> Any:
    """(b, 3, 4) transforms of the bones: every one turned about its own joint, then moved with its parent."""
    count = len(parents)
    result = np.zeros((count, 3, 4), np.float32)
    own = np.zeros((3, 4), np.float32)
    for b in range(count):
        for i in range(3):
            shift = joints[b, i]
            for j in range(3):
                own[i, j] = rotations[b, i, j]
                shift -= rotations[b, i, j] * joints[b, j]
            own[i, 3] = shift
        p = parents[b]
        for i in range(3):
            for j in range(4):
                if p < 0:
                    result[b, i, j] = own[i, j]
                    continue
                s = result[p, i, 0] * own[0, j] + result[p, i, 1] * own[1, j] + result[p, i, 2] * own[2, j]
                result[b, i, j] = s + result[p, i, 3] if j == 3 else s
    return result


@_compiled
def skin(vertices: Any, weights: Any, bones: Any, transforms: Any) -> Any:
    """(v, 3) vertices moved by their bones (linear blend skinning)."""
    result = np.zeros_like(vertices)
    for v in range(len(vertices)):
        x, y, z = vertices[v]
        for k in range(4):
            w = weights[v, k]
            if w < 1e-4:
                continue
            t = transforms[bones[v, k]]
            for i in range(3):
                result[v, i] += w * (t[i, 0] * x + t[i, 1] * y + t[i, 2] * z + t[i, 3])
    return result


@_compiled
def rasterise(screen: Any, faces: Any, part: Any, heights: Any, span: Any, shown: Any, height: int, width: int) -> Any:
    """Which face is seen where.

    Args:
        screen: (v, 3) x and y in pixels, z the distance.
        faces: (f, 3); `part` (f,) what each belongs to.
        heights: (v,) height on the neutral body; a part is cut off outside its `span`.
        span: (parts, 2) lowest and highest, metres.
        shown: (parts,) bool.
        height: of the picture; `width` too.

    Returns:
        (height, width) int32 faces, -1 for none, and (height, width, 3) float32 weights of their corners.
    """
    near = np.full((height, width), 1e9, np.float32)
    face = np.full((height, width), -1, np.int32)
    corners = np.zeros((height, width, 3), np.float32)
    for f in range(len(faces)):
        kind = part[f]
        if not shown[kind]:
            continue
        a, b, c = faces[f]
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9 or (kind == 0 and area >= 0):  # the body is closed: its far side is never seen
            continue
        left = max(0, math.ceil(min(ax, bx, cx) - 0.5))
        right = min(width - 1, math.floor(max(ax, bx, cx) - 0.5))
        top = max(0, math.ceil(min(ay, by, cy) - 0.5))
        bottom = min(height - 1, math.floor(max(ay, by, cy) - 0.5))
        inverse = 1.0 / area
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                w2 = 1 - w0 - w1
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                z = w0 * screen[a, 2] + w1 * screen[b, 2] + w2 * screen[c, 2]
                if z >= near[y, x]:
                    continue
                level = w0 * heights[a] + w1 * heights[b] + w2 * heights[c]
                if level < span[kind, 0] or level > span[kind, 1]:
                    continue
                near[y, x] = z
                face[y, x] = f
                corners[y, x, 0] = w0
                corners[y, x, 1] = w1
                corners[y, x, 2] = w2
    return face, corners


@_compiled
def interpolate(pixels: Any, face: Any, corners: Any, faces: Any, values: Any) -> Any:
    """(n, k) values of the vertices (v, k) at flat pixel numbers (n,)."""
    result = np.empty((len(pixels), values.shape[1]), np.float32)
    width = face.shape[1]
    for i in range(len(pixels)):
        y, x = pixels[i] // width, pixels[i] % width
        a, b, c = faces[face[y, x]]
        w0, w1, w2 = corners[y, x]
        for j in range(values.shape[1]):
            result[i, j] = w0 * values[a, j] + w1 * values[b, j] + w2 * values[c, j]
    return result
