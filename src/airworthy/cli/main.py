"""The entry point: runs a verb, and turns whatever ends it into words and an exit status."""

from __future__ import annotations

from collections.abc import Sequence

import click

import airworthy
from airworthy.cli.group import State, Verbs, debug_option
from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    if value and not ctx.resilient_parsing:
        click.echo(f"airworthy {airworthy.__version__}")
        ctx.exit()


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`airworthy VERB --help` lists a verb's options. Exit status: 0 fit, 1 findings, 2 usage, 3 internal error, "
    "4 incomplete.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
@debug_option
def cli() -> None:
    """Take an AI model from a file to a checked, served model, and say why whenever that can't be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; nothing escapes but what ends the interpreter."""
    state = State()
    try:
        status = cli.main(args=arguments, prog_name="airworthy", standalone_mode=False, obj=state)
    except AirworthyError as error:
        _tell(error.text, error.way_out)
        if state.format != "text":
            _show_error(error, state)
        return error.exit
    except click.UsageError as error:
        _tell(error.format_message(), _usage_hint(error))
        return Exit.USAGE
    except click.ClickException as error:
        _tell(error.format_message(), "")
        return Exit.USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception:  # noqa: BLE001 - the one place where an internal error is reported
        _tell_bug(state)
        return Exit.BUG
    return int(status or Exit.OK)


def _show_error(error: AirworthyError, state: State) -> None:
    """The error as a document, for the program that was promised one."""
    from airworthy.cli.output import render_options, show
    from airworthy.core.report import error_report

    try:
        show(error_report(state.verb, error), state.format, render_options())
    except AirworthyError:
        return  # standard output can't be written; standard error has the message


def _usage_hint(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx is not None else "airworthy"
    return say("`{path} --help` says how it is used", path=path)


def _tell(message: str, hint: str) -> None:
    from airworthy.cli.output import tell
    from airworthy.report.plain import printable

    rows = [say("error: {message}", message=printable(message))]
    if hint:
        rows.append(say("hint: {hint}", hint=printable(hint)))
    tell(*rows)


def _tell_bug(state: State) -> None:
    import traceback

    from airworthy.cli.output import tell
    from airworthy.report.plain import printable

    trace = traceback.format_exc()
    last = trace.rstrip().rpartition("\n")[2]
    rows = [say("error: this is a bug in airworthy, not in what you gave it: {last}", last=printable(last))]
    if state.debug:
        rows += [printable(row) for row in trace.splitlines()]
        rows.append(say("hint: please report it with the trace above"))
    else:
        rows.append(say("hint: please report it with the trace in {path}", path=_keep(trace)))
    tell(*rows)


def _keep(trace: str) -> str:
    import platform
    import tempfile

    head = f"airworthy {airworthy.__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    try:
        # NamedTemporaryFile makes it 0600: a trace shows paths.
        with tempfile.NamedTemporaryFile(
            "w", prefix="airworthy-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as stream:
            stream.write(head + trace)
            return stream.name
    except OSError:
        return say("`airworthy --debug ...`, as no file could be written")
