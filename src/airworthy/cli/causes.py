"""`airworthy causes`: entries of one's own, and which causes cost most."""

from __future__ import annotations

import click

from airworthy.cli.options import debug_option, no_color_option
from airworthy.cli.output import emit, render_options
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable


@click.group("causes", help=VERBS["causes"][1], context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Entries of one's own, and what causes cost."""


@command.command("new")
@click.argument("slug")
@click.option("--from", "log", metavar="LOG", required=True, help="The log of the failure; - is standard input.")
@click.option("--line", type=click.IntRange(1), help="The number of the line that shows it; found out by default.")
@debug_option
def new(slug: str, log: str, line: int | None) -> int:
    """Write a draft of an entry from a log.

    The draft is .airworthy/causes/SLUG.toml: a literal that stood in the log, a pattern with what varies as groups,
    and places for title and remedy. It takes part in the next diagnosis, like the entries that come with airworthy.
    """
    from airworthy.flows.causes import new as write

    written = write(slug, log, line=line)
    rows = [
        say("{path}", path=written.path),
        say("  from line {number}: {literal}", number=written.number, literal=written.literal),
    ]
    if written.known:
        rows.append(say("  this log is recognised already, as {known}", known=written.known))
    emit("".join(f"{printable(row)}\n" for row in rows))
    return 0


@command.command("resolve")
@click.argument("cause")
@click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")
@debug_option
def resolve(cause: str, config: str | None) -> int:
    """Say that a recorded cause is out of the way.

    A command that succeeds under `airworthy diagnose --record -- COMMAND` says so by itself.
    """
    from airworthy.flows.settings import load
    from airworthy.state.diagnoses import resolve as close
    from airworthy.state.directory import state_directory

    count = close(state_directory(load(file=config)), cause)
    emit(say("{count} diagnoses of {cause} closed\n", count=count, cause=printable(cause)))
    return 0


@command.command("stats")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to write."
)
@click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")
@no_color_option
@debug_option
def stats(format_: str, config: str | None, no_color: bool) -> int:
    """Tell which recorded causes cost most, how often they came back, and how long they took to end."""
    from airworthy.flows.settings import load
    from airworthy.state.diagnoses import stats as add_up
    from airworthy.state.directory import state_directory

    costs = add_up(state_directory(load(file=config)))
    if format_ == "json":
        import msgspec

        from airworthy.core.report import SCHEMA
        from airworthy.report.plain import json_text

        emit(json_text({"schema": SCHEMA, "causes": msgspec.to_builtins(costs)}), document=True)
        return 0
    from airworthy.report.layout import table, write

    if not costs:
        emit(say("No diagnosis is recorded: `airworthy diagnose --record LOG` keeps one.\n"))
        return 0
    rows = [(say("cause"), say("times"), say("came back"), say("open"), say("hours"), say("hours to repair"))]
    for each in costs:
        repair = "-" if each.hours_to_repair is None else f"{each.hours_to_repair:.1f}"
        rows.append((each.cause, str(each.times), str(each.came_back), str(each.open), f"{each.hours:.1f}", repair))
    emit(write(table(rows, styles=("name", "", "", "", "", "")), render_options(no_color=no_color)))
    return 0
