"""Families of models: sizes that all their members share, for descriptions that leave them out."""

from __future__ import annotations

import re

from airworthy.core.messages import say
from airworthy.knowledge.tables import Row, rows

_SIGNS = re.compile(r"[^a-z0-9.]+")


class ModelFamily(Row, frozen=True):
    """A family."""

    name: str
    """What it is called."""
    names: tuple[str, ...]
    """What its members' names hold, without signs but points: `qwen2.5`."""
    vocabulary: int
    """Tokens of its vocabulary, with padding."""
    from_memory: bool = False
    """Whether its numbers were written down without their source, which then only says where to compare them."""
    architectures: tuple[str, ...] = ()
    """What its configurations call the architecture, likewise: `qwen2`."""
    feed_forward: float = 3.0
    """The width of the feed-forward part by that between blocks, about."""
    released: str = ""
    """When it came out, `2026-04`."""
    widths: tuple[tuple[int, int], ...] = ()
    """Numbers of blocks with the width between them, where the family has one size with so many."""

    @property
    def title(self) -> str:
        """Its name, with how its numbers are known where they were not compared with their source."""
        return say("{name}, by memory", name=self.name) if self.from_memory else self.name

    def width_of(self, layers: int) -> int:
        """The width of the member with so many blocks; 0 where none or several have so many."""
        return dict(self.widths).get(layers, 0)


def family_of(name: str) -> ModelFamily | None:
    """The family of a model's name, `Qwen2.5-7B-Instruct`; the last that it names, None where none is known."""
    asked = _SIGNS.sub("", name.lower()[:200])
    best: tuple[tuple[int, int], ModelFamily | None] = ((0, 0), None)
    table: tuple[ModelFamily, ...] = rows("model_families", "family", ModelFamily)
    for row in table:
        if asked in row.architectures:
            return row
        for each in row.names:
            # A name ends with what the model was made from: DeepSeek-R1-Distill-Llama-8B is a Llama.
            place = asked.rfind(each) + 1, len(each)
            if place[0] and place > best[0]:
                best = place, row
    return best[1]
