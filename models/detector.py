"""`Detector`: any YOLO in ONNX, many pictures at a time."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from common.detections import Detections
from common.errors import ConfigError, ModelError
from common.geometry import clip
from common.settings import Settings
from models.coco import COCO_NAMES
from models.layouts import EXPECTED, Candidates, Layout, decode, find_layout
from models.letterbox import Fit, fit_into, place, rectangle
from models.nms import suppress
from models.pixels import CONTRACTS, Image, Pixels, fill
from models.runtime import Network


class DetectorSettings(Settings):
    """What is looked for in a frame, and how hard."""

    classes: tuple[str, ...] = Field(
        default=("person",), description="Names of the classes to keep, as the network calls them; none keeps all."
    )
    confidence: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Boxes less sure than this are dropped. Keep it low: ByteTrack lets weak boxes continue a track.",
    )
    iou: float = Field(
        default=0.7, gt=0, le=1, description="Two boxes of a class that overlap by more than this are one object."
    )
    size: int = Field(
        default=640,
        ge=64,
        le=4096,
        description="Pixels that a picture's longer side is scaled to; a graph of fixed size goes by its own.",
    )
    shape: tuple[int, int] | None = Field(
        default=None,
        description="Height and width of the network's input, multiples of 32, the same for all cameras, so that "
        "pictures of any sides' ratio go through in one batch; without it each ratio has its own, by `size`.",
    )
    min_size: float = Field(
        default=0, ge=0, description="Boxes whose longer side has fewer pixels of the frame are dropped."
    )
    max_size: float = Field(
        default=float("inf"), gt=0, description="Boxes whose longer side has more pixels of the frame are dropped."
    )
    max_detections: int = Field(default=300, ge=1, le=5000, description="At most so many boxes a picture, the surest.")
    pixels: Literal["auto", "rgb_unit", "bgr_bytes", "rgb_bytes"] = Field(
        default="auto",
        description="What the network expects of a pixel; `auto` goes by the catalog, then by the kind of YOLO.",
    )

    @field_validator("classes")
    @classmethod
    def _no_blanks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if any(not name.strip() for name in names):
            raise ValueError("a class name is empty")
        return names

    @field_validator("shape")
    @classmethod
    def _whole_cells(cls, shape: tuple[int, int] | None) -> tuple[int, int] | None:
        if shape and any(side % 32 or not 32 <= side <= 4096 for side in shape):
            raise ValueError("both sides must be multiples of 32, from 32 to 4096")
        return shape


class Detector:
    """A detection network, ready.

    It keeps its input buffers between calls, so one thread at a time may use it.

    Attributes:
        name: for messages.
        fingerprint: first 16 hexadecimal digits of the weights' SHA-256.
        names: class names; `Detections.class_id` points into them.
        layout: the kind of YOLO that was found.
        pixels: what its input is given.
        device: where it really runs: `cpu`, `cuda` or `tensorrt`.

    Raises:
        ModelError: the graph is no detector (what was found, what is expected).
        ConfigError: a class is asked for that the network does not know.
    """

    def __init__(
        self, network: Network, settings: DetectorSettings | None = None, pixels: Pixels | None = None
    ) -> None:
        self.settings = settings or DetectorSettings()
        self.name = network.name
        self.fingerprint = network.fingerprint
        self.device = network.device
        self._network = network
        self._batch, self._fixed = _input_size(network)
        if self._fixed and self.settings.shape not in (None, self._fixed):
            raise ConfigError(
                f"{self.name}: its input is fixed at {list(self._fixed)}, not {list(self.settings.shape or ())}",
                "leave `shape` out, or export the network with that shape",
            )
        self._fixed = self._fixed or self.settings.shape
        self._buffers: dict[tuple[int, int], tuple[Image, NDArray[Any]]] = {}
        self.names = _names(network)
        height, width = self._fixed or (max(64, self.settings.size // 32 * 32),) * 2
        self._output, self.layout = self._probe(height, width)
        if not self.names:
            count = self.layout.classes
            self.names = COCO_NAMES if count in (0, 80) else tuple(f"class{i}" for i in range(count))
        if self.settings.pixels != "auto":
            pixels = CONTRACTS[self.settings.pixels]
        self.pixels = pixels or CONTRACTS["bgr_bytes" if self.layout.yolox else "rgb_unit"]
        self._wanted = _wanted(self.settings.classes, self.names, self.name)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Find objects. Pictures that make an input of one shape go through the network together.

        Args:
            images: (h, w, 3) uint8 BGR each, of any sizes.

        Returns:
            For each picture its boxes in pixels of that picture, surest first: of the wanted classes, at least
            `confidence`, suppressed, cut at the picture's edges and within the size limits.
        """
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        fits = [self._fit(image) for image in images]
        for i, fit in enumerate(fits):
            groups[fit.height, fit.width].append(i)
        found: list[Detections] = [Detections.empty()] * len(images)
        for (height, width), members in groups.items():
            step = self._batch or len(members)
            for start in range(0, len(members), step):
                chunk = members[start : start + step]
                output = self._infer(height, width, [images[i] for i in chunk], [fits[i] for i in chunk])
                candidates = decode(output, self.layout, height, width, self._wanted, self.settings.confidence)
                for i, candidate in zip(chunk, candidates, strict=False):  # a fixed batch answers padding too
                    found[i] = self._finish(candidate, fits[i], images[i].shape)
        return found

    def infer_only(self, images: Sequence[Image]) -> None:
        """Run the bare network on whatever its input holds, for pictures of one shape: `detect` is compared with it."""
        height, width = self.input_shape(*images[0].shape[:2])
        step = self._batch or len(images)
        _, tensor = self._buffer(step, height, width)
        for _ in range(0, len(images), step):
            self._network.run(tensor, [self._output])

    def input_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the network's input for a picture of height × width, pixels."""
        return self._fixed or rectangle(height, width, self.settings.size)

    def _fit(self, image: Image) -> Fit:
        height, width = image.shape[:2]
        # YOLOX was trained with the picture in the corner, the other families with it in the middle.
        return fit_into(height, width, *self.input_shape(height, width), centred=not self.layout.yolox)

    def _infer(self, height: int, width: int, images: Sequence[Image], fits: Sequence[Fit]) -> NDArray[Any]:
        count = self._batch or len(images)
        canvas, tensor = self._buffer(count, height, width)
        for image, fit, target in zip(images, fits, canvas, strict=False):
            place(image, target, fit, self.pixels.pad)
        fill(tensor, canvas, self.pixels)
        return self._network.run(tensor, [self._output])[0]

    def _buffer(self, count: int, height: int, width: int) -> tuple[Image, NDArray[Any]]:
        canvas, tensor = self._buffers.get((height, width), (None, None))
        if canvas is None or tensor is None or len(canvas) < count:
            canvas = np.zeros((count, height, width, 3), np.uint8)
            tensor = np.empty((count, 3, height, width), self._network.inputs[0].dtype)
            self._buffers[height, width] = canvas, tensor
        return canvas[:count], tensor[:count]

    def _finish(self, found: Candidates, fit: Fit, shape: tuple[int, ...]) -> Detections:
        settings = self.settings
        xyxy, confidence, class_id = found.xyxy, found.confidence, found.class_id
        # Suppression compares all pairs; what cannot end among the surest is not worth comparing.
        limit = 4 * settings.max_detections
        if len(confidence) > limit:
            top = np.argpartition(-confidence, limit)[:limit]
            xyxy, confidence, class_id = xyxy[top], confidence[top], class_id[top]
        if self.layout.kind != "end_to_end":
            kept = suppress(xyxy, confidence, class_id, settings.iou)
            xyxy, confidence, class_id = xyxy[kept], confidence[kept], class_id[kept]
        boxes = np.asarray(clip(fit.back(xyxy), shape[1], shape[0]), np.float32)
        sides = boxes[:, 2:] - boxes[:, :2]
        longer = sides.max(axis=1, initial=0)
        # What is not a number compares as false, here and at the confidence's floor.
        ok = (sides > 0).all(axis=1) & (longer >= settings.min_size) & (longer <= settings.max_size)
        every = np.flatnonzero(ok)[: settings.max_detections]
        return Detections(boxes[every], confidence[every], class_id[every])

    def _probe(self, height: int, width: int) -> tuple[str, Layout]:
        """Ask the network about a picture of nothing: its answer's real shape tells its family."""
        tensor = self._network.inputs[0]
        feed = np.full((self._batch or 1, 3, height, width), 114 / 255, tensor.dtype)
        answers = self._network.run(feed)
        classes = len(self.names) or None
        for output, answer in zip(self._network.outputs, answers, strict=True):
            if answer.ndim == 3:
                return output.name, find_layout(self.name, height, width, answer[:1].astype(np.float32), classes)
        shapes = ", ".join(str(list(answer.shape)) for answer in answers)
        raise ModelError(
            f"{self.name}: is no detector that we can read: it answers {shapes}; expected {EXPECTED}",
            "take one of `edge-agent models list`",
        )


