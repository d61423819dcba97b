"""One node as rules see it: what is known of its inputs, its attributes, and how its outputs are described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from airworthy.core.graph import Graph, Node
from airworthy.targets.rows import sizes
from airworthy.targets.rows.flow import FREE, Domain, Flow, Level, Taint, unclear
from airworthy.targets.rows.sizes import Size
from airworthy.targets.rows.verdict import Reason

Walk = Callable[[Graph, Sequence[Flow]], list[Flow]]
"""Follows the graph within a node; its inputs' flows in, its outputs' flows out."""
Outcome = list[Flow]


class NodeStep(NamedTuple):
    """A node with the flows of its inputs."""

    node: Node
    flows: Sequence[Flow | None]
    """Its inputs in order; None for one that is left out."""
    domain: Domain
    opset: int
    """The version of the node's operator set."""
    walk: Walk

    def has(self, index: int) -> bool:
        """Whether an input is given."""
        return index < len(self.flows) and self.flows[index] is not None

    def input(self, index: int) -> Flow:
        """An input that must be there.

        Raises:
            Broken: it isn't.
        """
        flow = self.flows[index] if index < len(self.flows) else None
        if flow is None:
            raise unclear()
        return flow

    @property
    def given(self) -> list[Flow]:
        """The inputs that are there."""
        return [flow for flow in self.flows if flow is not None]

    def shape(self, index: int) -> tuple[Size, ...]:
        """The sizes of an input.

        Raises:
            Broken: they are not known.
        """
        shape = self.input(index).shape
        if shape is None:
            raise unclear()
        return shape

    def whole(self, name: str, default: int) -> int:
        """A whole number among the attributes.

        Raises:
            Broken: the attribute holds something else.
        """
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise unclear()
        return value

    def text(self, name: str, default: str) -> str:
        """A text among the attributes.

        Raises:
            Broken: the attribute holds something else.
        """
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str) or is_reference(value):
            raise unclear()
        return value

    def ints(self, name: str) -> tuple[int, ...] | None:
        """Whole numbers among the attributes; None where the attribute is not given.

        Raises:
            Broken: the attribute holds something else.
        """
        value = self.node.attributes.get(name)
        if value is None or isinstance(value, tuple):
            return value
        if isinstance(value, int):
            return (value,)
        raise unclear()

    def content(self, index: int) -> tuple[Size, ...]:
        """The numbers of an input.

        Raises:
            Broken: they are not known.
        """
        content = self.input(index).content
        if content is None:
            raise unclear()
        return content

    def numbers(self, index: int) -> tuple[int, ...]:
        """The whole numbers of an input.

        Raises:
            Broken: they are not known.
        """
        known = [sizes.number(size) for size in self.content(index)]
        found = tuple(number for number in known if number is not None)
        if len(found) != len(known):
            raise unclear()
        return found

    def axes(self, index: int, rank: int) -> tuple[int, ...] | None:
        """Axes as an attribute or an input, counted from the front; None where none are given.

        Raises:
            Broken: they are not known, or outside the rank.
        """
        told = self.ints("axes")
        if told is None and self.has(index):
            told = self.numbers(index)
        return None if told is None else tuple(inside(axis, rank) for axis in told)

    def everything(self, flow: Flow) -> Outcome:
        """One flow for all outputs."""
        return [flow] * len(self.node.outputs)

    def tainted(self, level: Level, reason: Reason) -> Flow:
        """An output that breaks the rule by itself."""
        return Flow(taint=Taint(level, reason, self.node.name, self.node.operator))

    def by_place(self, flow: Flow) -> Flow:
        """A value whose slices depend on their places: no harm for padding, which stands behind all else."""
        if not self.domain.is_rows or not flow.follows:
            return flow
        return flow._replace(placed=Taint(Level.DEPENDENT, Reason.PLACE, self.node.name, self.node.operator))

    def nothing_followed(self) -> bool:
        """Whether no input depends on rows or on their number."""
        return not any(flow.follows or self.domain.counts(flow) for flow in self.given)

    def only_free(self, *indexes: int) -> None:
        """Check that inputs depend on no row.

        Raises:
            Broken: one does.
        """
        for index in indexes:
            flow = self.flows[index] if index < len(self.flows) else None
            if flow is not None and (flow.follows or self.domain.counts(flow)):
                raise unclear()


Rule = Callable[[NodeStep], Outcome]


def is_reference(value: object) -> bool:
    """Whether an attribute of a model's own function stands for one of the call that was not given."""
    return isinstance(value, str) and value.startswith("@")


def inside(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        Broken: it is outside the rank.
    """
    if not -rank <= axis < rank:
        raise unclear()
    return axis % rank


def listed(content: Sequence[Size], rank: int = 1) -> Flow:
    """A value whose numbers are known: a list, or a single number."""
    shape: tuple[Size, ...] = (sizes.of(len(content)),) if rank else ()
    single = sizes.number(content[0]) if len(content) == 1 else None
    return Flow(shape, {}, tuple(content), None if single is None else float(single))


def free_of(shape: Sequence[Size] | None) -> Flow:
    """A value that depends on no row."""
    return FREE if shape is None else Flow(tuple(shape))


def rules(rule: Rule, names: str, domain: str = "") -> dict[str, Rule]:
    """One rule for several operators of one set."""
    return {f"{domain}:{name}" if domain else name: rule for name in names.split()}
