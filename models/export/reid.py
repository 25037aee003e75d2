"""A trained network of `models.training` → ONNX, without torch: batch normalisations folded, both mirrorings averaged.

Contract: `images` [b, 3, 256, 128], RGB, ImageNet's mean and deviation; `embedding` [b, 512], not normalised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.export import colours
from models.export.graph import Graph

Arrays = Mapping[str, NDArray[Any]]

_EPSILON: Final = 1e-5
_STREAMS: Final = 4


def export_reid(
    weights: Arrays,
    name: str,
    *,
    mirrored: bool = False,
    plain: float = 0.0,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Write the graph.

    Args:
        weights: the averaged network of a checkpoint, by the names of `models.training.network.Network`.
        name: of the graph.
        mirrored: embed every crop and its mirror image, and take the mean: twice the time.
        plain: how much the colours as they were reckoned weigh beside what was learned (1: as much). They know nothing,
            but have nothing of generated people in them either. The learned part then gives them room: it is turned to
            where its numbers vary most, and the last of them are left out.
        notes: more metadata.

    Raises:
        ModelError: arrays lack, so these are weights of something else.
    """
    writer = _Writer(weights)
    try:
        images = writer.graph.add("AveragePool", "images", kernel_shape=[2, 2], strides=[2, 2])
        deep = writer.deep(images)
        if mirrored:
            ends = [writer.graph.integers(value) for value in (-1, -(2**62), 3, -1)]
            deep = writer.graph.add("Add", deep, writer.deep(writer.graph.add("Slice", images, *ends)))
            deep = writer.graph.add("Mul", deep, writer.graph.constant(0.5))
        answer, dimensions = writer.join(deep, colours.describe(writer.graph, images, 2), plain)
    except KeyError as error:
        raise ModelError(f"these are no weights of the re-identification network: {error} lacks") from error
    return writer.graph.finish(
        name,
        {"images": ["batch", 3, 256, 128]},
        {"embedding": (answer, ["batch", dimensions])},
        {"pixels": "rgb_imagenet", "license": "Apache-2.0", **(notes or {})},
    )


class _Writer:
    """Layers, each named as in the network."""

    def __init__(self, weights: Arrays) -> None:
        self.graph = Graph()
        self._weights = weights
        self._constants: dict[str, str] = {}

    def deep(self, x: str) -> str:
        """What the convolutions see: mean and strips, (b, c)."""
        add = self.graph.add
        x = self._instance(self._convolution(x, "stem.0", stride=2, pad=3), "stem.1")
        x = add("MaxPool", add("Relu", x), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        for stage in ("coarse", "middle", "fine"):
            x = self._unit(self._block(self._block(x, f"{stage}.0"), f"{stage}.1"), f"{stage}.2")
            if stage != "fine":
                x = add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        # The last map is 8x4: two rows of it are a strip.
        rows = add("AveragePool", self._unit(x, "strips"), kernel_shape=[2, 4], strides=[2, 4])
        return str(add("Concat", add("Flatten", add("GlobalAveragePool", x)), add("Flatten", rows), axis=1))

    def join(self, deep: str, worn: str, plain: float) -> tuple[str, int]:
        """The last layer with both normalisations folded in, beside the plain colours; its value and how long it is."""
        gain, shift = self._folded("colour_norm")
        weight = np.concatenate([self._weights["join_deep.weight"], self._weights["join_colour.weight"] * gain], 1)
        bias = self._weights["join_colour.weight"] @ shift
        gain, shift = self._folded("norm")
        weight, bias = weight * gain[:, None], bias * gain + shift
        if plain:
            turn = np.linalg.svd(weight, full_matrices=False)[0][:, : len(weight) - colours.DIMENSIONS].T
            weight, bias = turn @ weight, turn @ bias
        add, constant = self.graph.add, self.graph.constant
        answer = add("Gemm", add("Concat", deep, worn, axis=1), constant(weight), constant(bias), transB=1)
        if not plain:
            return str(answer), len(weight)
        length = add("Max", add("ReduceL2", answer, axes=[1], keepdims=1), constant(1e-6))
        answer = add("Concat", add("Div", answer, length), add("Mul", worn, constant(plain)), axis=1)
        return str(answer), len(weight) + colours.DIMENSIONS

    def _block(self, x: str, name: str) -> str:
        add = self.graph.add
        small = self._unit(x, f"{name}.reduce")
        mixed = ""
        for number in range(_STREAMS):
            y = small
            for layer in range(number + 1):
                y = self._lite(y, f"{name}.streams.{number}.{layer}")
            gate = add("GlobalAveragePool", y)
            gate = add("Relu", self._convolution(gate, f"{name}.gate.narrow"))
            gate = add("Sigmoid", self._convolution(gate, f"{name}.gate.widen"))
            y = add("Mul", y, gate)
            mixed = add("Add", mixed, y) if mixed else y
        wider = f"{name}.shortcut.0.weight" in self._weights
        shortcut = self._unit(x, f"{name}.shortcut", active=False) if wider else x
        x = add("Add", self._unit(mixed, f"{name}.expand", active=False), shortcut)
        if f"{name}.instance.weight" in self._weights:
            x = self._instance(x, f"{name}.instance")
        return str(add("Relu", x))

    def _lite(self, x: str, name: str) -> str:
        x = self._convolution(x, f"{name}.across")
        gain, shift = self._folded(f"{name}.norm")
        weight = self._weights[f"{name}.around.weight"]
        x = self._raw(x, name, weight * gain[:, None, None, None], shift, pad=1, groups=len(weight))
        return str(self.graph.add("Relu", x))

    def _unit(self, x: str, name: str, *, active: bool = True) -> str:
        gain, shift = self._folded(f"{name}.1")
        x = self._raw(x, name, self._weights[f"{name}.0.weight"] * gain[:, None, None, None], shift)
        return str(self.graph.add("Relu", x)) if active else x

    def _convolution(self, x: str, name: str, *, stride: int = 1, pad: int = 0) -> str:
        return self._raw(x, name, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"), stride, pad)

    def _raw(
        self,
        x: str,
        name: str,
        weight: NDArray[Any],
        bias: NDArray[Any] | None,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
    ) -> str:
        inputs = [self._constant(f"{name}/weight", weight)]
        if bias is not None:
            inputs.append(self._constant(f"{name}/bias", bias))
        return str(
            self.graph.add(
                "Conv",
                x,
                *inputs,
                kernel_shape=list(weight.shape[2:]),
                strides=[stride] * 2,
                pads=[pad] * 4,
                group=groups,
            )
        )

    def _instance(self, x: str, name: str) -> str:
        gain = self._constant(f"{name}/gain", self._weights[f"{name}.weight"])
        shift = self._constant(f"{name}/shift", self._weights[f"{name}.bias"])
        return str(self.graph.add("InstanceNormalization", x, gain, shift, epsilon=_EPSILON))

    def _folded(self, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """A batch normalisation as gain and shift."""
        own = {key: self._weights[f"{name}.{key}"] for key in ("weight", "bias", "running_mean", "running_var")}
        gain = own["weight"] / np.sqrt(own["running_var"] + _EPSILON)
        return gain, own["bias"] - own["running_mean"] * gain

    def _constant(self, key: str, value: NDArray[Any]) -> str:
        """Weights stand in the file once though both mirrorings use them."""
        if key not in self._constants:
            self._constants[key] = self.graph.constant(value)
        return self._constants[key]
