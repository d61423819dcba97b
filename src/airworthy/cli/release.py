"""`airworthy release`: versions of models that are kept, served, compared and taken back."""

from __future__ import annotations

from typing import Any

import click

from airworthy.cli.options import answer_options
from airworthy.cli.output import render_options, show_answer
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say
from airworthy.core.report import VerbAnswer
from airworthy.core.settings import Settings

_config = click.option("--config", metavar="FILE", help="Take this settings file; - is standard input.")


@click.group("release", help=VERBS["release"][1], context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Releases of models."""


def _settings(config: str | None) -> Settings:
    from airworthy.flows.settings import load

    return load(file=config)


def _show(subject: str, answer: VerbAnswer, format_: str, no_color: bool) -> int:
    show_answer("release", subject, answer, format_, render_options(no_color=no_color))
    return 0


@command.command("add")
@click.argument("model")
@click.option("--as", "name", metavar="NAME", required=True, help="The name that it is served under.")
@click.option("--note", metavar="TEXT", default="", help="What you want to say of this version.")
@click.option("--licence", metavar="NAME", default="", help="Its licence; that which its files name by default.")
@click.option("--gate", metavar="FILE", help="A JSON report of the quality gate; - is standard input.")
@_config
@answer_options
def add(
    model: str, name: str, note: str, licence: str, gate: str | None, config: str | None, format_: str, no_color: bool
) -> int:
    """Keep a model as the next version of a name.

    Its files share their content with MODEL where the file system can, so nothing is copied. Don't write to MODEL
    afterwards: files that are hard links would change with it, and the release would be refused as damaged.
    """
    from airworthy.flows.releases.adding import add as keep

    with LateProgress() as progress:
        added = keep(
            model, name=name, note=note, licence=licence, gate=gate, settings=_settings(config), progress=progress
        )
    return _show(model, added, format_, no_color)


@command.command("list")
@click.argument("name", default="")
@_config
@answer_options
def list_(name: str, config: str | None, format_: str, no_color: bool) -> int:
    """List releases, and which of them are served."""
    from airworthy.flows.releases.reading import release

    return _show(name, release(name, settings=_settings(config)), format_, no_color)


@command.command("show")
@click.argument("release")
@click.option("--verify", is_flag=True, help="Read and compare every byte of its files.")
@_config
@answer_options
def show(release: str, verify: bool, config: str | None, format_: str, no_color: bool) -> int:
    """Show a release: NAME, NAME@VERSION or NAME@ALIAS. The exit status is 1 where its files are damaged."""
    from airworthy.flows.releases.reading import show as shown

    answer = shown(release, verify=verify, settings=_settings(config))
    _show(release, answer, format_, no_color)
    return 1 if answer.problems else 0


@command.command("diff")
@click.argument("old")
@click.argument("new")
@_config
@answer_options
def diff(old: str, new: str, config: str | None, format_: str, no_color: bool) -> int:
    """Show what differs between two releases."""
    from airworthy.flows.releases.reading import diff as compare

    return _show(f"{old} {new}", compare(old, new, settings=_settings(config)), format_, no_color)


@command.command("alias")
@click.argument("name")
@click.argument("change", default="")
@_config
@answer_options
def alias(name: str, change: str, config: str | None, format_: str, no_color: bool) -> int:
    """List the aliases of NAME, or change one: ALIAS=VERSION points it there, ALIAS= takes it away."""
    from airworthy.flows.releases.reading import alias as change_alias

    return _show(name, change_alias(name, change, settings=_settings(config)), format_, no_color)


@command.command("gc")
@click.option("--keep", type=click.IntRange(1), help="Also remove all but so many versions of each name.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@_config
@answer_options
def collect(keep: int | None, dry_run: bool, config: str | None, format_: str, no_color: bool) -> int:
    """Remove contents that no release needs.

    What is served, what a roll-back would serve and what has an alias stays.
    """
    from airworthy.flows.releases.reading import collect as clean_up

    answer = clean_up(keep=keep, dry_run=dry_run, settings=_settings(config))
    return _show("", answer, format_, no_color)


class RequestShare(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A share of requests, `5%`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share as a number above 0 and below 1."""
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            self.fail(say("write a share above 0% and below 100%, `5%`"), param, ctx)
        return share


@command.command("promote")
@click.argument("release")
@click.option("--canary", type=RequestShare(), metavar="SHARE", help="Serve so many requests first, `5%`, then judge.")
@click.option("--shadow", is_flag=True, help="Answer copies of requests; clients never get these answers.")
@click.option("--samples", type=click.IntRange(1), help="Answers of each version before that is judged.")
@click.option("--max-difference", type=float, help="The largest difference between answers that passes.")
@click.option("--generation", type=int, help="Refuse where what is served has changed since this generation.")
@click.option("--except", "excepted", metavar="DEMAND", multiple=True, help="Waive a demand of the policy.")
@click.option("--why", metavar="TEXT", default="", help="Why it is waived.")
@_config
@answer_options
def promote(
    release: str,
    canary: float | None,
    shadow: bool,
    samples: int | None,
    max_difference: float | None,
    generation: int | None,
    excepted: tuple[str, ...],
    why: str,
    config: str | None,
    format_: str,
    no_color: bool,
) -> int:
    """Serve a version: NAME@VERSION or NAME@ALIAS.

    It is loaded, warmed, and compared with the version that is served; then every request goes to it in one step. What
    was served stays loaded for `airworthy release rollback`. Where no service runs, the next start serves it.
    """
    from airworthy.flows.releases.changing import promote as serve
    from airworthy.state.releases.rollouts import RolloutOptions

    if canary is not None and shadow:
        raise click.UsageError(say("--canary and --shadow are two ways to try a version; give one"))
    options = RolloutOptions(
        generation=generation, samples=samples or 0, max_difference=max_difference, excepted=excepted, why=why
    )
    with LateProgress() as progress:
        answer = serve(
            release,
            share=canary or 0.0,
            shadow=shadow,
            options=options,
            settings=_settings(config),
            progress=progress,
        )
    return _show(release, answer, format_, no_color)


@command.command("rollback")
@click.argument("name")
@click.option("--generation", type=int, help="Refuse where what is served has changed since this generation.")
@_config
@answer_options
def rollback(name: str, generation: int | None, config: str | None, format_: str, no_color: bool) -> int:
    """Serve the version again that was served before."""
    from airworthy.flows.releases.changing import rollback as serve_previous

    with LateProgress() as progress:
        answer = serve_previous(name, generation=generation, settings=_settings(config), progress=progress)
    return _show(name, answer, format_, no_color)


@command.command("abort")
@click.argument("name")
@_config
@answer_options
def abort(name: str, config: str | None, format_: str, no_color: bool) -> int:
    """End what brings a version of NAME into service; what was served stays."""
    from airworthy.flows.releases.changing import abort as end

    return _show(name, end(name, settings=_settings(config)), format_, no_color)
