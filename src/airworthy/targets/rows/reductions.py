"""Rules for operators that take some axes as a whole: sums, shares, ranks, normalisations."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import FREE, LARGE_NEGATIVE, Flow, broadcast, mixed, unclear
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, inside, listed, rules
from airworthy.targets.rows.verdict import Reason

_NEUTRAL = {
    "ReduceSum": "zero",
    "ReduceL1": "zero",
    "ReduceL2": "zero",
    "ReduceSumSquare": "zero",
    "ReduceMax": "low",
    "ReduceLogSumExp": "low",
    "ReduceMin": "high",
}
"""What padded slices may hold without changing a reduction."""


def reduce(step: NodeStep) -> Outcome:
    """Axes joined to one number each."""
    flow = step.input(0)
    operator = step.node.operator
    if flow.content is not None and operator in ("ReduceProd", "ReduceMax", "ReduceMin", "ReduceSum"):
        rank = step.whole("keepdims", 1)
        if operator == "ReduceProd" or len(flow.content) == 1:
            return [listed([sizes.times(flow.content)], rank)]
        return [listed([step.domain.names.unknown(counted=step.domain.counts(flow))], rank)]
    if step.domain.counts(flow):
        raise mixed(Reason.COUNT)
    shape = step.shape(0)
    axes = step.axes(1, len(shape))
    if not axes:
        axes = () if step.whole("noop_with_empty_axes", 0) else tuple(range(len(shape)))
    return [_reduced(step, flow, axes, _NEUTRAL.get(operator, ""))]


def arg(step: NodeStep) -> Outcome:
    """The place of the largest or smallest number along an axis."""
    axis = inside(step.whole("axis", 0), len(step.shape(0)))
    return [_reduced(step, step.input(0), (axis,), "")]


def _reduced(step: NodeStep, flow: Flow, axes: Sequence[int], neutral: str) -> Flow:
    shape = step.shape(0)
    for axis in axes:
        if axis in flow.axes:
            step.domain.reduce(flow.axes[axis], neutral)
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    zero = {axis: 0.0 if flow.axes.get(axis) == 0 and neutral == "zero" else None for axis in flow.axes}
    if step.whole("keepdims", 1):
        made: list[Size] = [() if axis in axes else size for axis, size in enumerate(shape)]
        return step.domain.made(made, zero)
    origins = {axis: place for place, axis in enumerate(kept)}
    pads = {origins[axis]: pad for axis, pad in zero.items() if axis in origins}
    return step.domain.made([shape[axis] for axis in kept], pads)


def softmax(step: NodeStep) -> Outcome:
    """Shares of a sum; operator sets before 13 take all axes from one on together."""
    flow, shape = step.input(0), step.shape(0)
    old = step.opset < 13 and not step.node.domain
    axis = inside(step.whole("axis", 1 if old else -1), len(shape))
    pads: dict[int, float | None] = dict.fromkeys(flow.axes)
    for place in flow.axes:
        if place == axis or (old and place > axis):
            step.domain.reduce(flow.axes[place], "low" if step.node.operator != "Hardmax" else "")
            pads[place] = 0.0 if step.node.operator == "Softmax" else LARGE_NEGATIVE
    return [step.domain.made(shape, pads)]


def along_axis(step: NodeStep) -> Outcome:
    """An axis worked on as a whole, the others apart."""
    flow, shape = step.input(0), step.shape(0)
    step.only_free(*range(1, len(step.flows)))
    axis = inside(step.whole("axis", -1), len(shape))
    if axis in flow.axes:
        raise mixed() if step.domain.is_rows else unclear()
    return step.everything(step.domain.made(shape, dict.fromkeys(flow.axes)))


def cumulative(step: NodeStep) -> Outcome:
    """Sums of all before. Going forward, real tokens stand before padded ones."""
    flow, shape = step.input(0), step.shape(0)
    axis = inside(step.numbers(1)[0], len(shape))
    if axis in flow.axes and (step.domain.is_rows or step.whole("reverse", 0)):
        raise mixed()
    return [step.domain.made(shape, dict.fromkeys(flow.axes))]


def top_k(step: NodeStep) -> Outcome:
    """The largest along an axis."""
    flow, shape = step.input(0), step.shape(0)
    step.only_free(1)
    axis = inside(step.whole("axis", -1), len(shape))
    if axis in flow.axes:
        raise mixed() if step.domain.is_rows else unclear()
    content = step.input(1).content if step.has(1) else None
    size = content[0] if content else step.domain.unknown()
    made = step.domain.made((*shape[:axis], size, *shape[axis + 1 :]), dict.fromkeys(flow.axes))
    return step.everything(made)


def layer_norm(step: NodeStep) -> Outcome:
    """The last axes normalised as a whole."""
    flow, shape = step.input(0), step.shape(0)
    axis = inside(step.whole("axis", -1), len(shape))
    for index in range(1, len(step.flows)):
        if step.has(index):
            step.only_free(index)
            if flow.follows and len(step.shape(index)) > len(shape) - axis:
                raise unclear()
    if any(place >= axis for place in flow.axes):
        raise mixed()
    statistics = step.domain.made([*shape[:axis], *[()] * (len(shape) - axis)], dict.fromkeys(flow.axes))
    made = step.domain.made(shape, dict.fromkeys(flow.axes))
    return [made, *[statistics] * (len(step.node.outputs) - 1)]


def skip_layer_norm(step: NodeStep) -> Outcome:
    """A sum, and its last axis normalised."""
    both = broadcast(step.domain, step.given[:2])
    step.only_free(*range(2, len(step.flows)))
    if both.shape is None:
        return step.everything(FREE)
    if len(both.shape) - 1 in both.axes:
        raise mixed()
    made = step.domain.made(both.shape, dict.fromkeys(both.axes))
    statistics = step.domain.made([*both.shape[:-1], ()], dict.fromkeys(both.axes))
    return [statistics if index in (1, 2) else made for index in range(len(step.node.outputs))]


def mean_variance(step: NodeStep) -> Outcome:
    """Some axes normalised as a whole."""
    flow, shape = step.input(0), step.shape(0)
    axes = step.ints("axes") or (0, 2, 3)
    if any(inside(axis, len(shape)) in flow.axes for axis in axes):
        raise mixed()
    return [step.domain.made(shape, dict.fromkeys(flow.axes))]


def batch_norm(step: NodeStep) -> Outcome:
    """Channels normalised by stored numbers, or, in training, by those of the batch."""
    flow, shape = step.input(0), step.shape(0)
    trains = step.whole("training_mode", 0) if step.opset >= 14 else sum(map(bool, step.node.outputs)) > 1
    if step.opset < 7:
        trains = not step.whole("is_test", 0)
    if trains:
        raise mixed()
    step.only_free(1, 2, 3, 4)
    if 1 in flow.axes:
        raise mixed(Reason.PLACE) if step.domain.is_rows else unclear()
    return step.everything(step.domain.made(shape, dict.fromkeys(flow.axes)))


RULES: dict[str, Rule] = {
    **rules(
        reduce,
        "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
        "ReduceSumSquare",
    ),
    **rules(arg, "ArgMax ArgMin"),
    **rules(softmax, "Softmax LogSoftmax Hardmax"),
    **rules(along_axis, "LpNormalization"),
    **rules(cumulative, "CumSum"),
    **rules(top_k, "TopK"),
    **rules(layer_norm, "LayerNormalization RMSNormalization SimplifiedLayerNormalization"),
    **rules(skip_layer_norm, "SkipLayerNormalization SkipSimplifiedLayerNormalization", "com.microsoft"),
    **rules(mean_variance, "MeanVarianceNormalization"),
    **rules(batch_norm, "BatchNormalization"),
}
