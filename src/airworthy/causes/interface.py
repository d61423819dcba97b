"""What a cause is: one entry that can predict, recognise, remedy and explain one thing that goes wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import Area, Key
from airworthy.core.words import say
from airworthy.knowledge import Knowledge

PAGE_HEADINGS = ("What happens", "Why", "How to end it", "How to prevent it", "Example", "References")
"""The sections that every page has, in order."""


class Status(str, Enum):
    """The life of a slug; slugs are never reused."""

    PREVIEW = "preview"
    """New; its wording and its rules may change."""
    STABLE = "stable"
    """Leaned on."""
    DEPRECATED = "deprecated"
    """Going; the page says what takes its place."""
    REMOVED = "removed"
    """Gone; the name still answers with what took its place."""


@dataclass(frozen=True)
class Signature:
    """A text by which a program's output shows the cause.

    The literal is searched first, so that the pattern runs only on lines that hold it. Named groups of the pattern
    become parameters of the finding.
    """

    literal: str
    """A part of the line that never varies; matched with its case."""
    pattern: str = ""
    """A regular expression searched in a line that holds the literal; empty where the literal says it all."""
    weight: float = 1.0
    """How specific it is, from 0 (many causes print it) to 1 (only this one does)."""

    def match(self, line: str) -> dict[str, str] | None:
        """The parameters that the line gives, or None where it doesn't match."""
        if self.literal not in line:
            return None
        if not self.pattern:
            return {}
        found = re.search(self.pattern, line)
        return None if found is None else {k: v for k, v in found.groupdict().items() if v is not None}


Predict = Callable[[Facts, Knowledge], Iterator[Finding]]
RemedyMaker = Callable[[dict[str, Any], Facts], Iterator[Remedy]]


@dataclass
class Cause:
    """One entry of the catalogue. The module's docstring is its page, the module's name its slug."""

    slug: str
    """The name of the fault: file, test, page, silencing key, SARIF rule."""
    severity: Severity
    """How much it matters where nothing says otherwise."""
    message: str
    """The template of the finding's one line."""
    needs: tuple[Key[Any], ...] = ()
    """Facts without which it can't be predicted. An unknown one skips the check, an absent one passes it."""
    uses: tuple[Key[Any], ...] = ()
    """Facts that it takes where they are known."""
    signatures: tuple[Signature, ...] = ()
    """Texts by which output shows it."""
    unpredictable: str = ""
    """Why nothing can be known beforehand, for a cause without `predict`."""
    status: Status = Status.PREVIEW
    """Where in its life it is."""
    predictor: Predict | None = field(default=None, init=False)
    """The function given to `predict`."""
    remedy_maker: RemedyMaker | None = field(default=None, init=False)
    """The function given to `remedy`."""

    def __post_init__(self) -> None:
        # The entry is made at the top of its own module, whose docstring is the page: one frame above __init__.
        module = sys._getframe(2).f_globals  # noqa: SLF001
        self._module: str = module.get("__name__", "")
        self._page: str = (module.get("__doc__") or "").strip()

    @property
    def family(self) -> str:
        """The folder it stands in, such as `host` or `linker`."""
        return self._module.rpartition(".")[0].rpartition(".")[2]

    @property
    def page(self) -> str:
        """The page as Markdown, from its title line on."""
        return self._page

    @property
    def title(self) -> str:
        """The page's first line: what is wrong."""
        return self._page.partition("\n")[0]

    @property
    def areas(self) -> frozenset[Area]:
        """What it is about; it is asked only when all of them are in question."""
        return frozenset(key.area for key in self.needs)

    def predict(self, function: Predict) -> Predict:
        """Register the function that tells from facts whether it will happen; every need is known when it runs."""
        self.predictor = function
        return function

    def remedy(self, function: RemedyMaker) -> RemedyMaker:
        """Register the function that works out ways to end it from a finding's parameters and the facts."""
        self.remedy_maker = function
        return function

    def recognise(self, line: str) -> tuple[Signature, dict[str, str]] | None:
        """The first signature that a line of output matches, with the parameters it gives."""
        for signature in self.signatures:
            params = signature.match(line)
            if params is not None:
                return signature, params
        return None

    def finding(
        self,
        facts: Facts,
        subject: str,
        *,
        evidence: Iterable[Key[Any] | Evidence] = (),
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        message: str = "",
        **params: Any,
    ) -> Finding:
        """A finding of this cause, with its message filled in and its remedies worked out.

        Args:
            facts: what is known; evidence is taken from it.
            subject: what it is about: a file, a package, a device.
            evidence: the keys (or ready evidence) that decided, the deciding one first.
            severity: another than the cause's own.
            confidence: how sure it is.
            message: another template than the cause's own, with the same kind of parameters.
            params: the template's parameters, and what the remedies need.
        """
        return Finding(
            cause=self.slug,
            severity=severity or self.severity,
            confidence=confidence,
            subject=subject,
            message=say(message or self.message, **params),
            params=params,
            evidence=tuple(_evidence(item, facts) for item in evidence),
            remedies=tuple(self.remedy_maker(params, facts)) if self.remedy_maker else (),
        )


def _evidence(item: Key[Any] | Evidence, facts: Facts) -> Evidence:
    if isinstance(item, Evidence):
        return item
    return Evidence(fact=item.name, value=facts.get_value(item, None), source=facts.source(item))
