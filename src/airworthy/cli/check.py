"""`airworthy check`: what will go wrong here, before it does."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import click
import msgspec

from airworthy.cli.options import Chosen, facts_option, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, tell
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.finding import Finding, Remedy
from airworthy.core.messages import say
from airworthy.core.report import Report
from airworthy.flows.answers.check import CheckAnswer
from airworthy.report.plain import printable

PROBE_SECONDS = 60
"""Seconds that each device may take with `--probe`."""
_PAIR = re.compile(r"[A-Za-z][\w.-]{0,60}=")
_HELP = """

MODEL is a file or a folder; without it, host and environment.

With --given it decides about a machine that isn't there:

\b
  airworthy check --given gpu='RTX 5090' driver=570 framework=torch build=cu124
  airworthy check --given machine.json --format json
"""


@click.command("check", help=VERBS["check"][1] + _HELP)
@click.argument("model", required=False, nargs=-1, metavar="[MODEL]")
@facts_option
@click.option(
    "--given",
    metavar="KEY=VALUE...",
    multiple=True,
    help="Judge by a description in place of this host: pairs, or a JSON file of them; - is standard input.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Ask as well whether a service could listen on this port.")
@click.option("--storage", metavar="DIR", help="Measure how fast the storage of this folder is; writes a file there.")
@click.option(
    "--probe", is_flag=True, help="Run a battery of kernels on each accelerator and the CPU: right, and how fast?"
)
@click.option(
    "--probe-seconds",
    type=click.IntRange(2, 3600),
    metavar="SECONDS",
    help="What each device may take with --probe.  [default: 60]",
)
@click.option("--fix", is_flag=True, help="Show and run the remedies that can be run here, and check again after each.")
@click.option("--yes", is_flag=True, help="With --fix, run them without asking.")
@click.option("--unsafe", is_flag=True, help="With --fix, also those that change what others may rely on.")
@finding_options
def command(
    model: tuple[str, ...],
    facts: str | None,
    given: tuple[str, ...],
    port: int | None,
    storage: str | None,
    probe: bool,
    probe_seconds: int | None,
    fix: bool,
    yes: bool,
    unsafe: bool,
    chosen: Chosen,
) -> int:
    """Predict what will go wrong."""
    from airworthy.flows.catalogue import catalogue_for
    from airworthy.flows.check import check
    from airworthy.flows.facts import load

    path, pairs = _divide(model, bool(given))
    if facts is not None and given:
        raise click.UsageError(say("--facts and --given both say which machine it is; give one of them"))
    if storage is not None and (facts is not None or given):
        raise click.UsageError(say("--storage measures this machine; --facts and --given are about another"))
    if probe and (facts is not None or given):
        raise click.UsageError(say("--probe tries this machine; --facts and --given are about another"))
    if probe_seconds is not None and not probe:
        raise click.UsageError(say("--probe-seconds says how long --probe may take; give --probe too"))
    files = [text for text in given if not _PAIR.match(text)]
    for text in files:
        _needs_value(text)
    only_one_reads_standard_input(path, facts, chosen.config, *files)
    described = _described([text for text in given if _PAIR.match(text)] + pairs, files) if given else None
    settings, catalogue = chosen.settings(path), catalogue_for(path)
    _only_here(fix, yes, unsafe, elsewhere=facts is not None or bool(given))

    def run_check() -> Report[CheckAnswer]:
        with LateProgress() as progress:
            return check(
                path,
                facts=load(facts) if facts is not None else None,
                given=described,
                settings=settings,
                endpoint=(settings.serve.host, port) if port is not None else None,
                storage=storage,
                probe=(probe_seconds or PROBE_SECONDS) if probe else None,
                progress=progress,
                catalogue=catalogue,
            )

    report = run_check()
    if fix:
        report = _fixed(report, run_check, yes=yes, unsafe=unsafe)
    return finish(report, chosen.format, chosen.render(catalogue), settings.check)


def _divide(arguments: tuple[str, ...], given: bool) -> tuple[str | None, list[str]]:
    """The model, and the pairs that stand behind `--given`."""
    pairs = [text for text in arguments if given and _PAIR.match(text)]
    models = [text for text in arguments if text not in pairs]
    if len(models) > 1:
        raise click.UsageError(say("got unexpected extra argument ({text})", text=models[1]))
    return (models[0] if models else None), pairs


def _needs_value(text: str) -> None:
    """Refuse a key of `--given` without its value, which would be taken for a file.

    Raises:
        UsageError: it is one.
    """
    from airworthy.flows.given import KEYS

    if text in KEYS:
        raise click.UsageError(say("--given {key} has no value: write {key}=VALUE", key=text))


def _described(pairs: Iterable[str], files: Iterable[str]) -> dict[str, Any]:
    """One description of all that `--given` named; a pair stands over what a file says."""
    from airworthy.flows.files import read
    from airworthy.flows.given import parse_document, parse_pairs

    found: dict[str, Any] = {}
    for file in files:
        found.update(parse_document(read(file), file))
    found.update(parse_pairs(pairs))
    return found


def _only_here(fix: bool, yes: bool, unsafe: bool, *, elsewhere: bool) -> None:
    """Refuse what makes no sense of `--fix` and its flags."""
    if (yes or unsafe) and not fix:
        raise click.UsageError(say("--yes and --unsafe say how --fix goes about it; give --fix too"))
    if fix and elsewhere:
        raise click.UsageError(say("--fix works on this machine; --facts and --given are about another"))
    if fix and not yes and not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError(say("--fix asks before each step, and standard input is not a terminal; give --yes"))


def _fixed(
    report: Report[CheckAnswer], run_check: Callable[[], Report[CheckAnswer]], *, yes: bool, unsafe: bool
) -> Report[CheckAnswer]:
    """The report after the remedies; what is done is reported on standard error as it happens."""
    import subprocess

    from airworthy.flows.fix import fix

    def agree(finding: Finding, remedy: Remedy) -> bool:
        tell(printable(f"{finding.cause}: {finding.message}"))
        for command in remedy.commands:
            tell(printable(f"  $ {command}"))
        for edit in remedy.edits:
            tell(printable(say("  in {path}: {new}", path=edit.path, new=edit.new)))
        tell(printable(f"  {remedy.why}" if remedy.safe else say("  unsafe: {why}", why=remedy.why)))
        return yes or click.confirm(say("run it?"), default=False, err=True)

    def run(command: str) -> int:
        # What a remedy prints belongs beside the questions: standard output is the report.
        return subprocess.run(command, shell=True, check=False, stdout=sys.stderr or subprocess.DEVNULL).returncode  # noqa: S602 - shown

    report, steps = fix(report, again=run_check, agree=agree, run=run, unsafe=unsafe)
    for step in steps:
        rest = f": {step.detail}" if step.detail else ""
        tell(printable(f"{step.cause} {step.subject}: {say(step.outcome)}{rest}"))
    if not steps:
        tell(printable(say("nothing here can be run as it stands; the remedies are in the report")))
    answer = msgspec.structs.replace(report.answer, fixes=[step._asdict() for step in steps])
    return msgspec.structs.replace(report, answer=answer)
