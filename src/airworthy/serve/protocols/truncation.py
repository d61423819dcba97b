"""Whether texts that are too long are cut, as a request names it; without a word they are refused."""

from __future__ import annotations

from typing import Literal, NamedTuple, Union

from airworthy.serve.models.served import ServedModel

Truncate = Union[bool, Literal["NONE", "START", "END"]]
"""How requests name it: true and false as TEI has it, the others as NIM and Cohere."""


class Cut(NamedTuple):
    """Whether texts are cut, and to how many tokens."""

    wanted: bool = False
    """Whether they are."""
    tokens: int | None = None
    """To how many tokens; None for as many as the model takes."""
    side: str = "right"
    """The side that is cut."""

    def most(self, served: ServedModel) -> int | None:
        """Tokens that a text may have; None leaves it whole."""
        bounds = [each for each in (self.tokens, served.model.max_length) if each is not None]
        return min(bounds, default=None) if self.wanted else None


WHOLE = Cut()
"""Texts are left whole: one that is too long is refused."""


def cut_of(truncate: Truncate, tokens: int | None = None) -> Cut:
    """How texts are cut.

    Args:
        truncate: whether they are.
        tokens: to how many tokens, as vLLM's `truncate_prompt_tokens`; below 1 for as many as the model takes.
    """
    wanted = truncate not in (False, "NONE") or tokens is not None
    side = "left" if truncate == "START" else "right"
    return Cut(wanted, tokens if tokens is not None and tokens > 0 else None, side)
