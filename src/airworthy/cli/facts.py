"""`airworthy facts`: what is known about this host and environment."""

from __future__ import annotations

from pathlib import Path

import click

from airworthy.cli.group import debug_option
from airworthy.cli.options import (
    OutputFormat,
    no_color_option,
    only_one_reads_standard_input,
    verbose_option,
)
from airworthy.cli.output import emit, render_options, show, to_terminal
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable

STANDARD_OUTPUT = "-"
"""The path that means standard output."""


@click.command(
    "facts",
    help=VERBS["facts"][1] + "\n\nInto a file or a pipe it writes JSON, which `airworthy check --facts` reads.",
)
@click.option("--save", metavar="FILE", help="Write a facts file that only its owner reads; - is standard output.")
@click.option(
    "--compare",
    nargs=2,
    metavar="WORKS FAILS",
    help="Show what differs between two facts files, what says most first; `here` is this machine.",
)
@click.option(
    "--redact/--no-redact",
    default=True,
    show_default=True,
    help="Take out users, hosts, addresses and secrets.",
)
@click.option(
    "--format",
    "format_",
    type=OutputFormat(),
    help="How they are written; text on a terminal and JSON elsewhere unless said.",
)
@verbose_option
@no_color_option
@debug_option
def command(
    save: str | None,
    compare: tuple[str, str] | None,
    redact: bool,
    format_: str | None,
    verbose: bool,
    no_color: bool,
) -> int:
    """Show or save the facts."""
    from airworthy.core.facts import dump
    from airworthy.flows import facts as flow

    if save is not None and format_ not in (None, "json"):
        raise click.UsageError(say("--save writes JSON; --format {format} doesn't go with it", format=format_))

    if compare is not None:
        if save is not None:
            raise click.UsageError(say("--compare writes no facts file; --save doesn't go with it"))
        only_one_reads_standard_input(*compare)
        with LateProgress() as progress:
            report = flow.compare(*compare, progress=progress)
        shown = format_ or ("text" if to_terminal() else "json")
        show(report, shown, render_options(verbose=verbose, no_color=no_color))
        return 0
    with LateProgress() as progress:
        facts = flow.gather(redacted=redact, progress=progress)
    if save is not None and save != STANDARD_OUTPUT:
        flow.save(facts, Path(save))
        emit(say("{count} facts in {path}\n", count=len(facts), path=printable(save)))
    elif save == STANDARD_OUTPUT or (format_ or ("text" if to_terminal() else "json")) == "json":
        emit(dump(facts).decode(), document=True)
    else:
        show(flow.report(facts), format_ or "text", render_options(verbose=verbose, no_color=no_color))
    return 0
