"""Rules for operators that lay values out anew: their numbers stay, their axes move, split, join or go."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import Domain, Flow, broadcast, mixed, unclear
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, free_of, inside, listed
from airworthy.targets.rows.verdict import Reason

MOST_NUMBERS = 64
_FAR = 2**31 - 1
"""A slice that ends here or beyond ends with its axis."""


def relaid(step: NodeStep, flow: Flow, shape: Sequence[Size], origins: dict[int, int]) -> Flow:
    """A value of new sizes whose followed axes come from those of another.

    Args:
        step: the node.
        flow: the other value.
        shape: the new sizes.
        origins: new axis → old axis.
    """
    pads = {new: flow.axes[old] for new, old in origins.items() if old in flow.axes}
    made = step.domain.made(shape, pads)
    if set(made.axes) != set(pads):
        return _lost()
    return made


def _moved(step: NodeStep, flow: Flow, shape: Sequence[Size], origins: dict[int, int]) -> Flow:
    """The same numbers with their axes elsewhere."""
    made = relaid(step, flow, shape, origins)
    return made._replace(ordinal=next((new for new, old in origins.items() if old == flow.ordinal), None))


def _lost() -> Flow:
    raise unclear()


def transpose(step: NodeStep) -> Outcome:
    """Axes in another order."""
    flow, shape = step.input(0), step.shape(0)
    order = step.ints("perm") or tuple(reversed(range(len(shape))))
    order = tuple(inside(axis, len(shape)) for axis in order)
    return [_moved(step, flow, [shape[axis] for axis in order], dict(enumerate(order)))]


def reshape(step: NodeStep) -> Outcome:
    """Axes split and joined."""
    flow = step.input(0)
    if flow.content is not None and step.has(1):
        rank = sizes.number(step.shape(1)[0])
        if rank is not None and rank <= 1:
            return [listed(flow.content, rank)]
    _no_counts(step, flow)
    wanted = list(step.content(1)) if step.has(1) else [sizes.of(each) for each in step.ints("shape") or ()]
    if flow.shape is None:
        known = all((sizes.number(size) or 1) > 0 for size in wanted) and not step.domain.counts(flow)
        return [free_of(wanted if known else None)]
    return [_regrouped(step, flow, _resolved(step, flow.shape, wanted))]


def _resolved(step: NodeStep, shape: tuple[Size, ...], wanted: list[Size]) -> list[Size]:
    """The target of a reshape with 0 and -1 replaced."""
    for axis, size in enumerate(wanted):
        if size == (0,) and not step.whole("allowzero", 0):
            if axis >= len(shape):
                raise unclear()
            wanted[axis] = shape[axis]
    open_axes = [axis for axis, size in enumerate(wanted) if size == (-1,)]
    if open_axes:
        rest = sizes.times(size for axis, size in enumerate(wanted) if axis != open_axes[0])
        found = sizes.divide(sizes.times(shape), rest)
        if found is None or len(open_axes) > 1:
            raise unclear()
        wanted[open_axes[0]] = found
    return wanted


def _regrouped(step: NodeStep, flow: Flow, wanted: Sequence[Size]) -> Flow:
    assert flow.shape is not None
    made = sizes.regroup(flow.shape, wanted)
    if made is None:
        if not flow.follows and not any(sizes.counts(size, step.domain.symbol) for size in wanted):
            return free_of(wanted)
        known = all(isinstance(atom, int) or atom[0] not in "?!" for size in wanted for atom in size)
        raise mixed() if known and step.domain.is_rows else unclear()
    symbol = step.domain.symbol
    told = [flow.axes.get(axis) for axis, size in enumerate(flow.shape) for atom in size if atom == symbol]
    pads: dict[int, float | None] = {}
    for axis, size in enumerate(made):
        own = [told.pop(0) for atom in size if atom == symbol]
        pads[axis] = own[0] if len(own) == 1 else None
    return step.domain.made(made, pads)


def flatten(step: NodeStep) -> Outcome:
    """All axes joined to two."""
    flow, shape = step.input(0), step.shape(0)
    axis = step.whole("axis", 1)
    axis = axis if axis >= 0 else axis + len(shape)
    return [_regrouped(step, flow, [sizes.times(shape[:axis]), sizes.times(shape[axis:])])]


def squeeze(step: NodeStep) -> Outcome:
    """Axes of one slice taken away."""
    flow, shape = step.input(0), step.shape(0)
    if flow.content is not None and len(flow.content) == 1:
        return [listed(flow.content, 0)]
    gone = step.axes(1, len(shape))
    if gone is None:
        if flow.follows or any(sizes.number(size) is None for size in shape):
            raise mixed(Reason.COUNT) if flow.follows else unclear()
        gone = tuple(axis for axis, size in enumerate(shape) if not size)
    if any(axis in flow.axes for axis in gone):
        raise mixed(Reason.COUNT)
    kept = [axis for axis in range(len(shape)) if axis not in gone]
    return [_moved(step, flow, [shape[axis] for axis in kept], dict(enumerate(kept)))]


def unsqueeze(step: NodeStep) -> Outcome:
    """Axes of one slice added."""
    flow, shape = step.input(0), step.shape(0)
    told = step.ints("axes") if not step.has(1) else step.numbers(1)
    if told is None:
        raise unclear()
    if flow.content is not None and not shape and len(told) == 1:
        return [listed(flow.content)]
    _no_counts(step, flow)
    rank = len(shape) + len(told)
    new = {inside(axis, rank) for axis in told}
    kept = [axis for axis in range(rank) if axis not in new]
    origins = {axis: index for index, axis in enumerate(kept)}
    made: list[Size] = [shape[origins[axis]] if axis in origins else () for axis in range(rank)]
    columns = None
    result = _moved(step, flow, made, origins)
    if rank - 1 in new and (result.ordinal is not None or flow.placed is None):
        columns = (result.ordinal,)
    return [result._replace(scalar=flow.scalar, columns=columns)]


def _no_counts(step: NodeStep, flow: Flow) -> None:
    if step.domain.counts(flow):
        raise mixed(Reason.COUNT)


def expand(step: NodeStep) -> Outcome:
    """Axes of one slice repeated."""
    flow = step.input(0)
    _no_counts(step, flow)
    wanted = [() if size == (-1,) else size for size in step.content(1)]
    made = broadcast(step.domain, [flow, step.domain.made(wanted)], "Expand")
    if flow.ordinal is None or made.shape is None or flow.shape is None:
        return [made]
    return [made._replace(ordinal=flow.ordinal + len(made.shape) - len(flow.shape))]


def tile(step: NodeStep) -> Outcome:
    """All slices of an axis repeated."""
    flow, shape, repeats = step.input(0), step.shape(0), step.content(1)
    _no_counts(step, flow)
    if len(shape) != len(repeats):
        raise unclear()
    made = [sizes.times((times, size)) for times, size in zip(repeats, shape, strict=True)]
    return [step.domain.made(made, flow.axes)]


def concat(step: NodeStep) -> Outcome:
    """Values one after the other along an axis."""
    flows = step.given
    if all(flow.content is not None and len(flow.shape or ()) == 1 for flow in flows):
        together = tuple(size for flow in flows for size in flow.content or ())
        if len(together) <= MOST_NUMBERS:
            return [listed(together)]
    for flow in flows:
        _no_counts(step, flow)
    shapes = [flow.shape for flow in flows if flow.shape is not None]
    if len(shapes) != len(flows):
        raise unclear()
    rank = len(shapes[0])
    axis = inside(step.whole("axis", 1), rank)
    if len(flows) == 1:
        return flows[:1]
    made: list[Size] = []
    pads: dict[int, float | None] = {}
    for place in range(rank):
        followed = [flow for flow in flows if place in flow.axes]
        column = [shape[place] for shape in shapes]
        if not followed:
            made.append(_sum(step.domain, column) if place == axis else column[0])
            continue
        if len(followed) != len(flows) or any(size != column[0] for size in column):
            # Where another value begins depends on how many rows there are.
            raise mixed(Reason.COUNT) if step.domain.is_rows else unclear()
        made.append(sizes.times((sizes.of(len(flows)), column[0])) if place == axis else column[0])
        told = {flow.axes[place] for flow in followed}
        pads[place] = told.pop() if len(told) == 1 else None
    result = step.domain.made(made, pads)
    return [result._replace(columns=_columns(flows)) if axis == rank - 1 else result]


def _columns(flows: Sequence[Flow]) -> tuple[int | None, ...] | None:
    found: list[int | None] = []
    for flow in flows:
        width = sizes.number(flow.shape[-1]) if flow.shape else None
        if flow.columns is not None:
            found += flow.columns
        elif flow.placed is None and width is not None and width <= MOST_NUMBERS:
            found += [None] * width
        else:
            return None
    return tuple(found)


def _sum(domain: Domain, column: Sequence[Size]) -> Size:
    known = [sizes.number(size) for size in column]
    found = [number for number in known if number is not None]
    return sizes.of(sum(found)) if len(found) == len(known) else domain.unknown()


def split(step: NodeStep) -> Outcome:
    """An axis cut into parts."""
    flow, shape = step.input(0), step.shape(0)
    count = len(step.node.outputs)
    axis = inside(step.whole("axis", 0), len(shape))
    if axis in flow.axes:
        size = shape[axis]
        if step.has(1) or step.ints("split") or size[:1] != (count,):
            raise mixed() if step.domain.is_rows else unclear()
        part = size[1:]
        return step.everything(relaid(step, flow, [*shape[:axis], part, *shape[axis + 1 :]], _same(shape)))
    parts = _parts(step, shape[axis], count)
    if flow.content is not None:
        numbers = [sizes.number(part) for part in parts]
        if any(number is None for number in numbers):
            raise unclear()
        whole = [number for number in numbers if number is not None]
        starts = [sum(whole[:index]) for index in range(count)]
        return [listed(flow.content[at : at + length]) for at, length in zip(starts, whole, strict=True)]
    return [relaid(step, flow, [*shape[:axis], part, *shape[axis + 1 :]], _same(shape)) for part in parts]


def _same(shape: Sequence[Size]) -> dict[int, int]:
    return {axis: axis for axis in range(len(shape))}


def _parts(step: NodeStep, size: Size, count: int) -> list[Size]:
    told = step.ints("split")
    if told is not None:
        return [sizes.of(part) for part in told]
    if step.has(1):
        return list(step.content(1))
    whole = sizes.number(size)
    if whole is None or count == 0:
        return [step.domain.unknown() for _ in range(count)]
    even = -(-whole // count)
    return [sizes.of(max(0, min(even, whole - even * index))) for index in range(count)]


def slice_(step: NodeStep) -> Outcome:
    """A part of some axes."""
    flow, shape = step.input(0), step.shape(0)
    starts, ends, axes, steps = _bounds(step, len(shape))
    if flow.content is not None and len(shape) == 1:
        first, last, stride = (sizes.number(each[0]) for each in (starts, ends, steps))
        if first is not None and last is not None and stride:
            return [listed(flow.content[first:last:stride])]
    _no_counts(step, flow)
    made, pads = list(shape), dict(flow.axes)
    numbered = False
    for axis, start, end, by in zip(axes, starts, ends, steps, strict=True):
        if axis in flow.axes:
            if _is_whole(start, end, by, shape[axis]):
                continue
            if step.domain.is_rows:
                raise mixed()
            if (start, end, by) != ((0,), (), ()):
                raise unclear()
            made[axis] = ()  # the first token, which is never padding
            pads.pop(axis)
        else:
            made[axis], counted = _part(step.domain, shape[axis], start, end, by)
            numbered = numbered or counted
    result = step.domain.made(made, pads)
    return [step.by_place(result) if numbered else result]


def _bounds(step: NodeStep, rank: int) -> tuple[Sequence[Size], Sequence[Size], Sequence[int], Sequence[Size]]:
    told = step.ints("starts")
    if told is not None:
        ends = step.ints("ends") or ()
        axes = step.ints("axes") or tuple(range(len(told)))
        one: list[Size] = [()] * len(told)
        return [sizes.of(n) for n in told], [sizes.of(n) for n in ends], [inside(a, rank) for a in axes], one
    for index in range(1, 5):
        if step.has(index) and step.input(index).follows:
            raise mixed()
    count = sizes.number(step.shape(1)[0])
    if step.has(3):
        axes = tuple(inside(axis, rank) for axis in step.numbers(3))
    elif count is not None:
        axes = tuple(range(count))
    else:
        raise unclear()

    def column(index: int) -> Sequence[Size]:
        content = step.input(index).content
        return content if content is not None else [step.domain.unknown() for _ in axes]

    steps = column(4) if step.has(4) else [()] * len(axes)
    return column(1), column(2), axes, steps


def _is_whole(start: Size, end: Size, by: Size, size: Size) -> bool:
    last = sizes.number(end)
    return start == (0,) and by == () and (end == size or (last is not None and last >= _FAR))


def _part(domain: Domain, size: Size, start: Size, end: Size, by: Size) -> tuple[Size, bool]:
    """The size of a part, and whether it has one slice for each row."""
    numbers = [sizes.number(each) for each in (size, start, end, by)]
    whole = [number for number in numbers if number is not None]
    if len(whole) == 4 and whole[3]:
        return sizes.of(len(range(whole[0])[whole[1] : whole[2] : whole[3]])), False
    if _is_whole(start, end, by, size):
        return size, False
    if any(sizes.counts(each, domain.symbol) for each in (start, end, by)):
        if start == (0,) and by == () and end == (domain.symbol,):
            return end, True
        raise unclear()
    if start == (0,) and by == () and not any(isinstance(atom, str) and atom[0] == "?" for atom in end):
        return end, False  # where the axis is shorter, what the part meets next no longer fits
    return domain.unknown(), False


def pad(step: NodeStep) -> Outcome:
    """Numbers put around."""
    flow, shape = step.input(0), step.shape(0)
    _no_counts(step, flow)
    step.only_free(1, 2, 3)
    told = step.ints("pads")
    widths = [sizes.of(each) for each in told] if told is not None else list(step.content(1))
    axes = step.axes(3, len(shape)) or tuple(range(len(shape)))
    if len(widths) != 2 * len(axes):
        raise unclear()
    made = list(shape)
    for index, axis in enumerate(axes):
        before, after = widths[index], widths[index + len(axes)]
        if (before, after) == ((0,), (0,)):
            continue
        if axis in flow.axes:
            raise mixed() if step.domain.is_rows else unclear()
        made[axis] = _sum(step.domain, [shape[axis], before, after])
    return [relaid(step, flow, made, _same(shape))]


RULES: dict[str, Rule] = {
    "Transpose": transpose,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Pad": pad,
}