def _input_size(network: Network) -> tuple[int | None, tuple[int, int] | None]:
    """Fixed batch size and fixed (height, width) of a detector's input; None where they are free."""
    first = network.inputs[0]
    kind = first.dtype.kind
    if len(first.shape) != 4 or first.shape[1] not in (3, None) or kind != "f":
        raise ModelError(
            f"{network.name}: is no detector that we can read: its input is {first}; "
            "expected [b, 3, height, width] in floating point",
            "take one of `edge-agent models list`",
        )
    batch, _, height, width = first.shape
    return batch, (height, width) if height and width else None


def _names(network: Network) -> tuple[str, ...]:
    """Class names from the graph's notes: a list or a mapping, as JSON or as Python writes it."""
    text = network.metadata.get("names", "")
    value: Any = None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
            break
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value, key=int)]
    return tuple(str(name) for name in value) if isinstance(value, list | tuple) else ()


def _wanted(classes: Sequence[str], names: Sequence[str], detector: str) -> NDArray[np.intp]:
    if not classes:
        return np.arange(len(names))
    index = {name: i for i, name in enumerate(names)}
    unknown = [name for name in classes if name not in index]
    if unknown:
        shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise ConfigError(
            f"{detector}: knows no class '{unknown[0]}'", f"it knows {shown}; put one of them in `classes`"
        )
    return np.asarray(sorted({index[name] for name in classes}), np.intp)
