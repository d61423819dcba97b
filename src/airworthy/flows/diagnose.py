"""After: what went wrong, reported from a log, from a command that failed, or from what a cluster says of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.core.errors import AirworthyError
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding
from airworthy.core.messages import say
from airworthy.core.report import CheckResult, Failed, Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.diagnose import DiagnoseAnswer
from airworthy.flows.catalogue import catalogue_for
from airworthy.flows.files import STANDARD_INPUT
from airworthy.recognition import Diagnosis, diagnose_scan, gone_through, unwrapped
from airworthy.recognition import diagnose as recognise
from airworthy.recognition.scan import LogScan
from airworthy.recognition.text_index import text_index

SOONEST_AGAIN = 60
"""Lines of a followed log after which the same cause is reported again."""
NOT_FAILURES = (2, 13)
"""Signals whose end is the user's wish, or the reader's: interrupt, and a pipe that no process reads."""


class PodUnreadable(AirworthyError):
    """Nothing could be learnt about a pod."""

    code = "pod-unreadable"
    message = "nothing could be learnt about the pod {name}: {reason}"
    hint = "see whether `kubectl get pod {name}` works here, or save its output and give it with --events FILE"


class Ran(NamedTuple):
    """A command that was run, and what its failure shows."""

    status: int
    """Its exit status."""
    report: Report[DiagnoseAnswer] | None
    """What its output shows; None where it did not fail, or was asked to end."""
    problem: str = ""
    """Why it could not be started; empty where it was."""


def diagnose(text: str | bytes, facts: Facts | None = None, catalogue: Catalogue | None = None) -> Diagnosis:
    """Recognise causes in a program's output.

    Args:
        text: a log, a traceback, what a command printed.
        facts: what is known about the machine it ran on; nothing is read here.
        catalogue: the causes that are looked for; those of the working directory by default.

    Raises:
        EntryInvalid: an entry of the project's own folder can't be used.
    """
    return recognise(text, facts, catalogue or catalogue_for())


def diagnose_file(
    path: str,
    *,
    facts: Facts | None = None,
    here: bool = False,
    settings: Settings | None = None,
    keep: bool = False,
    catalogue: Catalogue | None = None,
) -> Report[DiagnoseAnswer]:
    """Recognise causes in a log file; `-` is standard input.

    The root cause is the first finding, and the `cause` of the answer.

    Args:
        path: the log, plain or compressed, of any length.
        facts: what is known about the machine it comes from.
        here: whether it comes from this machine; the facts that decide are then read now.
        settings: where diagnoses are kept.
        keep: whether this one is.
        catalogue: the causes that are looked for; those of the working directory by default.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
        StateUnusable: it is to be kept, and can't be.
    """
    from airworthy.flows.logs import pieces

    subject = say("standard input") if path == STANDARD_INPUT else path
    report = diagnosis_report(subject, diagnose_parts(pieces(path), facts, catalogue, here=here))
    if keep:
        _keep(settings or Settings(), _absolute(path), report)
    return report


def diagnose_command(
    argv: Sequence[str],
    *,
    facts: Facts | None = None,
    here: bool = True,
    settings: Settings | None = None,
    keep: bool = False,
    catalogue: Catalogue | None = None,
) -> Ran:
    """Run a command unchanged, and report from what it printed why it failed.

    Args:
        argv: the command and its arguments.
        facts: what is known about this machine.
        here: whether the facts that decide are read where none are given.
        settings: where diagnoses are kept.
        keep: whether this one is; a success resolves what is open for the same command.
        catalogue: the causes that are looked for; those of the working directory by default.

    Raises:
        StateUnusable: it is to be kept, and can't be.
    """
    import shlex

    from airworthy.flows.command.runner import run

    line = shlex.join(argv)
    ended = run(argv)
    if ended.status == 0:
        if keep:
            _keep(settings or Settings(), line, None)
        return Ran(0, None)
    if ended.problem:
        return Ran(ended.status, None, say("{command}: {problem}", command=argv[0], problem=ended.problem))
    if ended.asked_to_end or ended.signal in NOT_FAILURES:
        return Ran(ended.status, None)
    printed = ended.printed + shell_words(argv[0], ended.status).encode()
    report = diagnosis_report(line, diagnose_parts((printed,), facts, catalogue, here=here), status=ended.status)
    if keep:
        _keep(settings or Settings(), line, report)
    return Ran(ended.status, report)


def diagnose_events(
    path: str, *, facts: Facts | None = None, catalogue: Catalogue | None = None
) -> Report[DiagnoseAnswer]:
    """Recognise causes in what `kubectl describe`, `get events` or `get pod -o yaml|json` printed.

    Args:
        path: the file; `-` is standard input.
        facts: what is known about the machine it comes from.
        catalogue: the causes that are looked for; those of the working directory by default.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
        InputTooLarge: it is larger than anything a cluster says of a pod.
    """
    from airworthy.flows.files import read
    from airworthy.recognition.events import plain

    text = plain(read(path).decode("utf-8", "replace"))
    subject = say("standard input") if path == STANDARD_INPUT else path
    return diagnosis_report(subject, diagnose_parts((text.encode("utf-8", "replace"),), facts, catalogue))


def diagnose_pod(
    name: str,
    *,
    namespace: str = "",
    context: str = "",
    facts: Facts | None = None,
    catalogue: Catalogue | None = None,
) -> Report[DiagnoseAnswer]:
    """Ask the cluster about a pod, through `kubectl`, and recognise causes in its answers.

    Raises:
        PodUnreadable: the cluster reported nothing.
    """
    from airworthy.probes.host.pods import read_pod
    from airworthy.probes.seam.local import LocalHost

    texts, problem = read_pod(LocalHost(), name, namespace=namespace, context=context)
    if not texts:
        raise PodUnreadable(name=name, reason=problem)
    parts = (f"$ {each.source}\n{each.text}\n".encode("utf-8", "replace") for each in texts)
    return diagnosis_report(say("pod {name}", name=name), diagnose_parts(parts, facts, catalogue))


def follow(
    path: str,
    *,
    facts: Facts | None = None,
    stop: Callable[[], bool] = lambda: False,
    catalogue: Catalogue | None = None,
) -> Iterator[Report[DiagnoseAnswer]]:
    """Watch a log, and report each failure once it has reported all it has to report; `-` is standard input.

    Args:
        path: the log.
        facts: what is known about the machine it comes from.
        stop: asked between looks; the watch ends when it is true, or standard input does.
        catalogue: the causes that are looked for; those of the working directory by default.

    Raises:
        InputNotFound: there is no such file.
        InputUnreadable: it can't be read.
    """
    from airworthy.flows.logs import follow as pieces

    entries = text_index(catalogue or catalogue_for())
    scan = LogScan(entries)
    told: dict[str, int] = {}
    for piece in pieces(path, stop=stop):
        if piece:
            scan.feed(piece)
            continue
        diagnosis = diagnose_scan(scan, entries, facts)
        if diagnosis.findings and _is_news(diagnosis.findings[0], told):
            yield diagnosis_report(path, diagnosis)
            # What was reported is over: the next failure is one of its own.
            scan = scan.fresh()
    scan.close()
    diagnosis = diagnose_scan(scan, entries, facts)
    if diagnosis.findings and _is_news(diagnosis.findings[0], told):
        yield diagnosis_report(path, diagnosis)


def _is_news(finding: Finding, told: dict[str, int]) -> bool:
    line = finding.evidence[0].line or 0
    last = told.get(finding.cause)
    if last is not None and (line == last or line - last < SOONEST_AGAIN):
        return False
    told[finding.cause] = line
    return True


def diagnose_parts(
    parts: Iterable[bytes], facts: Facts | None, catalogue: Catalogue | None, *, here: bool = False
) -> Diagnosis:
    """The causes that a program's output shows, the project's own entries among them.

    Args:
        parts: the output, in pieces.
        facts: what is known about the machine it ran on.
        catalogue: the causes that are looked for; those of the working directory if None.
        here: whether the facts that decide are read where none are given.
    """
    entries = text_index(catalogue or catalogue_for())
    kept = _First(parts)
    scan = gone_through(kept, entries)
    if not scan.hits and kept.whole is not None:
        scan = unwrapped(kept.whole, entries) or scan
    if facts is None and here and scan.hits:
        facts = _facts_for(entries.catalogue, scan.hits)
    return diagnose_scan(scan, entries, facts)


class _First:
    """Pieces passed on, the first one kept where it is the only one."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self.whole: bytes | None = b""

    def __iter__(self) -> Iterator[bytes]:
        for number, part in enumerate(self._parts):
            self.whole = part if number == 0 else None
            yield part


