"""What a cause is: one entry that can predict, recognise, remedy and explain one thing that goes wrong."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import Area, Key
from airworthy.core.messages import placeholders, say
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


WINDOW = 1500
"""Characters on each side of a literal that its pattern is searched in: no line is too long for any pattern."""
OCCURRENCES = 8
"""How often a literal is tried in one line."""


UNCERTAIN = 0.6
"""The weight below which a signature alone is a guess."""


class Undecidable(Exception):
    """Raised by a predictor that can't decide from facts and tables; the check is then skipped with the reason."""

    def __init__(self, template: str, **params: Any) -> None:
        super().__init__(say(template, **params))


@dataclass(frozen=True)
class Signature:
    """A text by which a program's output shows the cause.

    The literal is searched first, so that the pattern runs only near it. Named groups of the pattern become parameters
    of the finding.
    """

    literal: str
    """A part of the line that never varies; matched with its case."""
    pattern: str = ""
    """A regular expression searched around the literal; empty where the literal says it all."""
    weight: float = 1.0
    """How specific it is, from 0 (many causes print it) to 1 (only this one does)."""
    message: str = ""
    """The finding's template where the cause's own asks for more than the pattern gives."""
    refine: Callable[[dict[str, str]], dict[str, str] | None] | None = None
    """Works further parameters out of those that the pattern gave; None where they speak for another cause."""

    @functools.cached_property
    def _search(self) -> Callable[[str], re.Match[str] | None]:
        return re.compile(self.pattern).search

    def match(self, line: str) -> dict[str, str] | None:
        """The parameters that the line gives, or None where it doesn't match."""
        at = line.find(self.literal)
        if at < 0:
            return None
        if not self.pattern:
            return {}
        for _ in range(OCCURRENCES):
            found = self._search(line[max(0, at - WINDOW) : at + len(self.literal) + WINDOW])
            if found is not None:
                params = {name: value for name, value in found.groupdict().items() if value is not None}
                refined = params if self.refine is None else self.refine(params)
                if refined is not None:
                    return refined
            at = line.find(self.literal, at + len(self.literal))
            if at < 0:
                return None
        return None


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
    related: tuple[str, ...] = ()
    """Slugs that look like it, or go with it."""
    blind_spot: str = ""
    """What its `predict` can't see, for a cause of which a pass proves nothing; empty where a pass refutes it."""
    unpredictable: str = ""
    """Why nothing can be known beforehand, for a cause without `predict`."""
    status: Status = Status.PREVIEW
    """Where in its life it is."""
    page_text: str = ""
    """The page, for an entry that has no module of its own."""
    family_name: str = ""
    """The family, for an entry that has no module of its own."""
    predictor: Predict | None = field(default=None, init=False)
    """The function given to `predict`."""
    remedy_maker: RemedyMaker | None = field(default=None, init=False)
    """The function given to `remedy`."""

    def __post_init__(self) -> None:
        # The entry is made at the top of its own module, whose docstring is the page: one frame above __init__.
        module = sys._getframe(2).f_globals  # noqa: SLF001
        self._module: str = module.get("__name__", "")
        self._page: str = (module.get("__doc__") or "").strip()
        if self.family_name:
            self._module, self._page = f"{self.family_name}.{self.slug}", self.page_text

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

    @property
    def literals(self) -> tuple[str, ...]:
        """The literals of its signatures, in their order, each once."""
        return tuple(dict.fromkeys(signature.literal for signature in self.signatures))

    def predict(self, function: Predict) -> Predict:
        """Register the function that predicts from facts whether it will happen; every need is known when it runs."""
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

    def recognised(
        self, line: Evidence, signature: Signature, params: dict[str, str], facts: Facts, *, remedies: bool = True
    ) -> Finding:
        """A finding from a line of output that a signature matched; its subject is what the line names.

        The cause's own message is used where the line gave all that it asks for, else the signature's, else the title.
        Without `remedies` none are worked out.
        """
        template = next(
            (each for each in (self.message, signature.message) if each and placeholders(each) <= params.keys()), ""
        )
        return Finding(
            cause=self.slug,
            severity=self.severity,
            confidence=_confidence(signature.weight),
            subject=next(iter(params.values()), ""),
            message=say(template, **params) if template else self.title.rstrip("."),
            params=dict(params),
            evidence=(line,),
            remedies=tuple(self.remedy_maker(dict(params), facts)) if remedies and self.remedy_maker else (),
        )

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


def element(facts: Facts, key: Key[Any], value: Any) -> Evidence:
    """One element of a fact that holds many, as the evidence of a finding about that one."""
    return Evidence(fact=key.name, value=value, source=facts.source(key))


def _confidence(weight: float) -> Confidence:
    if weight < UNCERTAIN:
        return Confidence.LOW
    return Confidence.HIGH if weight >= 1 else Confidence.MEDIUM


def _evidence(item: Key[Any] | Evidence, facts: Facts) -> Evidence:
    if isinstance(item, Evidence):
        return item
    return Evidence(fact=item.name, value=facts.get_value(item, None), source=facts.source(item))
