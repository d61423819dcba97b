"""Models that estimates are compared with: MiniLM as an ONNX graph, and decoders of 50 to 500 million parameters."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Sizes(NamedTuple):
    """A decoder."""

    layers: int
    width: int
    inner: int
    heads: int
    key_heads: int
    vocabulary: int


DECODERS = {
    "decoder-50m": Sizes(8, 512, 1536, 8, 4, 32000),
    "decoder-160m": Sizes(12, 768, 2304, 12, 4, 50304),
    "decoder-470m": Sizes(24, 1152, 3456, 18, 6, 32000),
}
"""Decoders by their number of parameters."""


class Graph:
    """An ONNX graph that is being made, its weights stored beside it."""

    def __init__(self, weights: Mapping[str, Any] | None = None) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._given = weights
        self._random = np.random.default_rng(1)
        self._count = 0

    def weight(self, name: str, shape: tuple[int, ...]) -> str:
        """A weight, that of the model where one was given."""
        if self._given is not None:
            array = self._given[name]
            array = array.T if len(shape) == 2 and array.shape != shape else array
        else:
            array = self._random.standard_normal(shape, np.float32) * 0.02
        return self.constant(np.ascontiguousarray(array, np.float32))

    def constant(self, array: Any) -> str:
        """A stored tensor."""
        self._count += 1
        name = f"w{self._count}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        self._count += 1
        name = f"v{self._count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{self._count}", **attributes))
        return name

    def save(self, path: Path, inputs: tuple[str, ...], output: str, last: int) -> Path:
        """Write it."""
        axes = ["batch", "length"]
        made = helper.make_graph(
            self.nodes,
            "model",
            [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [*axes, last])],
            self.weights,
        )
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        big = sum(len(each.raw_data) for each in self.weights) > 1_500_000_000
        onnx.save(model, path, save_as_external_data=big, location=path.name + ".data" if big else None)
        return path


def decoder(path: Path, sizes: Sizes) -> Path:
    """A decoder that computes the scores of all tokens, without a cache."""
    graph = Graph()
    value = graph.node("Gather", graph.weight("", (sizes.vocabulary, sizes.width)), "input_ids")
    head = sizes.width // sizes.heads
    shape = graph.constant(np.array([0, 0, sizes.heads, head]))
    shared = graph.constant(np.array([0, 0, sizes.key_heads, head]))
    flat = graph.constant(np.array([0, 0, sizes.width]))
    repeated = graph.constant(np.repeat(np.arange(sizes.key_heads), sizes.heads // sizes.key_heads))
    scale = graph.constant(np.array(head**-0.5, np.float32))
    for _ in range(sizes.layers):
        normal = _norm(graph, value, sizes.width)
        query = _heads(graph, normal, graph.weight("", (sizes.width, sizes.width)), shape)
        keys, values = (
            graph.node(
                "Gather",
                _heads(graph, normal, graph.weight("", (sizes.width, sizes.key_heads * head)), shared),
                repeated,
                axis=1,
            )
            for _ in range(2)
        )
        value = graph.node("Add", value, _look(graph, query, keys, values, scale, flat, sizes.width))
        normal = _norm(graph, value, sizes.width)
        gate = graph.node("MatMul", normal, graph.weight("", (sizes.width, sizes.inner)))
        gate = graph.node("Mul", gate, graph.node("Sigmoid", gate))
        up = graph.node("MatMul", normal, graph.weight("", (sizes.width, sizes.inner)))
        down = graph.node("MatMul", graph.node("Mul", gate, up), graph.weight("", (sizes.inner, sizes.width)))
        value = graph.node("Add", value, down)
    scores = graph.node("MatMul", _norm(graph, value, sizes.width), graph.weight("", (sizes.width, sizes.vocabulary)))
    return graph.save(path, ("input_ids",), scores, sizes.vocabulary)


def minilm(folder: Path, path: Path) -> Path:
    """The graph of a BERT with the weights of a folder."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = safetensors(folder / "model.safetensors")
    graph = Graph(weights)
    width, heads, inner = config["hidden_size"], config["num_attention_heads"], config["intermediate_size"]
    head = width // heads
    shape = graph.constant(np.array([0, 0, heads, head]))
    flat, scale = graph.constant(np.array([0, 0, width])), graph.constant(np.array(head**-0.5, np.float32))
    words = graph.weight("embeddings.word_embeddings.weight", (config["vocab_size"], width))
    places = graph.weight("embeddings.position_embeddings.weight", (config["max_position_embeddings"], width))
    kinds = graph.weight("embeddings.token_type_embeddings.weight", (config["type_vocab_size"], width))
    length = graph.node("Shape", "input_ids", start=1, end=2)
    zero, one = graph.constant(np.array(0)), graph.constant(np.array(1))
    index = graph.node("Range", zero, graph.node("Squeeze", length), one)
    value = graph.node("Add", graph.node("Gather", words, "input_ids"), graph.node("Gather", places, index))
    value = graph.node("Add", value, graph.node("Gather", kinds, "token_type_ids"))
    value = _named_norm(graph, value, "embeddings.LayerNorm", width)

    def linear(taken: str, name: str, into: int, out: int) -> str:
        made = graph.node("MatMul", taken, graph.weight(f"{name}.weight", (into, out)))
        return graph.node("Add", made, graph.weight(f"{name}.bias", (out,)))

    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", mask, graph.constant(np.array([1, 2])))
    mask = graph.node("Mul", graph.node("Sub", mask, graph.constant(np.float32(1))), graph.constant(np.float32(1e9)))
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        parts = []
        for each in ("query", "key", "value"):
            made = linear(value, f"{name}.attention.self.{each}", width, width)
            parts.append(graph.node("Transpose", graph.node("Reshape", made, shape), perm=[0, 2, 1, 3]))
        turned = graph.node("Transpose", parts[1], perm=[0, 1, 3, 2])
        scores = graph.node("Add", graph.node("Mul", graph.node("MatMul", parts[0], turned), scale), mask)
        seen = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), parts[2])
        seen = graph.node("Reshape", graph.node("Transpose", seen, perm=[0, 2, 1, 3]), flat)
        made = linear(seen, f"{name}.attention.output.dense", width, width)
        value = _named_norm(graph, graph.node("Add", value, made), f"{name}.attention.output.LayerNorm", width)
        made = linear(value, f"{name}.intermediate.dense", width, inner)
        root = graph.node("Mul", made, graph.constant(np.float32(2**-0.5)))
        bell = graph.node("Add", graph.node("Erf", root), graph.constant(np.float32(1)))
        made = graph.node("Mul", graph.node("Mul", made, bell), graph.constant(np.float32(0.5)))
        made = linear(made, f"{name}.output.dense", inner, width)
        value = _named_norm(graph, graph.node("Add", value, made), f"{name}.output.LayerNorm", width)
    return graph.save(path, ("input_ids", "attention_mask", "token_type_ids"), value, width)


