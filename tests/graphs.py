"""ONNX graphs of real shapes for tests of operators, made on the spot: small, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, FLOAT16, INT64, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.BOOL


class Builder:
    """Nodes and weights as they are added."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.dtype = dtype
        self.random = np.random.default_rng(0)

    def weight(self, *shape: int) -> str:
        return self.array(self.random.standard_normal(shape).astype(self.dtype) * 0.1)

    def array(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def numbers(self, *numbers: int) -> str:
        return self.array(np.array(numbers, np.int64))

    def add(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        names = [f"v{len(self.nodes)}_{index}" for index in range(outputs)]
        node = helper.make_node(operator, inputs, names, name=f"n{len(self.nodes)}", domain=domain, **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def save(
        self,
        path: Path,
        inputs: list[tuple[str, int, list[int | str] | None]],
        output: tuple[str, int, list[int | str] | None],
        *,
        opset: int = 18,
        **model: Any,
    ) -> Path:
        last = self.nodes[-1].output[0]
        self.nodes.append(helper.make_node("Identity", [last], [output[0]], name="last"))
        graph = helper.make_graph(
            self.nodes,
            "graph",
            [helper.make_tensor_value_info(*each) for each in inputs],
            [helper.make_tensor_value_info(*output)],
            self.weights,
        )
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1), *model.pop("opsets", [])]
        made = helper.make_model(graph, opset_imports=opsets, ir_version=9, **model)
        path.write_bytes(made.SerializeToString())
        return path


def convolutional(path: Path, *, dtype: Any = np.float32, opset: int = 18) -> Path:
    """A residual network of two blocks on images of 32 by 32, for ten classes."""
    build = Builder(dtype)
    x = "pixels"
    x = build.add("Conv", x, build.weight(8, 3, 3, 3), build.weight(8), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = build.add("Relu", x)
    x = build.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    for wide, stride in ((8, 1), (16, 2)):
        narrow = 8
        skip = x
        if stride > 1:
            skip = build.add("Conv", x, build.weight(wide, narrow, 1, 1), kernel_shape=[1, 1], strides=[stride, stride])
        y = build.add(
            "Conv", x, build.weight(wide, narrow, 3, 3), kernel_shape=[3, 3], strides=[stride] * 2, pads=[1, 1, 1, 1]
        )
        statistics = [build.array(np.ones(wide, dtype)) for _ in range(4)]
        y = build.add("BatchNormalization", y, *statistics)
        x = build.add("Relu", build.add("Add", y, skip))
    x = build.add("Flatten", build.add("GlobalAveragePool", x))
    build.add("Gemm", x, build.weight(16, 10), build.weight(10))
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return build.save(
        path, [("pixels", element, ["batch", 3, 32, 32])], ("logits", element, ["batch", 10]), opset=opset
    )


def transformer(path: Path, *, layers: int = 2, width: int = 32, heads: int = 4, opset: int = 18) -> Path:
    """An encoder with attention unfused, its sizes worked out from the input as exporters do, and a pooled output."""
    build = Builder()
    shape = build.add("Shape", "ids")
    batch, length = (build.add("Gather", shape, build.numbers(axis), axis=0) for axis in (0, 1))
    split = build.add("Concat", batch, length, build.numbers(heads), build.numbers(width // heads), axis=0)
    joined = build.add("Concat", batch, length, build.numbers(width), axis=0)
    mask = build.add("Cast", build.add("Unsqueeze", "mask", build.numbers(1, 2)), to=FLOAT)
    mask = build.add("Mul", build.add("Sub", build.array(np.float32(1)), mask), build.array(np.float32(-10000)))
    x = build.add("Gather", build.weight(100, width), "ids")
    for _ in range(layers):
        q, k, v = (
            build.add(
                "Transpose",
                build.add("Reshape", build.add("MatMul", x, build.weight(width, width)), split),
                perm=order,
            )
            for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        )
        scores = build.add("Add", build.add("MatMul", q, k), mask)
        y = build.add("MatMul", build.add("Softmax", scores, axis=-1), v)
        y = build.add("Reshape", build.add("Transpose", y, perm=[0, 2, 1, 3]), joined)
        x = build.add("Add", x, build.add("MatMul", y, build.weight(width, width)))
        x = build.add("LayerNormalization", x, build.weight(width), build.weight(width))
        y = build.add("Add", build.add("MatMul", x, build.weight(width, 4 * width)), build.weight(4 * width))
        gate = build.add("Erf", build.add("Div", y, build.array(np.float32(1.4142135))))
        y = build.add("Mul", y, build.add("Add", gate, build.array(np.float32(1))))
        x = build.add("Add", x, build.add("MatMul", y, build.weight(4 * width, width)))
    build.add("ReduceMean", x, build.numbers(1), keepdims=0)
    inputs: list[Any] = [(name, INT64, ["batch", "sequence"]) for name in ("ids", "mask")]
    return build.save(path, inputs, ("embedding", FLOAT, ["batch", width]), opset=opset)


def one(path: Path, operator: str, *shapes: tuple[int, list[int | str] | None], opset: int = 18, **more: Any) -> Path:
    """A graph of one node and the Identity that names its output."""
    build = Builder()
    build.add(operator, *(f"i{index}" for index in range(len(shapes))), **more)
    inputs: list[Any] = [(f"i{index}", *each) for index, each in enumerate(shapes)]
    return build.save(path, inputs, ("o", shapes[0][0], None), opset=opset, opsets=[helper.make_opsetid("custom", 1)])
