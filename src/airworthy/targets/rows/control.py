"""Rules for operators that hold graphs: branches and loops."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import FREE, Domain, Flow, mixed, unclear
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, inside
from airworthy.targets.rows.verdict import Reason

_MOST_PASSES = 4


def branches(step: NodeStep) -> Outcome:
    """One graph or another, as a condition says."""
    _steers(step, step.input(0))
    if len(step.node.graphs) != 2:
        raise unclear()
    first, second = (step.walk(graph, ()) for graph in step.node.graphs)
    if len(first) != len(second):
        raise unclear()
    return [join(step.domain, a, b) for a, b in zip(first, second, strict=True)]


def _steers(step: NodeStep, flow: Flow) -> None:
    """Check that what steers a branch or a loop depends on no row."""
    if flow.taint is not None or flow.follows:
        raise mixed()
    if step.domain.counts(flow):
        raise mixed(Reason.COUNT)


def join(domain: Domain, first: Flow, second: Flow) -> Flow:
    """A value that is one or the other."""
    taints = [flow.taint for flow in (first, second) if flow.taint is not None]
    if taints:
        return Flow(taint=max(taints, key=lambda taint: taint.level.value))
    if first == second:
        return first
    by_place = first.placed or second.placed
    if first.shape is not None and first.shape == second.shape and set(first.axes) == set(second.axes):
        if domain.counts(first) or domain.counts(second):
            raise unclear()
        pads = {axis: pad if pad == second.axes[axis] else None for axis, pad in first.axes.items()}
        return Flow(first.shape, pads, placed=by_place)
    if first.follows or second.follows or domain.counts(first) or domain.counts(second):
        raise unclear()
    return FREE


def _settled(step: NodeStep, states: list[Flow], others: Sequence[Flow], lead: int) -> list[Flow]:
    """The outputs of a body whose states have come to rest; the states among them joined with those before.

    Args:
        step: the node.
        states: the first states.
        others: the body's inputs behind the states.
        lead: the body's inputs and outputs before the states: the number of the turn, the condition.
    """
    if len(step.node.graphs) != 1:
        raise unclear()
    before: list[Flow] = [Flow((), {})] * (2 if lead else 0)
    for _ in range(_MOST_PASSES):
        outputs = step.walk(step.node.graphs[0], [*before, *states, *others])
        if len(outputs) < lead + len(states):
            raise unclear()
        if lead:
            _steers(step, outputs[0])
        told = outputs[lead : lead + len(states)]
        joined = [join(step.domain, a, b) for a, b in zip(states, told, strict=True)]
        if joined == states:
            return [*states, *outputs[lead + len(states) :]]
        states = joined
    raise unclear()


def loop(step: NodeStep) -> Outcome:
    """A graph again and again."""
    for index in (0, 1):
        if step.has(index):
            _steers(step, step.input(index))
    states = [step.input(index) for index in range(2, len(step.flows))]
    made = _settled(step, states, (), 1)
    kept, lists = made[: len(states)], made[len(states) :]
    return [*kept, *(_stacked(step, each, 0) for each in lists)]


def scan(step: NodeStep) -> Outcome:
    """A graph for each slice along an axis, with states carried on."""
    if step.opset < 9:
        raise unclear()
    count = step.whole("num_scan_inputs", 0)
    flows = [step.input(index) for index in range(len(step.flows))]
    states, given = flows[: len(flows) - count], flows[len(flows) - count :]
    axes = step.ints("scan_input_axes") or (0,) * count
    slices = [_without(step, flow, axis) for flow, axis in zip(given, axes, strict=True)]
    made = _settled(step, states, slices, 0)
    kept, lists = made[: len(states)], made[len(states) :]
    places = step.ints("scan_output_axes") or (0,) * len(lists)
    return [*kept, *(_stacked(step, each, axis) for each, axis in zip(lists, places, strict=True))]


def _without(step: NodeStep, flow: Flow, axis: int) -> Flow:
    if flow.shape is None:
        if flow.follows:
            raise unclear()
        return FREE
    axis = inside(axis, len(flow.shape))
    if axis in flow.axes:
        raise mixed() if step.domain.is_rows else unclear()
    pads = {place - (place > axis): pad for place, pad in flow.axes.items()}
    made = step.domain.made([*flow.shape[:axis], *flow.shape[axis + 1 :]], pads)
    return made._replace(placed=flow.placed)


def _stacked(step: NodeStep, flow: Flow, axis: int) -> Flow:
    if flow.taint is not None:
        return flow
    if step.domain.counts(flow):
        raise unclear()
    if flow.shape is None:
        return FREE
    axis = inside(axis, len(flow.shape) + 1)
    pads = {place + (place >= axis): pad for place, pad in flow.axes.items()}
    shape: list[sizes.Size] = [*flow.shape[:axis], step.domain.unknown(), *flow.shape[axis:]]
    return step.domain.made(shape, pads)._replace(placed=flow.placed)


RULES: dict[str, Rule] = {"If": branches, "Loop": loop, "Scan": scan}
