"""How a value of a graph depends on the rows of a batch, and how several such values combine.

Two questions are asked of a graph with the same rules. `ROWS`: the followed axis is the batch; its slices must never
meet. `PADDING`: the followed axis is the length of texts; its real slices must never depend on the padded ones. There,
slices may meet where the padded ones are known to add nothing: zeros to a sum, large negative numbers to a softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Optional

from airworthy.targets.rows import sizes
from airworthy.targets.rows.sizes import Size, SizeNames
from airworthy.targets.rows.verdict import Reason

LARGE_NEGATIVE = -1e4
"""From this number down a softmax makes an exact zero of it: masks add it to the scores of padding."""


class Question(Enum):
    """What is followed through the graph."""

    ROWS = "rows"
    """The batch axis."""
    PADDING = "padding"
    """The axis of a text's tokens, of which the last ones may be padding."""


class Level(Enum):
    """How a value breaks the rule."""

    UNDECIDED = 1
    """The rules can't decide."""
    DEPENDENT = 2
    """It depends on other rows, or on how many there are."""


class Broken(Exception):
    """A rule found that slices meet, or could not find that they don't."""

    def __init__(self, level: Level, reason: Reason) -> None:
        super().__init__(reason.value)
        self.level = level
        self.reason = reason


def mixed(reason: Reason = Reason.MIXED) -> Broken:
    """Slices meet."""
    return Broken(Level.DEPENDENT, reason)


def unclear(reason: Reason = Reason.SIZES) -> Broken:
    """The rules can't decide."""
    return Broken(Level.UNDECIDED, reason)


class Taint(NamedTuple):
    """What is wrong with a value, and the node where it began."""

    level: Level
    reason: Reason
    node: str
    operator: str


class Flow(NamedTuple):
    """A value: its sizes, its axes that are followed, and its content where that is a short list of numbers."""

    shape: Optional[tuple[Size, ...]] = None
    """Its sizes; None where not known, which only a value has that depends on no row."""
    axes: Mapping[int, Optional[float]] = {}
    """The followed axes; for each the number that padded slices hold along it, None where that is not known."""
    content: Optional[tuple[Size, ...]] = None
    """Its numbers as products, for lists of whole numbers and single ones."""
    scalar: Optional[float] = None
    """Its one number, for a stored float."""
    reals: Optional[tuple[float, ...]] = None
    """Its numbers, for a short list of stored floats."""
    taint: Optional[Taint] = None
    """What is wrong with it; its sizes are not known then."""
    placed: Optional[Taint] = None
    """That its slices depend on their places, and the node where that began. It may still serve as an index."""
    ordinal: Optional[int] = None
    """The followed axis along which its slices are numbered, where its numbers are just that."""
    columns: Optional[tuple[Optional[int], ...]] = None
    """The same for each slice along its last axis; None for a slice that no place enters."""

    @property
    def follows(self) -> bool:
        """Whether it has slices of its own for each row."""
        return bool(self.axes)


FREE = Flow()
"""A value that depends on no row."""


class Domain:
    """One question about one followed symbol."""

    def __init__(self, question: Question, symbol: str) -> None:
        self.question = question
        self.symbol = symbol
        self.names = SizeNames()

    @property
    def is_rows(self) -> bool:
        """Whether rows are followed, not padding."""
        return self.question is Question.ROWS

    def counts(self, flow: Flow) -> bool:
        """Whether a value's numbers depend on the followed size."""
        return flow.content is not None and any(sizes.counts(size, self.symbol) for size in flow.content)

    def made(self, shape: Sequence[Size], pads: Mapping[int, float | None] | None = None) -> Flow:
        """A value of these sizes; axes whose sizes hold the symbol are followed.

        Raises:
            Broken: an axis's size depends on the symbol in an unknown way, or rows would lie along two axes.
        """
        followed = [axis for axis, size in enumerate(shape) if sizes.counts(size, self.symbol)]
        if any(sizes.is_unknown(shape[axis]) for axis in followed):
            raise unclear()
        if self.is_rows and (len(followed) > 1 or any(shape[axis].count(self.symbol) > 1 for axis in followed)):
            raise mixed()
        pads = pads or {}
        return Flow(tuple(shape), {axis: pads.get(axis) for axis in followed})

    def unknown(self) -> Size:
        """A size that is not known and does not depend on the symbol."""
        return self.names.unknown()

    def reduce(self, pad: float | None, neutral: str) -> None:
        """Slices along a followed axis meet in a reduction.

        Args:
            pad: what padded slices hold.
            neutral: which padding changes nothing: `zero`, `low`, `high`, or empty for none.

        Raises:
            Broken: they must not.
        """
        harmless = pad is not None and (
            (neutral == "zero" and pad == 0)
            or (neutral == "low" and pad <= LARGE_NEGATIVE)
            or (neutral == "high" and pad >= -LARGE_NEGATIVE)
        )
        if self.is_rows or not harmless:
            raise mixed()