def _facts_for(catalogue: Catalogue, slugs: Iterable[str]) -> Facts | None:
    """The facts of this machine by which the causes can be confirmed, and no others: reading all takes a while."""
    from airworthy.flows.facts import gather
    from airworthy.probes.registry import PROBES

    causes = [catalogue.get(slug) for slug in slugs]
    wanted = {key.name for cause in causes for key in (*cause.needs, *cause.uses)}
    probes = [probe.name for probe in PROBES if wanted & {key.name for key in probe.provides}]
    return gather(only=probes) if probes else None


def shell_words(command: str, status: int) -> str:
    """What a shell would say of the end, which stands in no output of the command's own."""
    if status <= 128:
        return ""
    import signal

    try:
        words = signal.strsignal(status - 128) or ""
    except ValueError:
        return ""
    return say("{words}\n{command} exited with code {status}\n", words=words, command=command, status=status)


def _absolute(path: str) -> str:
    from pathlib import Path

    return path if path == STANDARD_INPUT else str(Path(path).absolute())


def _keep(settings: Settings, source: str, report: Report[DiagnoseAnswer] | None) -> None:
    from airworthy.state.diagnoses import record
    from airworthy.state.directory import state_directory

    findings = report.findings if report is not None else ()
    if not findings and report is not None and report.answer.unknown:
        return  # something is wrong, and it is not known what: that resolves nothing
    record(state_directory(settings), source, findings[0] if findings else None)


def diagnosis_report(subject: str, diagnosis: Diagnosis, *, status: int | None = None) -> Report[DiagnoseAnswer]:
    """A diagnosis as a verb's report.

    Args:
        subject: the log or the command.
        diagnosis: what its output shows.
        status: the exit status of the command.
    """
    found: tuple[CheckResult, ...] = tuple(Failed(finding.cause, (finding,)) for finding in diagnosis.findings)
    return Report(
        verb="diagnose",
        subject=subject,
        results=(*found, *diagnosis.undecided),
        answer=_answer(diagnosis, status),
        ranked=True,
    )


def _answer(diagnosis: Diagnosis, status: int | None) -> DiagnoseAnswer:
    cause = diagnosis.findings[0].cause if diagnosis.findings else None
    unknown = None if diagnosis.unknown is None else msgspec.to_builtins(diagnosis.unknown)
    return DiagnoseAnswer(
        cause=cause,
        exit_status=status,
        unknown=unknown,
        remarks=[_remark(each) for each in diagnosis.remarks] or None,
        read_as=diagnosis.read_as or None,
    )


def _remark(finding: Finding) -> dict[str, Any]:
    line = finding.evidence[0]
    return {
        "cause": finding.cause,
        "message": finding.message,
        "line": line.line,
        "text": line.value,
        "why": finding.remedies[0].why if finding.remedies else "",
    }
