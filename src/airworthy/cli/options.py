"""Options that several verbs share, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from airworthy.cli.group import State, debug_option
from airworthy.core.finding import Severity
from airworthy.core.messages import say
from airworthy.core.settings import Settings
from airworthy.flows.files import STANDARD_INPUT
from airworthy.report.registry import FORMAT_NAMES, FORMATS

F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue
    from airworthy.report.interface import RenderOptions

    _ParamType = click.ParamType[str]
else:
    _ParamType = click.ParamType  # generic only in newer releases


class OutputFormat(_ParamType):
    """The name of an output format; those of other packages are taken as well."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check that the format exists.

        Raises:
            UnknownName: there is no such format; the way out names the nearest.
        """
        del param
        FORMATS.get(value)
        if ctx is not None:
            state = ctx.ensure_object(State)
            state.format, state.verb = value, ctx.info_name or ""
        return value

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """The formats that come with airworthy."""
        del param, ctx
        return "|".join(FORMAT_NAMES)


@dataclass(frozen=True)
class Chosen:
    """What the shared options of a verb said."""

    format: str
    """The output format."""
    verbose: bool
    """Whether everything is shown."""
    no_color: bool
    """Whether colour is turned off."""
    config: str | None
    """A settings file that is taken instead of looking for one."""
    flags: dict[str, dict[str, Any]]
    """Settings given on the command line; None where nothing was said."""

    def settings(self, beside: str | None = None) -> Settings:
        """The settings that hold for a model: file, then environment, then flags."""
        from airworthy.flows.settings import load

        return load(beside, file=self.config, flags=self.flags)

    def render(self, catalogue: Catalogue, *, stderr: bool = False) -> RenderOptions:
        """What a renderer may know of standard output, or standard error, and of the causes that a report names."""
        from airworthy.cli.output import render_options

        return render_options(verbose=self.verbose, no_color=self.no_color, catalogue=catalogue, stderr=stderr)


def finding_options(function: F) -> F:
    """The options of every verb that reports findings; the verb gets them as one `chosen`."""
    import functools

    @functools.wraps(function)
    def collect(*args: Any, **values: Any) -> Any:
        chosen = Chosen(
            format=values.pop("format_"),
            verbose=values.pop("verbose"),
            no_color=values.pop("no_color"),
            config=values.pop("config"),
            flags={
                "check": {
                    "fail_on": values.pop("fail_on"),
                    "strict": values.pop("strict"),
                    "ignore": values.pop("ignore") or None,
                }
            },
        )
        return function(*args, chosen=chosen, **values)

    decorated: Any = collect
    for option in reversed(_FINDING_OPTIONS):
        decorated = option(decorated)
    result: F = decorated
    return result


def only_one_reads_standard_input(*paths: str | None) -> None:
    """Refuse a command line on which two inputs are `-`; the second would find it empty.

    Raises:
        UsageError: there are two.
    """
    if paths.count(STANDARD_INPUT) > 1:
        raise click.UsageError(say("only one input can be - (standard input)"))


format_option = click.option(
    "--format", "format_", type=OutputFormat(), default="text", show_default=True, help="How the report is written."
)
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Name every check and show every way out.")
no_color_option = click.option("--no-color", is_flag=True, help="No colour; the variable NO_COLOR does the same.")
facts_option = click.option(
    "--facts",
    metavar="FILE",
    help="Judge by the facts of another machine, from `airworthy facts --save FILE`; - is standard input.",
)


def answer_options(function: F) -> F:
    """The options of every verb that makes no checks: how its answer is written."""
    decorated: Any = function
    for option in (debug_option, no_color_option, format_option):
        decorated = option(decorated)
    result: F = decorated
    return result


_FINDING_OPTIONS = (
    format_option,
    click.option(
        "--fail-on",
        type=click.Choice([severity.value for severity in Severity]),
        help="The least severity that makes the exit status 1; `error` unless the settings say otherwise.",
    ),
    click.option(
        "--strict/--no-strict", default=None, help="Whether a check that could not be made makes the exit status 4."
    ),
    click.option("--ignore", metavar="CAUSE", multiple=True, help="Don't check for this cause; may be repeated."),
    click.option("--config", metavar="FILE", help="Take this settings file; - is standard input."),
    verbose_option,
    no_color_option,
    debug_option,
)


def password_reference(file: str | None, variable: str | None) -> str:
    """Where a key's passphrase stands, from `--password-file` and `--password-env`; empty where neither is given."""
    if file is not None and variable is not None:
        raise click.UsageError(say("--password-file and --password-env are two ways to say one thing; give one"))
    return f"file:{file}" if file is not None else f"env:{variable}" if variable is not None else ""