def broadcast(domain: Domain, flows: Sequence[Flow], operator: str = "") -> Flow:
    """Values combined number by number, stretched to each other.

    Raises:
        Broken: slices meet, numbers depend on how many rows there are, or sizes can't be compared.
    """
    if any(domain.counts(flow) for flow in flows):
        raise mixed(Reason.COUNT)
    if all(not flow.follows for flow in flows) and any(flow.shape is None for flow in flows):
        return FREE
    if any(flow.shape is None for flow in flows):
        raise unclear()
    shapes = [flow.shape or () for flow in flows]
    rank = max(map(len, shapes), default=0)
    made: list[Size] = []
    pads: dict[int, float | None] = {}
    for axis in range(rank):
        here = [(flow, axis - rank + len(shape)) for flow, shape in zip(flows, shapes, strict=True)]
        entries = [(flow, place, (flow.shape or ())[place]) for flow, place in here if place >= 0]
        followed = [size for flow, place, size in entries if place in flow.axes]
        if followed:
            made.append(_followed_size(domain, followed, [size for f, p, size in entries if p not in f.axes]))
            pads[axis] = pad_of(operator, [f.axes.get(p) if p in f.axes else f.scalar for f, p in here])
        else:
            made.append(_common(domain, [size for _, _, size in entries]))
    return domain.made(made, pads)


def _followed_size(domain: Domain, followed: Sequence[Size], others: Sequence[Size]) -> Size:
    first = followed[0]
    if any(size != first for size in followed[1:]):
        raise unclear()
    for size in others:
        if size:
            # A stored size beside the rows gives each row its own numbers by its place. It meets a length of text only
            # where the text has just that length.
            known = sizes.number(size) is not None
            raise mixed(Reason.PLACE) if domain.is_rows and known else unclear()
    return first


def _common(domain: Domain, given: Sequence[Size]) -> Size:
    wide = [size for size in given if size]
    if not wide:
        return ()
    known = next((size for size in wide if (whole := sizes.number(size)) is not None and whole > 1), None)
    if known is not None:
        return known
    return wide[0] if all(sizes.equal(size, wide[0]) for size in wide) else domain.unknown()


def pad_of(operator: str, pads: Sequence[float | None]) -> float | None:
    """What padded slices hold after an operator, from what they hold in its inputs; None where not known."""
    low = [pad for pad in pads if pad is not None and pad <= LARGE_NEGATIVE]
    if operator in ("Mul", "And") and 0 in pads:
        return 0.0
    if operator == "Add" and low and all(pad is None or pad <= 0 for pad in pads):
        return min(low)
    if operator == "Min" and low:
        return min(low)
    if operator == "Where" and len(pads) == 3 and pads[0] is not None:
        return pads[1] if pads[0] else pads[2]
    rule = _NUMBERS.get(operator)
    if rule is None or any(pad is None for pad in pads):
        return None
    try:
        return float(rule(*(pad for pad in pads if pad is not None)))
    except (ArithmeticError, ValueError, TypeError):
        return None


_NUMBERS: dict[str, Callable[..., float]] = {
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "Neg": lambda x: -x,
    "Abs": abs,
    "Relu": lambda x: max(x, 0.0),
    "Not": lambda x: not x,
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Div": lambda x, y: x / y,
    "Equal": lambda x, y: x == y,
    "Greater": lambda x, y: x > y,
    "GreaterOrEqual": lambda x, y: x >= y,
    "Less": lambda x, y: x < y,
    "LessOrEqual": lambda x, y: x <= y,
    "And": lambda x, y: x and y,
    "Or": lambda x, y: x or y,
    "Max": max,
    "Min": min,
}
