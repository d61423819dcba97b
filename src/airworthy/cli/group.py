"""The command group that imports a verb only when that verb is run."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from typing import cast

import click

from airworthy.cli.verbs import VERBS
from airworthy.core.errors import UnknownName
from airworthy.core.messages import say


@dataclass
class State:
    """What the whole run of a command line shares."""

    debug: bool = False
    """Whether an internal error shows its traceback."""
    format: str = "text"
    """The output format of the verb."""
    verb: str = ""
    """The verb."""


def _set_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    del parameter
    ctx.ensure_object(State).debug |= value


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks of internal errors."
)
"""The option of `airworthy` and of every verb; here, because `airworthy --help` imports no option of a verb."""


class HelpGroup(click.Group):
    """A group that shows its help where no command is named, whatever release of Click is installed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help where there are no arguments."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)


class Verbs(HelpGroup):
    """The verbs of `airworthy`, from the list in `verbs.py`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the list."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of a verb; None for an option-like or unknown name."""
        del ctx
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one may have been meant."""
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
            suggestion = say("did you mean `airworthy {near}`?", near=near[0]) if near else _known()
            raise UnknownName(kind=say("verb"), name=name, suggestion=suggestion)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs with their lines, importing none."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl([(name, help_) for name, (_, help_) in VERBS.items()])


def _known() -> str:
    return say("verbs: {names}", names=tuple(VERBS))
