"""What gateway and worker exchange about a model's rows: what is to be tried, and what was found."""

from __future__ import annotations

from typing import Optional

import msgspec

from airworthy.targets.rows.verdict import UNDECIDED, Reason, Verdict

UNREAD = Verdict(UNDECIDED, Reason.UNREAD.value)
"""The verdict on a graph that can't be read, or that the engine doesn't run."""


class PaddedTexts(msgspec.Struct, frozen=True):
    """How texts of unlike length are put into one batch."""

    pads: dict[str, int]
    """The number that each input is padded with."""
    output: str
    """The output that texts are served from."""
    vocabulary: int
    """Token numbers are below it."""
    longest: Optional[int] = None
    """Tokens of the longest text; None for any."""


class GraphProof(msgspec.Struct, frozen=True):
    """What a graph says."""

    rows: Verdict = UNREAD
    """Whether rows are independent of each other."""
    padding: Verdict = UNREAD
    """Whether the served output is independent of padding."""
    repeats: Verdict = UNREAD
    """Whether answers are independent of anything but the request."""


class RowTrials(msgspec.Struct, frozen=True):
    """What trial runs are to find, where the graph can't decide."""

    rows: bool
    """Whether rows are independent."""
    padding: bool
    """Whether padding changes nothing."""
    repeats: bool
    """Whether the same request gets the same answer again."""
    most_rows: int
    """The most rows that a batch may have."""
    texts: Optional[PaddedTexts] = None
    """How texts are padded, where the model takes texts."""


class TrialOutcome(msgspec.Struct, frozen=True):
    """What trial runs found; false too for what was not asked, and where they could not be made or took too long."""

    rows: bool = False
    """Whether rows were the same together and apart."""
    padding: bool = False
    """Whether texts were the same with and without padding."""
    repeats: bool = False
    """Whether answers were the same again."""
    runs: int = 0
    """How many runs were made."""
    problem: str = ""
    """What went wrong first, one line: `parted` or `failed` or `slow`, or empty."""
