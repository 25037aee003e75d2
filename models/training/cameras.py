"""Generated cameras: each hangs somewhere, sees in its own light and colours, and blurs and packs its own way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

_BRIGHTEST: Final = 0.97  # share of a picture that is darker than what a camera takes for its brightest parts


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What all pictures of one camera have in common.

    Attributes:
        pitch: degrees it looks down.
        distance: metres to people in the middle of its view.
        sun: (3,) where the strongest light comes from, seen from the camera: right, away, up.
        direct: strength of that light; `ambient` of the rest.
        direct_tint: (3,) its colour; `ambient_tint` that of the rest.
        exposure, gamma, saturation, haze: of the picture as a whole; `balance` (3,) gains of the channels.
        automatic: how far it corrects its exposure, 0–1, until the brightest parts reach `white`; `black` is lost.
        detail: share of the resolution that is really there; `blur` in pixels of a picture 64 wide; `sharpen` times
            what a blur of one pixel takes away is added, as most cameras do.
        noise: standard deviation, 0–1; `quality` of the JPEG compression, 0 for none.
        seed: of its background.
    """

    pitch: float
    distance: float
    sun: Floats
    direct: float
    ambient: float
    direct_tint: Floats
    ambient_tint: Floats
    exposure: float
    balance: Floats
    gamma: float
    saturation: float
    haze: float
    automatic: float
    white: float
    black: float
    detail: float
    blur: float
    sharpen: float
    noise: float
    quality: int
    seed: int


def camera(random: np.random.Generator) -> Camera:
    """Draw a camera. The spreads were set so that sharpness, brightness and colour of crops are like real video's."""
    r = random
    sun = r.normal(size=3) * [1, 0.7, 0.4] + [0, -0.5, 0.9]
    warm = np.array([1, 0.1, -1])
    return Camera(
        pitch=min(40.0, 4 + abs(r.normal(0, 13))),
        distance=r.uniform(4, 14),
        sun=(sun / np.linalg.norm(sun)).astype(np.float32),
        direct=r.uniform(0.2, 1.0),
        ambient=r.uniform(0.45, 0.95),
        direct_tint=(1 + r.normal(0, 0.05) * warm).astype(np.float32),
        ambient_tint=(1 + r.normal(0, 0.04) * warm).astype(np.float32),
        exposure=float(np.exp(r.normal(0, 0.14))),
        balance=np.clip(1 + r.normal(0, 0.045, 3), 0.85, 1.15).astype(np.float32),
        gamma=r.uniform(0.8, 1.15),
        saturation=r.uniform(0.6, 1.1),
        haze=r.uniform(0, 0.12) if r.random() < 0.4 else 0.0,
        automatic=r.uniform(0.2, 1),
        white=r.uniform(0.75, 1.1),
        black=r.uniform(0, 0.1) if r.random() < 0.5 else 0.0,
        detail=r.uniform(0.5, 1.0) if r.random() < 0.4 else 1.0,
        blur=r.uniform(0.2, 0.8) if r.random() < 0.5 else 0.0,
        sharpen=r.uniform(0, 1.5) if r.random() < 0.6 else 0.0,
        noise=r.uniform(0, 0.015),
        quality=int(r.uniform(40, 96)) if r.random() < 0.8 else 0,
        seed=int(r.integers(2**31)),
    )


def moment(camera: Camera, random: np.random.Generator) -> Camera:
    """The same camera as somebody passes through one place of its view: light and distance differ a little."""
    r = random
    sun = camera.sun + r.normal(0, 0.25, 3).astype(np.float32)
    return replace(
        camera,
        pitch=float(np.clip(camera.pitch + r.normal(0, 4), 0, 50)),
        distance=camera.distance * r.uniform(0.7, 1.4),
        sun=(sun / np.linalg.norm(sun)).astype(np.float32),
        direct=camera.direct * r.uniform(0.7, 1.2),
        ambient=camera.ambient * r.uniform(0.85, 1.12),
        exposure=camera.exposure * float(np.exp(r.normal(0, 0.06))),
        blur=camera.blur + (r.uniform(0, 0.5) if r.random() < 0.2 else 0.0),
    )


def develop(camera: Camera, random: np.random.Generator, image: Floats) -> Picture:
    """Turn light into the camera's picture.

    Args:
        camera: its colours, blur, noise and packing.
        random: for the noise.
        image: (h, w, 3) RGB, 0–1 and beyond.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    out = np.clip(image * camera.exposure, 0, 1.4) * camera.balance
    grey = out.mean(2, keepdims=True)
    out = np.clip(grey + (out - grey) * camera.saturation, 0, None) ** camera.gamma
    out = out * (1 - camera.haze) + camera.haze
    brightest = max(float(np.quantile(out[::4, ::4], _BRIGHTEST)), 0.1)
    out = out * (camera.white / brightest) ** camera.automatic
    out = np.clip((out - camera.black) / (1 - camera.black), 0, 1).astype(np.float32)
    if camera.detail < 1:
        small = max(16, round(width * camera.detail)), max(32, round(height * camera.detail))
        out = cv2.resize(cv2.resize(out, small, interpolation=cv2.INTER_AREA), (width, height))
    if camera.blur:
        out = cv2.GaussianBlur(out, (0, 0), camera.blur)
    if camera.sharpen:
        out = out + camera.sharpen * (out - cv2.GaussianBlur(out, (0, 0), 1.0))
    out = out + random.normal(0, camera.noise, out.shape)
    picture: Picture = (np.clip(out, 0, 1) * 255).astype(np.uint8)
    if camera.quality:
        bgr = np.ascontiguousarray(picture[..., ::-1])
        packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])[1]
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    return np.ascontiguousarray(picture)
