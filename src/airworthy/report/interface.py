"""What a renderer is: a function that makes a text of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airworthy.core.report import AnyReport

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue


@dataclass(frozen=True)
class RenderOptions:
    """What a renderer may know of the place where its text will be read."""

    verbose: bool = False
    """Whether passed and skipped checks are named, and every remedy is shown."""
    terminal: bool = False
    """Whether a person reads it on a terminal: lines are wrapped and may be styled."""
    color: bool = False
    """Whether a terminal is given colour; without effect elsewhere."""
    width: int = 80
    """Columns of the terminal."""
    catalogue: Catalogue | None = None
    """The catalogue that the report was made with, for formats that describe causes; this installation's if None."""


class Renderer(Protocol):
    """One output format."""

    def __call__(self, report: AnyReport, options: RenderOptions) -> str:
        """Render a report; the text ends with a line feed."""
