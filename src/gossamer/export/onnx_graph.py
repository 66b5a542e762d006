"""A graph of ONNX nodes, put together one node at a time.

Values are known by their names, plain strings. ONNX itself is imported when a graph is begun, so
that this package can be imported without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.installed import require

OPSET = 17  # the first with LayerNormalization as one node; onnxruntime 1.12 and later
_IR_VERSION = 8  # that of the ONNX release which brought the opset

Dimension = int | str | None


class OnnxGraph:
    """Nodes, initialisers, inputs and outputs on their way to a model.

    Args:
        name: of the graph.
        parent: for the body of a loop, the graph it is in: names stay unique in both.

    Raises:
        MissingPartError: ONNX is not installed.
    """

    def __init__(self, name: str, *, parent: OnnxGraph | None = None) -> None:
        self._onnx: ModuleType = _import_onnx() if parent is None else parent._onnx
        self._name = name
        self._root: OnnxGraph = self if parent is None else parent._root
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._initialisers: dict[str, Any] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._n_names = 0

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output.

        Args:
            operator: its type, as "MatMul".
            inputs: names of its inputs; "" for one that is left out.
            attributes: of the operator.

        Returns:
            The name of its output.
        """
        return self.nodes(operator, *inputs, n_outputs=1, **attributes)[0]

    def nodes(self, operator: str, *inputs: str, n_outputs: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs; the names of these."""
        outputs = [self._new_name(operator) for _ in range(n_outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def constant(self, values: npt.ArrayLike, name: str | None = None) -> str:
        """Store numbers; equal small ones without a name are stored once.

        Args:
            values: floats become float32 and whole numbers int64, unless they are arrays.
            name: its name in the file; made up if None.
        """
        array = np.asarray(values)
        if not isinstance(values, np.ndarray | np.generic) and array.dtype == np.float64:
            array = array.astype(np.float32)
        root = self._root
        is_small = name is None and array.size <= 16
        key = (array.dtype.str, array.shape, array.tobytes() if is_small else b"")
        if is_small and key in root._known:
            return root._known[key]
        chosen = root._new_name("constant") if name is None else name
        tensor = self._onnx.numpy_helper.from_array(np.asarray(array, order="C"), chosen)
        root._initialisers[chosen] = tensor
        if is_small:
            root._known[key] = chosen
        return chosen

    def input(self, name: str, dtype: npt.DTypeLike, shape: Sequence[Dimension]) -> str:
        """Declare an input; a dimension is a number, or a name where it may vary."""
        self._inputs.append(self._value_info(name, dtype, shape))
        return name

    def output(
        self, value: str, dtype: npt.DTypeLike, shape: Sequence[Dimension], name: str | None = None
    ) -> None:
        """Declare a value an output, under another name if one is given."""
        chosen = value
        if name is not None:
            self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
            chosen = name
        self._outputs.append(self._value_info(chosen, dtype, shape))

    def dtype(self, kind: npt.DTypeLike) -> int:
        """ONNX's number of a type of NumPy's."""
        number: int = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        return number

    def body(self, name: str) -> OnnxGraph:
        """A graph for the inside of a loop; it sees the values of this one."""
        return OnnxGraph(self._root._new_name(name), parent=self)

    def as_attribute(self) -> Any:
        """The graph, to be given as an attribute."""
        return self._onnx.helper.make_graph(
            self._nodes,
            self._name,
            self._inputs,
            self._outputs,
            initializer=list(self._initialisers.values()),
        )

    def to_bytes(self, metadata: Mapping[str, str], *, producer_version: str) -> bytes:
        """The checked model file.

        Args:
            metadata: texts by name, put into the model's `metadata_props`.
            producer_version: of Gossamer.
        """
        helper = self._onnx.helper
        model = helper.make_model(
            self.as_attribute(),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
            producer_name="gossamer",
            producer_version=producer_version,
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        raw: bytes = model.SerializeToString(deterministic=True)
        return raw

    def _value_info(self, name: str, dtype: npt.DTypeLike, shape: Sequence[Dimension]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self.dtype(dtype), list(shape))

    def _new_name(self, what: str) -> str:
        self._root._n_names += 1
        return f"{what}_{self._root._n_names}"


def _import_onnx() -> ModuleType:
    require("export to ONNX", "onnx")
    import onnx
    import onnx.checker
    import onnx.helper
    import onnx.numpy_helper

    return onnx
