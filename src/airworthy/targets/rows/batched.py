"""Rules for operators whose first axis is the batch, and for those that read all rows at once."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import Flow, Level, mixed, unclear
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, inside, rules
from airworthy.targets.rows.verdict import Reason


def batch_first(step: NodeStep) -> Outcome:
    """Everything but the first axis worked on as a whole, by stored weights."""
    flow, shape = step.input(0), step.shape(0)
    for other in step.given:
        _first_axis(step, other)
        if other.follows and other.shape is not None and other.shape[0] != shape[0]:
            raise unclear()
    if not flow.follows:
        raise mixed() if step.domain.is_rows else unclear()
    return step.everything(step.domain.made((shape[0], *[step.domain.unknown() for _ in shape[1:]])))


def _first_axis(step: NodeStep, flow: Flow) -> None:
    if step.domain.counts(flow):
        raise unclear()
    if set(flow.axes) - {0}:
        raise mixed() if step.domain.is_rows else unclear()


def windows(step: NodeStep) -> Outcome:
    """Windows that move over the axes behind the channels, by stored weights."""
    step.only_free(*range(1, len(step.flows)))
    made = batch_first(step)[0]
    if made.shape is None:
        return step.everything(made)
    found = _window_sizes(step)
    shape = made.shape if found is None else (made.shape[0], *found)
    return step.everything(step.domain.made(shape))


def _window_sizes(step: NodeStep) -> list[Size] | None:
    """Channels and places after windows have gone over them, where all numbers are known."""
    node, shape = step.node, step.shape(0)
    operator = node.operator
    if operator.startswith("Global"):
        return [shape[1], *[()] * (len(shape) - 2)]
    if operator in ("LRN", "InstanceNormalization", "GroupNormalization"):
        return list(shape[1:])
    channels, kernel = shape[1], step.ints("kernel_shape")
    if "Conv" in operator:
        weight = step.input(3 if operator == "QLinearConv" else 1).shape
        if weight is None or operator == "ConvTranspose":
            return None
        channels = weight[0]
        kernel = tuple(number for number in map(sizes.number, weight[2:]) if number is not None)
    if operator not in _SLIDING or kernel is None or len(kernel) != len(shape) - 2:
        return None
    places = [_slid(step, index, shape[index + 2], kernel) for index in range(len(kernel))]
    return [channels, *places]


def _slid(step: NodeStep, index: int, size: Size, kernel: Sequence[int]) -> Size:
    whole = sizes.number(size)
    if whole is None:
        return step.domain.unknown()
    rank = len(kernel)
    strides = step.ints("strides") or (1,) * rank
    dilations = step.ints("dilations") or (1,) * rank
    pads = step.ints("pads") or (0,) * 2 * rank
    automatic = step.text("auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        return sizes.of(-(-whole // strides[index]))
    span = whole + pads[index] + pads[index + rank] - dilations[index] * (kernel[index] - 1) - 1
    up = strides[index] - 1 if step.whole("ceil_mode", 0) else 0
    return sizes.of((span + up) // strides[index] + 1)


_SLIDING = frozenset(("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool"))


def pool(step: NodeStep) -> Outcome:
    """Windows of which the largest number is kept, and its place in the whole batch."""
    made = windows(step)
    return [made[0], *[step.by_place(made[0])] * (len(made) - 1)]


def attention(step: NodeStep) -> Outcome:
    """Attention within each row, from queries, keys and values that have their rows first."""
    flow, shape = step.input(0), step.shape(0)
    for other in step.given:
        _first_axis(step, other)
        if other.follows and (len(other.shape or ()) < 3 or (other.shape or ())[0] != shape[0]):
            raise unclear()
    if not step.domain.is_rows or not flow.follows:
        raise unclear()
    made = step.domain.made((shape[0], *[step.domain.unknown() for _ in shape[1:]]))
    return [made, *[step.tainted(Level.UNDECIDED, Reason.SIZES)] * (len(step.node.outputs) - 1)]


def embeddings(step: NodeStep) -> Outcome:
    """Token numbers to vectors, added and normalised."""
    flow, shape = step.input(0), step.shape(0)
    if len(shape) != 2:
        raise unclear()
    for other in step.given:
        if other.follows and (other.shape != shape or set(other.axes) != set(flow.axes)):
            raise unclear()
    made = step.domain.made((*shape, step.domain.unknown()), dict.fromkeys(flow.axes))
    return [made, *[step.tainted(Level.UNDECIDED, Reason.SIZES)] * (len(step.node.outputs) - 1)]


def resize(step: NodeStep) -> Outcome:
    """Places drawn in or out; the batch must keep its size."""
    flow, shape = step.input(0), step.shape(0)
    _first_axis(step, flow)
    for index in range(1, len(step.flows)):
        if step.has(index) and step.input(index).follows:
            raise mixed()
    told = step.ints("axes")
    axes = tuple(inside(axis, len(shape)) for axis in told) if told is not None else tuple(range(len(shape)))
    targets: list[Size] = []
    factors = step.input(2 if len(step.flows) > 2 else 1).reals if len(step.flows) > 1 else None
    if step.has(3):
        targets = list(step.content(3))
    for place, axis in enumerate(axes):
        if axis not in flow.axes:
            continue
        kept = targets[place] == shape[axis] if len(targets) > place else bool(factors) and (factors or ())[place] == 1
        if not kept:
            raise unclear()
    made = [size if axis in flow.axes else step.domain.unknown() for axis, size in enumerate(shape)]
    if targets:
        for place, axis in enumerate(axes):
            if not sizes.counts(targets[place], step.domain.symbol):
                made[axis] = targets[place]
    return [step.domain.made(made)]


def recurrent(step: NodeStep) -> Outcome:
    """A recurrence over time: rows lie along the second axis, or the first where `layout` says so."""
    if not step.domain.is_rows:
        raise unclear()
    flow, shape = step.input(0), step.shape(0)
    layout = step.whole("layout", 0)
    batch = 0 if layout else 1
    if set(flow.axes) != {batch} or len(shape) != 3:
        raise mixed()
    step.only_free(1, 2, 3, 7)
    rows = shape[batch]
    for index, place in ((4, 0), (5, batch), (6, batch)):
        if step.has(index):
            other = step.input(index)
            if other.follows and (set(other.axes) != {place} or (other.shape or ())[place] != rows):
                raise mixed()
            if not other.follows and (index == 4 or step.shape(index)[place] != ()):
                raise mixed(Reason.PLACE)
    directions = sizes.of(2 if step.text("direction", "forward") == "bidirectional" else 1)
    hidden = step.node.attributes.get("hidden_size")
    width = sizes.of(hidden) if isinstance(hidden, int) else step.domain.unknown()
    length = shape[1 - batch]
    last = (rows, directions, width) if layout else (directions, rows, width)
    every = (rows, length, directions, width) if layout else (length, directions, rows, width)
    return [step.domain.made(every), *[step.domain.made(last)] * (len(step.node.outputs) - 1)]


def table_rows(step: NodeStep) -> Outcome:
    """A classical model over a table: one answer a row."""
    step.only_free(*range(1, len(step.flows)))
    flow, shape = step.input(0), step.shape(0)
    if len(shape) != 2 or set(flow.axes) != {0}:
        raise mixed()
    wide = step.domain.made((shape[0], step.domain.unknown()))
    label = step.domain.made((shape[0],))
    if step.node.operator in ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier"):
        return [label, wide][: len(step.node.outputs)]
    if step.node.operator == "OneHotEncoder":
        return [step.domain.made((*shape, step.domain.unknown()))]
    if step.node.operator in ("Scaler", "Normalizer", "Imputer"):
        return [step.domain.made(shape)]
    return [wide]


def feature_columns(step: NodeStep) -> Outcome:
    """Columns of several tables side by side."""
    first = step.shape(0)
    if len(first) != 2 or any(set(f.axes) != {0} or (f.shape or ((),))[0] != first[0] for f in step.given):
        raise mixed()
    return [step.domain.made((first[0], step.domain.unknown()))]


def one_scale(_: NodeStep) -> Outcome:
    """A scale taken from all numbers together."""
    raise mixed(Reason.SCALE)


def everything_meets(_: NodeStep) -> Outcome:
    """An operator that reads all rows at once."""
    raise mixed()


RULES: dict[str, Rule] = {
    **rules(
        windows,
        "Conv ConvInteger QLinearConv ConvTranspose AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool "
        "LRN InstanceNormalization GroupNormalization",
    ),
    **rules(pool, "MaxPool"),
    **rules(batch_first, "DepthToSpace SpaceToDepth GridSample"),
    **rules(
        batch_first,
        "FusedConv NhwcMaxPool QLinearConv QLinearGlobalAveragePool QLinearAveragePool GridSample",
        "com.microsoft",
    ),
    **rules(resize, "Resize Upsample"),
    **rules(attention, "Attention"),
    **rules(attention, "MultiHeadAttention", "com.microsoft"),
    **rules(embeddings, "EmbedLayerNormalization", "com.microsoft"),
    **rules(recurrent, "LSTM GRU RNN"),
    **rules(
        table_rows,
        "TreeEnsembleClassifier TreeEnsembleRegressor TreeEnsemble LinearClassifier LinearRegressor SVMClassifier "
        "SVMRegressor Scaler Normalizer Imputer OneHotEncoder",
        "ai.onnx.ml",
    ),
    **rules(feature_columns, "FeatureVectorizer", "ai.onnx.ml"),
    **rules(one_scale, "DynamicQuantizeLinear"),
    **rules(one_scale, "DynamicQuantizeMatMul DynamicQuantizeLSTM", "com.microsoft"),
    **rules(everything_meets, "NonZero Unique NonMaxSuppression StringSplit StringNormalizer EyeLike"),
    **rules(everything_meets, "SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss"),
}
RANDOM = frozenset(
    (
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Multinomial",
        "Bernoulli",
        "com.microsoft:Sampling",
        "com.microsoft:BiasDropout",
        "com.microsoft:BitmaskDropout",
    )
)
"""Operators whose outputs differ from run to run."""
WHOLE = frozenset(
    (
        "DynamicQuantizeLinear",
        "com.microsoft:DynamicQuantizeMatMul",
        "com.microsoft:DynamicQuantizeLSTM",
        "NonZero",
        "Unique",
        "NonMaxSuppression",
        "StringSplit",
    )
)
"""Operators that read all numbers of an input at once: where that input may depend on rows, its rows meet."""
