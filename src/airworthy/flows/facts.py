"""What is: the facts of this host and environment, or of a facts file."""

from __future__ import annotations

import getpass
import platform
import sys
from collections.abc import Collection
from pathlib import Path

from airworthy.core.facts import Facts, dump, to_json
from airworthy.core.facts import load as parse
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.redact import redact
from airworthy.core.report import Report
from airworthy.flows.answers.facts import FactsAnswer
from airworthy.flows.files import read, write_private
from airworthy.report.plain import builtins

TIME_LIMIT = 10.0
"""Seconds that each probe has; the facts of one that has not answered by then are unknown."""

HERE = "here"
"""What stands for this machine where two are compared."""


def gather(
    *,
    only: Collection[str] = (),
    time_limit: float = TIME_LIMIT,
    redacted: bool = False,
    progress: Progress = SILENT,
) -> Facts:
    """Read the facts of this host and this interpreter's environment.

    Args:
        only: names of probes; all of them when empty.
        time_limit: seconds that each probe has; what was not read by then is unknown, with that as the reason.
        redacted: whether what names a person, a host or a secret is taken out.
        progress: receives which probe is at work.
    """
    from airworthy.probes.registry import PROBES
    from airworthy.probes.runner import gather as ask
    from airworthy.probes.seam.local import LocalHost
    from airworthy.probes.seam.remembered import remembering
    from airworthy.probes.seam.user_cache import storage

    probes = [PROBES.get(name) for name in only] if only else list(PROBES)
    host = LocalHost()
    with remembering(host, storage("" if only else sys.executable)):
        facts = ask(host, probes, time_limit=time_limit, progress=progress)
    return redact(facts, own_names()) if redacted else facts


def load(path: str) -> Facts:
    """Read a facts file; `-` is standard input.

    Raises:
        InputNotFound: there is no such file.
        FactsUnreadable: it isn't a facts file.
    """
    return parse(read(path), path)


def save(facts: Facts, path: Path) -> None:
    """Write a facts file that only its owner reads, whole or not at all.

    Raises:
        OutputFailed: it could not be written.
    """
    write_private(path, dump(facts))


def report(facts: Facts) -> Report[FactsAnswer]:
    """The facts as the answer of a verb."""
    document = to_json(facts)
    return Report(
        verb="facts",
        subject=say("this host"),
        answer=FactsAnswer(taken=document["taken"], facts=builtins(document["facts"])),
    )


def compare(first: str, second: str, *, progress: Progress = SILENT) -> Report[FactsAnswer]:
    """What differs between two machines, what says most first.

    Args:
        first: a facts file, `-` for standard input, or `here` for this machine; where it works.
        second: the same for the machine on which it does not.
        progress: receives what is read.

    Raises:
        InputNotFound: there is no such file.
        FactsUnreadable: it isn't a facts file.
    """
    from airworthy.core.comparison import compare as differences

    def read_or_gather(name: str) -> Facts:
        here = name == HERE and not Path(name).exists()
        return gather(progress=progress) if here else load(name)

    one, other = read_or_gather(first), read_or_gather(second)
    found = differences(one, other)
    return Report(
        verb="facts",
        subject=say("{first} and {second}", first=first, second=second),
        answer=FactsAnswer(compared=[first, second], differences=[each._asdict() for each in found]),
    )


def own_names() -> tuple[str, ...]:
    """The names of this user and this host, which redaction removes wherever they stand."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a numeric user without a row in the user database
        user = ""
    node = platform.node()
    return tuple(dict.fromkeys(name for name in (user, node, node.partition(".")[0]) if name))
