"""Rules for operators that take and put numbers by their place."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import Flow, mixed, unclear
from airworthy.targets.rows.layout import relaid
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, inside, listed
from airworthy.targets.rows.verdict import Reason


def gather(step: NodeStep) -> Outcome:
    """Slices along an axis, by number."""
    data, index = step.input(0), step.input(1)
    if data.content is not None and len(data.shape or ()) == 1:
        return [_content(step, data, index)]
    if step.domain.counts(index):
        raise mixed(Reason.COUNT)
    shape, places = step.shape(0), step.shape(1)
    axis = inside(step.whole("axis", 0), len(shape))
    if axis in data.axes:
        if step.domain.is_rows or index.content != ((0,),):
            raise mixed() if step.domain.is_rows else unclear()
        shape = (*shape[:axis], *shape[axis + 1 :])
        moved = {place - (place > axis): pad for place, pad in data.axes.items() if place != axis}
        made = step.domain.made(shape, moved)
        if not places:
            return [made]
        grown = {place + (place >= axis): pad for place, pad in made.axes.items()}
        return [step.domain.made((*shape[:axis], (), *shape[axis:]), grown)]
    pads = {place if place < axis else place + len(places) - 1: pad for place, pad in data.axes.items()}
    # A stored table gives padded tokens numbers of its own, which are not known.
    pads |= {axis + place: None for place in index.axes}
    return [step.domain.made((*shape[:axis], *places, *shape[axis + 1 :]), pads)]


def _content(step: NodeStep, data: Flow, index: Flow) -> Flow:
    content = data.content or ()
    if index.content is None:
        if index.follows:
            raise mixed() if step.domain.counts(data) else unclear()
        raise unclear()
    numbers = [sizes.number(each) for each in index.content]
    if any(number is None or not -len(content) <= number < len(content) for number in numbers):
        raise unclear()
    taken = [content[number] for number in numbers if number is not None]
    return listed(taken, len(index.shape or ()))


def gather_elements(step: NodeStep) -> Outcome:
    """Numbers by their place along an axis, the other places their own."""
    data, index = step.input(0), step.input(1)
    shape, places = step.shape(0), step.shape(1)
    axis = inside(step.whole("axis", 0), len(shape))
    if axis in data.axes:
        raise mixed() if step.domain.is_rows else unclear()
    # Along the axis itself each number of the index takes what it says, whatever the others do.
    others = {place: pad for place, pad in index.axes.items() if place != axis}
    _same_rows(step, data, index._replace(axes=others))
    return [step.domain.made(places, dict.fromkeys(index.axes))]


def _same_rows(step: NodeStep, *flows: Flow) -> None:
    """Check that values have their rows along the same axes: what isn't stretched meets the first rows alone."""
    first = flows[0]
    for flow in flows[1:]:
        same = set(flow.axes) == set(first.axes) and all(
            (flow.shape or ())[axis] == (first.shape or ())[axis] for axis in first.axes
        )
        if not same:
            raise mixed(Reason.PLACE) if step.domain.is_rows else unclear()


def gather_nd(step: NodeStep) -> Outcome:
    """Slices by several numbers."""
    data, index = step.input(0), step.input(1)
    shape, places = step.shape(0), step.shape(1)
    batch = step.whole("batch_dims", 0)
    depth = sizes.number(places[-1]) if places else None
    if depth is None or any(axis == len(places) - 1 for axis in index.axes):
        raise unclear()
    if any(axis < batch for axis in (*data.axes, *index.axes)):
        own = {axis for axis in data.axes if axis < batch}
        if own != {axis for axis in index.axes if axis < batch} or any(shape[a] != places[a] for a in own):
            raise mixed(Reason.PLACE) if step.domain.is_rows else unclear()
    pads: dict[int, float | None] = dict.fromkeys(index.axes)
    for axis in data.axes:
        if batch <= axis < batch + depth:
            column = index.columns[axis - batch] if index.columns else None
            if column is None or column not in index.axes or places[column] != shape[axis]:
                raise mixed() if step.domain.is_rows else unclear()
            pads[column] = data.axes[axis]
    numbered = {axis for axis, own in enumerate(index.columns or ()) if own is not None}
    by_place = index.placed is not None and not (numbered and numbered <= {axis - batch for axis in data.axes})
    rest = len(places) - 1
    pads |= {rest + axis - batch - depth: None for axis in data.axes if axis >= batch + depth}
    made = step.domain.made((*places[:-1], *shape[batch + depth :]), pads)
    return [step.by_place(made) if by_place else made]


