"""How many operations a node computes, from the sizes of what it takes and gives.

A multiplication with its addition counts as two, as in https://arxiv.org/abs/1703.09039 (section III) and
https://arxiv.org/abs/2001.08361 (section 2.1): a product of (m, k) and (k, n) is 2·m·k·n, a convolution 2 · its
output · the weights that make one of its numbers, attention 4 · batch · queries · keys · width. A function of one
number counts one, a softmax or a normalisation `PASSES` a number; moving numbers counts none.
"""

from __future__ import annotations

import math

from airworthy.core.graph import Node
from airworthy.targets.shape_inference import ShapeInference, named
from airworthy.targets.shape_rules import Shape

PASSES = 5
"""Operations a number of a softmax or a normalisation: about one for each pass over the row."""
_MOVES = named(
    "Cast CastLike Compress Concat Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather "
    "GatherElements GatherND GatherBlockQuantized Identity OneHot Pad Range Reshape Resize ReverseSequence Scatter "
    "ScatterElements ScatterND SequenceAt SequenceConstruct Shape Size Slice SpaceToDepth Split SplitToSequence "
    "Squeeze Tile Transpose Trilu Unsqueeze Upsample If Loop Scan NonZero Unique EmbedLayerNormalization"
)
_ROWS = named(
    "BatchNormalization GroupNormalization InstanceNormalization LRN LayerNormalization LogSoftmax LpNormalization "
    "MeanVarianceNormalization RMSNormalization SimplifiedLayerNormalization SkipLayerNormalization "
    "SkipSimplifiedLayerNormalization Softmax Hardmax"
)
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def operations(state: ShapeInference, node: Node) -> int | None:
    """The operations of one node; None where its sizes are not known. Those of a node's graphs are theirs."""
    name = node.operator
    if name in _MOVES:
        return 0
    try:
        return _operations(state, node, name)
    except (IndexError, ValueError, TypeError):
        return None


def _operations(state: ShapeInference, node: Node, name: str) -> int | None:
    first = state.shape(node.inputs[0]) if node.inputs and node.inputs[0] else None
    out = state.shape(node.outputs[0]) if node.outputs and node.outputs[0] else None
    if name in (
        "MatMul",
        "FusedMatMul",
        "MatMulInteger",
        "Gemm",
        "MatMulNBits",
        "QLinearMatMul",
        "DynamicQuantizeMatMul",
    ):
        return _product(node, first, out)
    if name in ("Conv", "FusedConv", "ConvInteger", "QLinearConv", "NhwcConv"):
        weight = state.shape(node.inputs[3 if name == "QLinearConv" else 1])
        return None if out is None or weight is None else 2 * math.prod(out) * math.prod(weight[1:])
    if name == "ConvTranspose":
        weight = state.shape(node.inputs[1])
        return None if first is None or weight is None else 2 * math.prod(first) * math.prod(weight[1:])
    if name in _GATES:
        return _recurrent(state, node, first, _GATES[name])
    if name == "Einsum":
        return _einsum(state, node)
    if name in ("Attention", "MultiHeadAttention", "GroupQueryAttention"):
        return _attention(state, node, first)
    if name in _ROWS:
        return None if first is None else PASSES * math.prod(first)
    if name.startswith(("Reduce", "Arg", "Global", "CumSum", "TopK")):
        return None if first is None else math.prod(first)
    if name in ("MaxPool", "AveragePool", "LpPool"):
        kernel = node.attributes.get("kernel_shape")
        return None if out is None or not isinstance(kernel, tuple) else math.prod(out) * math.prod(kernel)
    return None if out is None else math.prod(out)


def _product(node: Node, first: Shape | None, out: Shape | None) -> int | None:
    if first is None:
        return None
    flipped = node.attributes.get("transA") == 1
    inner = first[-2] if flipped else first[-1]
    if node.operator == "MatMulNBits":
        columns = node.attributes.get("N")
        return 2 * math.prod(first) * columns if isinstance(columns, int) else None
    return None if out is None else 2 * math.prod(out) * inner


def _recurrent(state: ShapeInference, node: Node, first: Shape | None, gates: int) -> int | None:
    weight, inner = state.shape(node.inputs[1]), state.shape(node.inputs[2])
    if first is None or weight is None or inner is None:
        return None
    directions, hidden = inner[0], inner[1] // gates
    return 2 * first[0] * first[1] * directions * gates * hidden * (weight[-1] + hidden)


def _einsum(state: ShapeInference, node: Node) -> int | None:
    equation = str(node.attributes.get("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.inputs, strict=True):
        shape = state.shape(name)
        if shape is None or "." in term:
            return None
        sizes |= dict(zip(term, shape, strict=True))
    return (2 if len(terms) > 1 else 1) * math.prod(sizes.values())


def _attention(state: ShapeInference, node: Node, first: Shape | None) -> int | None:
    """The two products of attention, and the projection that ONNX Runtime's `Attention` holds as well."""
    if first is None:
        return None
    key = state.shape(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else None
    if node.domain == "com.microsoft" and node.operator == "Attention":
        if key is None:
            return None
        batch, length, width = first
        hidden = key[1] // 3
        return 2 * batch * length * width * key[1] + 4 * batch * length * length * hidden
    if len(first) == 4:
        batch, heads, length, size = first
        width = heads * size
    else:
        batch, length, width = first
    keys = key[-2] if key is not None else length
    return 4 * batch * length * keys * width
