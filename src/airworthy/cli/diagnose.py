"""`airworthy diagnose`: what went wrong, from a log, from a command that fails, or from a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from airworthy.cli.options import Chosen, facts_option, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, show, tell
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.report.plain import printable

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue
    from airworthy.core.facts import Facts
    from airworthy.core.report import AnyReport

_HELP = """

LOG is a file, plain or compressed; - is standard input.

After -- stands a command: it runs as if it were run alone, and where it fails, standard error says why. Its exit
status is the command's own."""
_COMMAND = "airworthy.diagnose.command"


class _Command(click.Command):
    """A command that keeps what stands after `--` as it is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the command apart from our own words."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_COMMAND] = args[at + 1 :]
            args = args[:at]
        return super().parse_args(ctx, args)


@click.command("diagnose", cls=_Command, help=VERBS["diagnose"][1] + _HELP)
@click.argument("log", required=False)
@click.option(
    "--events", metavar="FILE", help="Read what kubectl describe, get events or get pod -o yaml|json printed."
)
@click.option("--pod", metavar="NAME", help="Ask the cluster about this pod, through kubectl.")
@click.option("-n", "--namespace", default="", help="The pod's namespace; kubectl's own by default.")
@click.option("--context", default="", help="The cluster, by kubectl's name for it.")
@click.option("--follow", metavar="LOG", help="Watch a log and report each failure as it happens, until Ctrl-C.")
@facts_option
@click.option(
    "--here/--elsewhere",
    default=None,
    help="Whether it happened on this machine: its facts then confirm or refute. A command did unless said otherwise.",
)
@click.option("--record", is_flag=True, help="Keep the diagnosis for `airworthy causes stats`.")
@finding_options
@click.pass_context
def command(ctx: click.Context, /, chosen: Chosen, **given: Any) -> int:
    """Recognise the cause of a failure."""
    argv: list[str] | None = ctx.meta.get(_COMMAND)
    log, events, pod, follow = given["log"], given["events"], given["pod"], given["follow"]
    _one_of({"LOG": log, "--events": events, "--pod": pod, "--follow": follow, "-- COMMAND": argv})
    if argv is not None and not argv:
        raise click.UsageError(say("there is no command after --"))
    if given["record"] and (events or pod or follow):
        raise click.UsageError(say("--record goes with LOG or a command"))
    only_one_reads_standard_input(log, events, follow, given["facts"], chosen.config)
    settings = chosen.settings()
    facts = _facts(given["facts"])
    from airworthy.flows import diagnose as flow
    from airworthy.flows.catalogue import catalogue_for

    catalogue = catalogue_for()
    options = chosen.render(catalogue)

    report: AnyReport
    if argv is not None:
        ran = flow.diagnose_command(
            argv,
            facts=facts,
            here=given["here"] is not False,
            settings=settings,
            keep=given["record"],
            catalogue=catalogue,
        )
        if ran.problem:
            tell(say("error: {problem}", problem=printable(ran.problem)))
        if ran.report is not None:
            _tell(ran.report, chosen, catalogue)
        return ran.status
    if follow is not None:
        for each in flow.follow(follow, facts=facts, catalogue=catalogue):
            show(each, chosen.format, options)
        return 0
    if events is not None:
        report = flow.diagnose_events(events, facts=facts, catalogue=catalogue)
    elif pod is not None:
        report = flow.diagnose_pod(
            pod, namespace=given["namespace"], context=given["context"], facts=facts, catalogue=catalogue
        )
    else:
        report = flow.diagnose_file(
            log, facts=facts, here=given["here"] is True, settings=settings, keep=given["record"], catalogue=catalogue
        )
    return finish(report, chosen.format, options, settings.check)


def _one_of(inputs: dict[str, Any]) -> None:
    named = [name for name, value in inputs.items() if value is not None]
    if not named:
        raise click.UsageError(say("give a log, - for standard input, or -- and a command"))
    if len(named) > 1:
        raise click.UsageError(say("{names} don't go together", names=named))


def _facts(path: str | None) -> Facts | None:
    if path is None:
        return None
    from airworthy.flows.facts import load

    return load(path)


def _tell(report: AnyReport, chosen: Chosen, catalogue: Catalogue) -> None:
    """Explain on standard error: standard output is the command's own."""
    from airworthy.report.registry import FORMATS

    text = FORMATS.get(chosen.format)(report, chosen.render(catalogue, stderr=True)).removesuffix("\n")
    if chosen.format == "text":
        tell("", text)
    else:
        tell(text, document=True)
