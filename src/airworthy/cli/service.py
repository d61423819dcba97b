"""What `up` and `serve` share: the service's options, what is printed around it, and running it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from airworthy.cli.options import Chosen
from airworthy.cli.output import show, tell
from airworthy.core.errors import AirworthyError, Exit, ExtraMissing
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.report import Report
from airworthy.core.sentence import POOLING_MODES
from airworthy.core.settings import Settings

if TYPE_CHECKING:
    from airworthy.causes.catalogue import Catalogue
    from airworthy.flows.answers.serving import ServingAnswer
    from airworthy.serve.service import InferenceService, Plan, ReleaseService

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--host", help="The address to listen on; 127.0.0.1 unless the settings say otherwise."),
    click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one. 8000 by default."),
    click.option("--workers", type=click.IntRange(1), help="Worker processes a model."),
    click.option("--threads", type=click.IntRange(0), help="Threads of each worker; 0 divides the usable cores."),
    click.option(
        "--pooling",
        type=click.Choice(POOLING_MODES),
        help="How token vectors become one vector a text, where the model's folder does not say it.",
    ),
    click.option("--engine", metavar="NAME", help="The engine; the first that can load the model by default."),
)


def service_options(function: F) -> F:
    """The options of the verbs that serve; all but `--engine` are settings."""
    decorated: Any = function
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    result: F = decorated
    return result


def settings_of(chosen: Chosen, beside: str, *, workers: Any = None, threads: Any = None, **serve: Any) -> Settings:
    """The settings with those of the command line on top."""
    chosen.flags["serve"] = {**serve, "workers": {"count": workers, "threads": threads}}
    return chosen.settings(beside)


def run(
    plans: Sequence[Plan],
    settings: Settings,
    facts: Facts,
    chosen: Chosen,
    checked: Report[ServingAnswer],
    catalogue: Catalogue,
    releases: ReleaseService | None = None,
) -> int:
    """Serve until a signal, and say why where that can't be.

    Args:
        plans: the models.
        settings: how the service runs.
        facts: what the checks were made from.
        chosen: the options of the command line.
        checked: the report of the checks. As text it is shown before the models load; a document for programs is one
            object, so it is written when they have loaded, or together with why one did not.
        catalogue: the causes that are looked for where a model does not load.
        releases: what is needed to serve releases; None where none is served.

    Raises:
        ExtraMissing: the libraries of the service are not installed.
        AirworthyError: the address can't be had, or a model did not load for a reason that no cause explains.
    """
    try:
        from airworthy.flows import service as flow
    except ModuleNotFoundError as error:
        raise ExtraMissing(job=say("serving"), library=error.name, extra="serve") from None
    if settings.serve.host not in ("127.0.0.1", "::1", "localhost"):
        tell(
            say(
                "warning: every client that reaches {host} may use the service; it asks for no key",
                host=settings.serve.host,
            )
        )
    options = chosen.render(catalogue)
    is_document = chosen.format != "text"
    is_shown = (
        not is_document and checked.verb == "serve" and not checked.findings
    )  # it would say that nothing is wrong

    def show_once(report: Report[ServingAnswer]) -> None:
        nonlocal is_shown
        if not is_shown:
            is_shown = True
            show(report, chosen.format, options)

    def announce(ready: InferenceService) -> None:
        show_once(checked)
        _announce(ready)

    if not is_document:
        show_once(checked)
    try:
        ended = flow.run(plans, settings, facts, catalogue, checked, on_ready=announce, releases=releases)
    except AirworthyError:
        show_once(checked)
        raise
    if ended.failed is not None:
        from airworthy.flows.load_failure import merged

        show(merged(checked, ended.failed) if is_document else ended.failed, chosen.format, options)
        return Exit.FINDINGS
    show_once(checked)
    tell(say("stopped"))
    return Exit.OK


def describe(model: ModelInfo) -> str:
    """A model in one line."""
    if model.format == "upstream":
        return say("a language model of another server")
    parts = [_loaded(model) or model.format]
    if model.architecture:
        parts.append(model.architecture)
    if model.parameters:
        parts.append(say("{count:count} parameters", count=model.parameters))
    # Of a folder, what the engine loads: other exports of the same model beside it are not in memory.
    loaded = sum(file.size for file in model.files if file.format)
    parts.append(say("{size:bytes}", size=loaded or model.size))
    return ", ".join(parts)


def _loaded(model: ModelInfo) -> str:
    """Which file of a folder is loaded, and out of how many of its kind; empty for a single file."""
    from pathlib import Path

    entry, folder = Path(model.entry), Path(model.path)
    if not model.files or not entry.is_relative_to(folder) or entry == folder:
        return ""
    name = entry.relative_to(folder).as_posix()
    others = sum(file.path.endswith(entry.suffix) for file in model.files)
    if others < 2 or entry.suffix == ".json":
        return name
    return say("{name} (one of {count} {suffix} files)", name=name, count=others, suffix=entry.suffix)


def _announce(service: InferenceService) -> None:
    from airworthy.report.plain import printable

    rows = []
    for plan in service.plans:
        model = plan.model
        seconds = service.load_seconds.get(model.name, 0.0)
        title = model.name if not plan.version else f"{model.name}@{plan.version}"
        rows.append(say("  model    {name}: {what}", name=title, what=describe(model)))
        if not plan.generates:
            arrow = say("{inputs} -> {outputs}", inputs=_tensors(model.inputs), outputs=_tensors(model.outputs))
            rows.append(say("  tensors  {arrow}", arrow=arrow))
        rows += [
            *plan.notes,
            say(
                "  engine   {engine}, {threads} thread(s), loaded in {seconds:seconds}",
                engine=plan.engine,
                threads=plan.options.threads,
                seconds=seconds,
            ),
        ]
        if not plan.generates:
            rows.append(say("  batches  rows: {decision}", decision=service.joining(model.name)))
        if model.task_problem:
            rows.append(say("  note     takes no texts: {why}", why=model.task_problem))
        if model.sealed is not None and model.sealed.old:
            from airworthy.artifacts.encryption.format import OLD_NOTE

            rows.append(say("  note     {note}", note=say(OLD_NOTE)))
    rows.append(say("  serving  {url}   (health: {url}/health, metrics: {url}/metrics)", url=service.url))
    if service.grpc_port is not None:
        rows.append(say("  grpc     {host}:{port}", host=service.address[0], port=service.grpc_port))
    tell(*map(printable, rows))
    # In a thread, because the service that answers the example waits for this function.
    threading.Thread(target=_show_example, args=(service.plans[0], service.url), daemon=True).start()


def _show_example(plan: Plan, url: str) -> None:
    """Print a request that was just answered, or why there is none."""
    from airworthy.flows.service import answered_example
    from airworthy.report.plain import printable

    first, why = answered_example(plan, url)
    if first is not None:
        rows = ["", say("try it:"), "  " + first.curl(url)]
    else:
        rows = ["", say("no request to try: {why}", why=why)]
    tell(*map(printable, [*rows, "", say("Ctrl-C stops it.")]))


def _tensors(specs: Sequence[TensorSpec]) -> str:
    from airworthy.serve.tensors import shape_text

    return ", ".join(say("{s.name} {s.datatype}{shape}", s=spec, shape=shape_text(spec.shape)) for spec in specs)
