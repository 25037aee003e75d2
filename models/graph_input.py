"""Does a graph normalise its input itself? Found from its first operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_PASSED: Final = {"Transpose", "Identity", "Cast"}
_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}


@dataclass(frozen=True, slots=True)
class OwnNormalisation:
    """value = `gain` · input + `offset`, before the first real layer.

    Attributes:
        gain, offset: (1,) or (3,) float64.
    """

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def wants_bytes(self) -> bool:
        """The input that it brings to about -3 … 3 runs from 0 to 255, not from 0 to 1."""
        return float(np.max(np.abs(self.gain))) < 0.1

    def __str__(self) -> str:
        return f"value = {np.round(self.gain, 4).tolist()} · input + {np.round(self.offset, 3).tolist()}"


def own_normalisation(graph: bytes) -> OwnNormalisation | None:
    """The arithmetic that a graph does on its input before anything else; None when it does none.

    Args:
        graph: an ONNX file's bytes.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph).graph
    constants = {tensor.name: tensor for tensor in model.initializer}
    for node in model.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = next((a.t for a in node.attribute if a.name == "value"), None)
    inputs = [value.name for value in model.input if value.name not in constants]
    gain, offset, found = np.ones(1), np.zeros(1), False
    at = inputs[0] if inputs else ""
    while True:
        users = [node for node in model.node if at in node.input]
        if len(users) != 1:
            break
        node = users[0]
        if node.op_type in _ARITHMETIC:
            others = [constants.get(name) for name in node.input if name != at]
            if len(others) != 1 or others[0] is None:
                break
            number = numpy_helper.to_array(others[0]).astype(np.float64).ravel()
            if number.size not in (1, 3) or (node.input[0] != at and node.op_type in ("Sub", "Div")):
                break
            operation = _ARITHMETIC[node.op_type]
            if node.op_type in ("Mul", "Div"):
                gain = operation(gain, number)
            offset = operation(offset, number)
            found = True
        elif node.op_type not in _PASSED:
            break
        at = node.output[0]
    return OwnNormalisation(gain, offset) if found else None
