"""A few words to write ONNX graphs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Graph:
    """An ONNX graph under construction. Values are the names of its edges."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._count = 0

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Append one operator; its output's name, or a list of names when it has several."""
        self._count += 1
        names = [f"{operator.lower()}_{self._count}" + (f"_{k}" if outputs > 1 else "") for k in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, name=f"n{self._count}", **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """A constant array; int64 by `integers`."""
        self._count += 1
        name = f"c{self._count}"
        array: NDArray[Any] = np.ascontiguousarray(np.asarray(value, dtype))
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, *values: int) -> str:
        """A constant (k,) int64."""
        return self.constant(values, np.int64)

    def finish(
        self,
        name: str,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, tuple[str, Sequence[int | str]]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """The whole as a checked ONNX file.

        Args:
            name: of the graph.
            inputs: name → shape; a string is a free dimension. float32.
            outputs: name → (the value it is, shape). float32.
            metadata: key-value notes.
        """
        ends = [helper.make_node("Identity", [value], [out]) for out, (value, _) in outputs.items()]
        graph = helper.make_graph(
            [*self._nodes, *ends],
            name,
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, list(shape)) for key, shape in inputs.items()],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, list(s)) for key, (_, s) in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="passage"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data