def scatter_elements(step: NodeStep) -> Outcome:
    """Numbers put by their place along an axis."""
    data, index, updates = step.input(0), step.input(1), step.input(2)
    shape = step.shape(0)
    step.shape(1), step.shape(2)
    axis = inside(step.whole("axis", 0), len(shape))
    if any(axis in flow.axes for flow in (data, index, updates)):
        raise mixed() if step.domain.is_rows else unclear()
    _same_rows(step, data, index, updates)
    return [step.domain.made(shape, dict.fromkeys(data.axes))]


def scatter_nd(step: NodeStep) -> Outcome:
    """Slices put by several numbers."""
    data, index, updates = step.input(0), step.input(1), step.input(2)
    shape, places, given = step.shape(0), step.shape(1), step.shape(2)
    depth = sizes.number(places[-1]) if places else None
    if depth is None:
        raise unclear()
    if index.follows or any(axis < depth for axis in data.axes):
        raise mixed() if step.domain.is_rows else unclear()
    moved = {axis - depth + len(places) - 1 for axis in data.axes}
    if set(updates.axes) != moved or any(given[a] != shape[a + depth - len(places) + 1] for a in moved):
        raise mixed(Reason.PLACE) if step.domain.is_rows else unclear()
    return [step.domain.made(shape, dict.fromkeys(data.axes))]


def one_hot(step: NodeStep) -> Outcome:
    """A row of noughts with a one for each number."""
    step.only_free(1, 2)
    index, shape = step.input(0), step.shape(0)
    depth = step.input(1).content
    size: Size = depth[0] if depth else step.domain.unknown()
    axis = inside(step.whole("axis", -1), len(shape) + 1)
    made: Sequence[Size] = (*shape[:axis], size, *shape[axis:])
    return [relaid(step, index, made, {place + (place >= axis): place for place in index.axes})]


def feature_extractor(step: NodeStep) -> Outcome:
    """Columns of the last axis."""
    step.only_free(1)
    shape = step.shape(0)
    if len(shape) < 2:
        raise mixed()
    if len(shape) - 1 in step.input(0).axes:
        raise mixed()
    return [relaid(step, step.input(0), (*shape[:-1], step.domain.unknown()), {a: a for a in range(len(shape))})]


def triangle(step: NodeStep) -> Outcome:
    """One half of the last two axes."""
    flow, shape = step.input(0), step.shape(0)
    step.only_free(1)
    made = step.domain.made(shape, dict.fromkeys(flow.axes))
    return [step.by_place(made) if set(flow.axes) & {len(shape) - 1, len(shape) - 2} else made]


def compress(step: NodeStep) -> Outcome:
    """Slices that a list of truths names."""
    flow, shape = step.input(0), step.shape(0)
    if step.input(1).follows:
        raise mixed()
    step.only_free(1)
    told = step.node.attributes.get("axis")
    axis = inside(told, len(shape)) if isinstance(told, int) else None
    if axis is None or axis in flow.axes:
        raise mixed() if flow.follows else unclear()
    made = (*shape[:axis], step.domain.unknown(), *shape[axis + 1 :])
    return [relaid(step, flow, made, {place: place for place in flow.axes})]


def reverse_sequence(step: NodeStep) -> Outcome:
    """The first slices along time turned round, as many as each row has."""
    flow, lengths, shape = step.input(0), step.input(1), step.shape(0)
    batch = inside(step.whole("batch_axis", 1), len(shape))
    if not step.domain.is_rows or set(flow.axes) != {batch} or (lengths.follows and lengths.shape != (shape[batch],)):
        raise unclear()
    if not lengths.follows:
        raise mixed(Reason.PLACE)
    return [relaid(step, flow, shape, {batch: batch})]


RULES: dict[str, Rule] = {
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "ScatterElements": scatter_elements,
    "Scatter": scatter_elements,
    "ScatterND": scatter_nd,
    "OneHot": one_hot,
    "Trilu": triangle,
    "Compress": compress,
    "ReverseSequence": reverse_sequence,
    "ai.onnx.ml:ArrayFeatureExtractor": feature_extractor,
}
PLACES = frozenset(
    {"Gather", "GatherND", "GatherElements", "ScatterND", "ScatterElements", "Scatter", "MaxUnpool", "OneHot"}
)
"""Operators that a value which numbers rows may serve as an index: each row may well take its own."""
