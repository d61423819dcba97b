"""What is wrong, how sure that is, what shows it, and what ends it."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec


class Severity(str, Enum):
    """How much a finding matters to whether the model will run."""

    INFO = "info"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """It works, and less well or less safely than it could."""
    ERROR = "error"
    """It will not work, or must not be let in."""

    @property
    def rank(self) -> int:
        """0 for the least; for comparing."""
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


class Confidence(str, Enum):
    """How sure a finding is."""

    LOW = "low"
    """A guess, marked as one."""
    MEDIUM = "medium"
    """Decided from a table or from part of the facts."""
    HIGH = "high"
    """Read from the thing itself."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that shows the finding: a fact, or a line of a log."""

    fact: str = ""
    """The fact's name, or empty for a line."""
    line: int | None = None
    """The line's number in the log, from 1, or None for a fact."""
    value: Any = None
    """The fact's value, or the line's text."""
    source: str = ""
    """Where it was read."""


class Edit(msgspec.Struct, frozen=True):
    """A change to a file."""

    path: str
    """The file."""
    old: str
    """The text that goes; empty when something is added at the end."""
    new: str
    """The text that comes."""


class Remedy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A way to end a finding. Nothing runs it but a person or an explicit flag."""

    why: str
    """What it does and why that helps, one sentence."""
    commands: tuple[str, ...] = ()
    """Shell commands for this host, in order; empty where it is not a matter of commands."""
    edits: tuple[Edit, ...] = ()
    """Changes to files."""
    safe: bool = False
    """Whether it can be undone and changes nothing that something else may lean on."""


class Standing(str, Enum):
    """What the facts say of a finding that came from a log."""

    CONFIRMED = "confirmed"
    """They show the same cause."""
    REFUTED = "refuted"
    """They show that the cause is not there now; it may have been when the log was written."""
    UNDECIDED = "undecided"
    """They don't say: one that is needed is not known, or the cause can't be predicted."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, under the name of its cause."""

    cause: str
    """The slug of the catalogue entry."""
    severity: Severity
    """How much it matters."""
    confidence: Confidence
    """How sure it is."""
    subject: str
    """What it is about: a file, a package, a device."""
    message: str
    """What is wrong, in one line, in the reader's language."""
    params: dict[str, Any]
    """The parameters that the message was made of."""
    evidence: tuple[Evidence, ...] = ()
    """What shows it, the deciding one first."""
    remedies: tuple[Remedy, ...] = ()
    """Ways out, the best first."""
    standing: Standing | None = None
    """What the facts say of it, for a finding from a log that was checked against facts."""
    standing_why: str = ""
    """Why the facts say so, one line; empty where the evidence says it."""
    passed_over: str = ""
    """Why it is not taken for the root cause, one line; empty for the one that is, and outside of a diagnosis."""


def most_important(finding: Finding) -> tuple[int, int, str, str]:
    """The sort key that puts the most severe and surest finding first, and keeps the order stable."""
    sure = list(Confidence).index(finding.confidence)
    return (-finding.severity.rank, -sure, finding.cause, finding.subject)
