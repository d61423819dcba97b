"""Ending what was found: the remedies that can be run from here, each shown, agreed to, run, and checked again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from airworthy.core.finding import Edit, Finding, Remedy, Severity
from airworthy.core.messages import say
from airworthy.core.report import AnyReport

KEPT = ".before-airworthy"
"""What is added to the name of a file's copy before it is changed."""
_PLACEHOLDER = re.compile(r"(?<![\w$={./:-])[A-Z][A-Z_]{2,}(?![\w=/-])|<[a-z][\w -]{0,40}>|\.\.\.")
"""A word in a command that a person must replace first, `MODEL`."""
_ONLY_IN_A_SHELL = re.compile(r"\s*(?:export|ulimit|source|cd|unset|alias|umask|conda activate|newgrp)\b")
"""Commands that change the shell that runs them, and nothing once it ends."""

_STAYS = re.compile(r"\b(?:serve|docker run|reboot)\b")
"""Commands that start what goes on, or end the machine: a person's to give."""
_SHOWING = (
    *("cat", "df", "dmesg", "du", "echo", "find", "findmnt", "free", "fuser", "grep", "head", "id", "ip"),
    *("ldconfig -p", "ls", "lspci", "namei", "nvidia-smi", "rocminfo", "sha256sum", "ss", "strings"),
    *("airworthy inspect", r"pip (?:list|check)", r"\S*python\S* -m pip (?:list|check|--version)"),
)
_ONLY_SHOWS = re.compile(rf"\s*(?:sudo )?(?:{'|'.join(_SHOWING)})\b[^;&>]*")
"""Commands that only show something, which ends nothing."""


class FixStep(NamedTuple):
    """One remedy that was gone through."""

    cause: str
    """What it is against."""
    subject: str
    """What that is about."""
    why: str
    """What the remedy says of itself."""
    outcome: str
    """`ended`: the finding is gone; `remains`; `failed`: a command or change did; `declined`: the user refused it."""
    detail: str = ""
    """What failed."""


def runnable(remedy: Remedy) -> bool:
    """Whether a remedy can be run as it stands: it changes something that lasts, and there is nothing to fill in."""
    commands = remedy.commands
    if not remedy.edits and all(_ONLY_SHOWS.fullmatch(each) for each in commands):
        return False
    kept_from_us = (_PLACEHOLDER.search, _ONLY_IN_A_SHELL.match, _STAYS.search)
    return not any(test(each) for each in commands for test in kept_from_us)


def fix(
    report: AnyReport,
    *,
    again: Callable[[], AnyReport],
    agree: Callable[[Finding, Remedy], bool],
    run: Callable[[str], int],
    unsafe: bool = False,
) -> tuple[AnyReport, tuple[FixStep, ...]]:
    """Go through the remedies of what was found, and give the report of the check after the last of them.

    Args:
        report: what was found.
        again: checks once more.
        agree: shows a remedy and says whether to run it.
        run: runs a shell command and gives its exit status.
        unsafe: whether remedies that can't be undone, or that others may notice, are proposed too.
    """
    steps: list[FixStep] = []
    tried: set[tuple[str, str]] = set()
    while (finding := next(_open(report, tried), None)) is not None:
        tried.add(_identity(finding))
        for remedy in finding.remedies:
            if not runnable(remedy) or not (remedy.safe or unsafe):
                continue
            step = FixStep(finding.cause, finding.subject, remedy.why, "declined")
            if not agree(finding, remedy):
                steps.append(step)
                continue
            problem = _do(remedy, run)
            report = again()
            ended = _identity(finding) not in map(_identity, report.findings)
            outcome = "ended" if ended else "failed" if problem else "remains"
            steps.append(step._replace(outcome=outcome, detail=problem))
            if ended:
                break
    return report, tuple(steps)


def _open(report: AnyReport, tried: set[tuple[str, str]]) -> Iterator[Finding]:
    return (f for f in report.findings if f.severity is not Severity.INFO and _identity(f) not in tried)


def _identity(finding: Finding) -> tuple[str, str]:
    return finding.cause, finding.subject


def _do(remedy: Remedy, run: Callable[[str], Any]) -> str:
    """Run a remedy's commands and make its changes, up to the first that fails; what failed, or nothing."""
    for command in remedy.commands:
        status = run(command)
        if status != 0:
            return say("{command} ended with status {status}", command=command, status=status)
    for edit in remedy.edits:
        try:
            problem = _change(edit)
        except (OSError, UnicodeDecodeError) as error:
            problem = say("{path}: {reason}", path=edit.path, reason=error)
        if problem:
            return problem
    return ""


def _change(edit: Edit) -> str:
    path = Path(edit.path).expanduser()
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if edit.old and before.count(edit.old) != 1:
        return say("{path} does not hold the text once that is to go", path=edit.path)
    after = before.replace(edit.old, edit.new) if edit.old else _added(before, edit.new)
    if path.exists():
        path.with_name(path.name + KEPT).write_text(before, encoding="utf-8")
    path.write_text(after, encoding="utf-8")
    return ""


def _added(before: str, new: str) -> str:
    lead = "" if not before or before.endswith("\n") else "\n"
    return f"{before}{lead}{new.rstrip()}\n"
