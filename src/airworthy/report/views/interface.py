"""What a view is: a function that makes lines of a verb's answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line


class View(Protocol):
    """Reports the answer of one verb; the findings are reported elsewhere."""

    def __call__(self, report: AnyReport, options: RenderOptions) -> Iterable[Line]:
        """The lines that come before the findings."""