def safetensors(path: Path) -> dict[str, Any]:
    """The tensors of a file in 32 bits."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = entry["data_offsets"]
            array = np.frombuffer(data[8 + length + begin : 8 + length + end], np.float32)
            found[name] = array.reshape(entry["shape"])
    return found


def _norm(graph: Graph, value: str, width: int) -> str:
    ones = graph.constant(np.ones(width, np.float32))
    return graph.node("LayerNormalization", value, ones, axis=-1, epsilon=1e-5)


def _named_norm(graph: Graph, value: str, name: str, width: int) -> str:
    scale, bias = graph.weight(f"{name}.weight", (width,)), graph.weight(f"{name}.bias", (width,))
    return graph.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=1e-12)


def _heads(graph: Graph, value: str, weight: str, shape: str) -> str:
    return graph.node("Transpose", graph.node("Reshape", graph.node("MatMul", value, weight), shape), perm=[0, 2, 1, 3])


def _look(graph: Graph, query: str, keys: str, values: str, scale: str, flat: str, width: int) -> str:
    scores = graph.node("MatMul", query, graph.node("Transpose", keys, perm=[0, 1, 3, 2]))
    shares = graph.node("Softmax", graph.node("Mul", scores, scale), axis=-1)
    seen = graph.node("Transpose", graph.node("MatMul", shares, values), perm=[0, 2, 1, 3])
    return graph.node("MatMul", graph.node("Reshape", seen, flat), graph.weight("", (width, width)))


def main() -> None:
    """Make all of them in a folder."""
    folder = Path(sys.argv[1])
    if (folder / "minilm").is_dir():
        minilm(folder / "minilm", folder / "minilm.onnx")
    for name, sizes in DECODERS.items():
        decoder(folder / f"{name}.onnx", sizes)


if __name__ == "__main__":
    main()
