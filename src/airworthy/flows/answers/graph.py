"""The answer of `graph`."""

from __future__ import annotations

from typing import Any, Optional

from airworthy.core.report import VerbAnswer
from airworthy.environment.graphs.folding import Fold
from airworthy.environment.graphs.push import Pushed


class GraphAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `graph`: what was drawn, asked or sent."""

    of: str
    """The environment or lock."""
    nodes: int
    """Packages, libraries, drivers and chips."""
    edges: int
    """Requirements between them."""
    unmet: int
    """Requirements that are not satisfied."""
    output: str = ""
    """The file that was written."""
    drawn: int = 0
    """Boxes of the picture."""
    folds: tuple[Fold, ...] = ()
    """What is drawn as one box."""
    conflicts: Optional[list[dict[str, str]]] = None
    """Each requirement that is not satisfied, with `--conflicts`."""
    paths: Optional[list[list[str]]] = None
    """The paths from roots to a node, with `--paths-to`."""
    affected: Optional[list[str]] = None
    """What requires a node, near or far, with `--blast-radius`."""
    query: str = ""
    """The statement, with `--query`."""
    engine: str = ""
    """What ran it."""
    rows: Optional[list[dict[str, Any]]] = None
    """Its answer."""
    pushed: Optional[Pushed] = None
    """What a database holds after `--push`."""
