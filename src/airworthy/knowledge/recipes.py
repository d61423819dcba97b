"""How a float model can be made smaller, and which way suits which graph and processor."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from airworthy.knowledge.tables import Row, rows

_TABLE = "quantisation_recipes"


class Recipe(Row, frozen=True):
    """One way to quantise."""

    name: str
    """Its name, `static-int8-entropy`."""
    what: str
    """What it does, one line."""
    method: Literal["dynamic", "static", "weights"]
    """Whether activations are quantised at run time, by calibration, or not at all."""
    calibrator: str = ""
    """How ranges are found, for a static one: `MinMax`, `Entropy`, `Percentile`."""
    bits: int = 8
    """Bits of a weight, for `weights`."""
    per_channel: bool = False
    """Whether each channel has a scale of its own."""
    reduce_range: bool = False
    """Whether weights have 7 bits, so that sums of products fit into 16."""
    graphs: tuple[str, ...] = ()
    """Operators one of which the graph needs for it to change anything."""
    without: tuple[str, ...] = ()
    """Instructions that make it needless: it is for processors that have none of them."""
    note: str = ""
    """What is known of it."""


def recipes(operators: Collection[str], instructions: Collection[str]) -> tuple[Recipe, ...]:
    """The recipes that suit a graph and a processor.

    Args:
        operators: those of the graph.
        instructions: those of the processor; a recipe for processors without some is left out where one is there.
    """
    return tuple(
        recipe
        for recipe in rows(_TABLE, "recipe", Recipe)
        if set(recipe.graphs) & set(operators) and not set(recipe.without) & set(instructions)
    )
