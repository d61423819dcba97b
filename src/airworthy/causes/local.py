r"""Entries that a project writes for itself: a TOML file each, which then takes part like ours.

```toml
title = "The licence server of the tokenizer does not answer."
severity = "error"
brings_about = ["worker-died"]
page = "..."                            # Markdown, optional

[[signature]]
literal = "licence checkout failed"     # what never varies in the line
pattern = 'failed: (?P<reason>\w+)'     # optional; named groups become parameters
weight = 0.9                            # how few other causes print it
message = "no licence: {reason}"

[[remedy]]
why = "Restart the licence server."
commands = ["systemctl restart licenced"]
```
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from airworthy.causes.interface import Cause, Signature
from airworthy.causes.patterns import hazard
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.finding import Remedy, Severity
from airworthy.core.messages import placeholders, say

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FAMILY = "local"
"""The family of such entries."""
SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
"""What a slug looks like."""
LEAST_LITERAL = 6
"""Characters that a literal has at least; a shorter one stands everywhere."""


class EntryInvalid(AirworthyError):
    """An entry of a project's own folder that can't be used."""

    code = "entry-invalid"
    message = "{source}: {problem}"
    hint = "mend it, or move it out of the folder; `airworthy causes new --help` shows how one is written"


class SignatureRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[[signature]]` of an entry's file."""

    literal: str
    """What never varies in the line."""
    pattern: str = ""
    """A regular expression around it."""
    weight: float = 0.9
    """How few other causes print it, above 0 and at most 1."""
    message: str = ""
    """The finding's template."""


class RemedyRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A `[[remedy]]` of an entry's file."""

    why: str
    """What it does, one sentence."""
    commands: tuple[str, ...] = ()
    """Shell commands, in order."""
    safe: bool = False
    """Whether it can be undone."""


class _LocalEntry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    title: str
    signature: tuple[SignatureRow, ...]
    severity: Severity = Severity.ERROR
    message: str = ""
    related: tuple[str, ...] = ()
    brings_about: tuple[str, ...] = ()
    remedy: tuple[RemedyRow, ...] = ()
    page: str = ""


class LocalEntry(msgspec.Struct, frozen=True):
    """An entry of a project's own folder."""

    cause: Any
    """The entry, a `Cause`."""
    brings_about: tuple[str, ...] = ()
    """Slugs of what it brings about."""


def parse(slug: str, text: str, source: str) -> LocalEntry:
    """Read an entry.

    Args:
        slug: its name: the file's, without the suffix.
        text: the file.
        source: the file's path, for errors.

    Raises:
        EntryInvalid: it is not TOML, lacks a field, has one too many, or a pattern that may never come to an end.
    """
    if SLUG.match(slug) is None:
        raise EntryInvalid(source=source, problem=say("{slug!r} is no slug: small letters and hyphens", slug=slug))
    try:
        entry = msgspec.convert(tomllib.loads(text), _LocalEntry)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise EntryInvalid(source=source, problem=str(error)) from None
    if not entry.signature:
        raise EntryInvalid(source=source, problem=say("there is no [[signature]] in it"))
    for row in entry.signature:
        _check(row, source)
    cause = Cause(
        slug=slug,
        severity=entry.severity,
        message=entry.message,
        signatures=tuple(Signature(row.literal, row.pattern, row.weight, row.message) for row in entry.signature),
        related=entry.related,
        unpredictable=say("an entry of this project's folder knows texts only"),
        page_text=f"{entry.title}\n\n{entry.page}".strip(),
        family_name=FAMILY,
    )
    rows = entry.remedy

    @cause.remedy
    def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
        del params, facts
        for row in rows:
            yield Remedy(why=row.why, commands=row.commands, safe=row.safe)

    return LocalEntry(cause, entry.brings_about)


def _check(row: SignatureRow, source: str) -> None:
    problem = ""
    if len(row.literal) < LEAST_LITERAL or "\n" in row.literal:
        problem = say("the literal {literal!r} is too short, or more than one line", literal=row.literal)
    elif not 0 < row.weight <= 1:
        problem = say("the weight {weight} is not above 0 and at most 1", weight=row.weight)
    else:
        try:
            groups = set(re.compile(row.pattern).groupindex)
        except (re.error, RecursionError, OverflowError) as error:
            problem = say("the pattern {pattern!r}: {error}", pattern=row.pattern, error=error)
        else:
            reason = hazard(row.pattern)
            missing = placeholders(row.message) - groups
            if reason:
                problem = say(
                    "the pattern {pattern!r} may never come to an end: {reason}", pattern=row.pattern, reason=reason
                )
            elif missing:
                problem = say("the message names {missing}, which the pattern does not give", missing=sorted(missing))
    if problem:
        raise EntryInvalid(source=source, problem=problem)


def draft(slug: str, line: str, literal: str, pattern: str) -> str:
    """A file to begin with.

    Args:
        slug: the name of the new entry.
        line: the line of a log that it is made from.
        literal: the part of the line that never varies.
        pattern: the line with what varies as groups; empty where nothing does.
    """
    rows = [
        f"# {slug}: made from a log; say what is wrong, and try it: airworthy diagnose LOG",
        f"# The line: {' '.join(line.split())[:300]}",
        f'title = "{slug.replace("-", " ").capitalize()}."  # what is wrong, one line',
        'severity = "error"  # or "warning", "info"',
        "brings_about = []  # slugs of what follows from it",
        "",
        "[[signature]]",
        f"literal = {_toml(literal)}",
    ]
    if pattern:
        rows.append(f"pattern = {_toml(pattern)}")
    rows += ["weight = 0.9  # from 0, many causes print it, to 1, only this one does", ""]
    rows += ["[[remedy]]", 'why = "..."  # what ends it, one sentence', "commands = []", "safe = false", ""]
    return "\n".join(rows)


def _toml(text: str) -> str:
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return msgspec.json.encode(text).decode()  # a basic string of TOML has JSON's escapes
