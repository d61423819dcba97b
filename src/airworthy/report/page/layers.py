"""The tensors as a tree by the parts of their names: folded, each with its size, and the figures of its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airworthy.core.messages import say
from airworthy.report.page.drawings import histogram, share
from airworthy.report.page.escape import Html, joined, tag

MOST_TENSORS = 6_000
"""Tensors that are drawn; of more the largest ones."""
MOST_HISTOGRAMS = 4_000
"""Tensors that get a histogram."""
DEEPEST = 12
"""Parts of a name that make a level of their own."""
_OPEN, _LEVELS = 48, 2
"""Branches up to which a level is open to begin with, and how many levels are."""


class _Node:
    __slots__ = ("children", "count", "size", "tensor")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.tensor: Mapping[str, Any] | None = None
        self.size = self.count = 0


def tree(tensors: Sequence[Mapping[str, Any]]) -> Html:
    """The tree of tensors.

    Args:
        tensors: name, datatype, shape and size each; with mean, deviation and histogram where they were measured.
    """
    shown: Sequence[Mapping[str, Any]] = tensors
    if len(tensors) > MOST_TENSORS:
        largest = sorted(range(len(tensors)), key=lambda at: -tensors[at]["size"])[:MOST_TENSORS]
        shown = [tensors[at] for at in sorted(largest)]
    root = _Node()
    for tensor in shown:
        node = root
        parts = tensor["name"].split(".", DEEPEST)
        for part in [root, *parts]:
            if part is not root:
                node = node.children.setdefault(part, _Node())
            node.size += tensor["size"]
            node.count += 1
        # A name that goes on under another tensor's name has a leaf of its own.
        leaf = node if not node.children and node.tensor is None else node.children.setdefault("", _Node())
        leaf.tensor, leaf.size = tensor, tensor["size"]
    left = [MOST_HISTOGRAMS]
    drawn = joined(_branches(root, max(root.size, 1), left, depth=0))
    if len(shown) == len(tensors):
        return drawn
    told = say("{shown} of {count} tensors are shown, the largest ones.", shown=len(shown), count=len(tensors))
    return joined([tag("p", told, class_="soft"), drawn])


def _branches(node: _Node, whole: int, left: list[int], depth: int) -> Iterator[Html]:
    for name, child in node.children.items():
        name, child = _chained(name, child)  # noqa: PLW2901 - a chain without a branch is one line
        if child.children:
            few = depth < _LEVELS and len(child.children) <= _OPEN
            inner = joined(_branches(child, whole, left, depth + 1))
            if child.tensor is not None:
                inner = joined([_leaf("", child.tensor, whole, left), inner])
            line = _line(name, say("{count} tensors", count=child.count), "", child.size, share(child.size / whole))
            yield tag("details", tag("summary", line), inner, open="" if few else None)
        elif child.tensor is not None:
            yield _leaf(name, child.tensor, whole, left)


def _chained(name: str, node: _Node) -> tuple[str, _Node]:
    while len(node.children) == 1 and node.tensor is None:
        ((part, node),) = node.children.items()
        name = f"{name}.{part}" if part else name
    return name, node


def _leaf(name: str, tensor: Mapping[str, Any], whole: int, left: list[int]) -> Html:
    shape = f"[{', '.join(map(str, tensor['shape']))}]"
    counts = tensor.get("histogram") or ()
    if counts and left[0] > 0:
        left[0] -= 1
        drawing = histogram(counts, _figures(tensor))
    else:
        drawing = share(tensor["size"] / whole)
    return tag("div", _line(name, tensor["datatype"], shape, tensor["size"], drawing), class_="leaf")


def _figures(tensor: Mapping[str, Any]) -> str:
    names = ("mean", "deviation", "low", "high")
    known = [tensor.get(name) for name in names]
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in known):
        return ""
    return say(
        "mean {mean:.3g}, standard deviation {deviation:.3g}, from {low:.3g} to {high:.3g}",
        **{name: tensor[name] for name in names},
    )


def _line(name: str, kind: str, shape: str, size: int, drawing: Html) -> Html:
    return joined(
        [
            tag("span", name, class_="name mono", title=name),
            tag("span", kind, class_="soft"),
            tag("span", shape, class_="mono wide"),
            tag("span", say("{size:bytes}", size=size), class_="num"),
            tag("span", drawing, class_="wide"),
        ]
    )
