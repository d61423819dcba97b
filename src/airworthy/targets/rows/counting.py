"""Rules for operators that give sizes, and numbers made of sizes."""

from __future__ import annotations

from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import FREE, Flow, unclear
from airworthy.targets.rows.step import NodeStep, Outcome, Rule, listed

MOST_NUMBERS = 64
"""Numbers of a list that is followed."""


def shape_of(step: NodeStep) -> Outcome:
    """The sizes themselves."""
    shape = step.shape(0)
    end = step.node.attributes.get("end")
    start = step.whole("start", 0)
    return [listed(shape[start : end if isinstance(end, int) else None])]


def size_of(step: NodeStep) -> Outcome:
    """How many numbers there are."""
    return [listed([sizes.times(step.shape(0))], 0)]


def constant_of_shape(step: NodeStep) -> Outcome:
    """One number everywhere."""
    content = step.input(0).content
    if content is None:
        return [FREE]
    made = step.domain.made(content)
    value = step.node.attributes.get("number", None if "value" in step.node.attributes else 0)
    if not isinstance(value, (int, float)):
        return [made]
    count = sizes.number(content[0]) if len(content) == 1 else None
    if count is not None and count <= MOST_NUMBERS and value == int(value):
        return [listed([sizes.of(int(value))] * count)]
    return [Flow(made.shape, dict.fromkeys(made.axes, float(value)), None, float(value))]


def range_(step: NodeStep) -> Outcome:
    """Numbers that count up."""
    contents = [step.input(index).content for index in range(3)]
    if any(content is None for content in contents):
        return [Flow((step.domain.unknown(),))]
    start, limit, by = ((content or ((),))[0] for content in contents)
    whole = [number for number in map(sizes.number, (start, limit, by)) if number is not None]
    if len(whole) == 3 and whole[2]:
        numbers = range(*whole)
        short = len(numbers) <= MOST_NUMBERS
        return [listed(list(map(sizes.of, numbers))) if short else Flow((sizes.of(len(numbers)),))]
    if not any(sizes.counts(each, step.domain.symbol) for each in (start, limit, by)):
        return [Flow((limit if (start, by) == ((0,), ()) else step.domain.unknown(),))]
    if (start, by) != ((0,), ()):
        raise unclear()
    return [step.by_place(step.domain.made([limit])._replace(ordinal=0))]


RULES: dict[str, Rule] = {
    "Shape": shape_of,
    "Size": size_of,
    "ConstantOfShape": constant_of_shape,
    "Range": range_,
}
