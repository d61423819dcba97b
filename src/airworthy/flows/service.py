"""A request that can be tried by hand at a running service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import TensorSpec
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.serve.service import InferenceService, Plan, ReleaseService

MOST_VALUES = 256
"""Values that an example request may hold; larger tensors are not worth pasting."""


class Example(msgspec.Struct, frozen=True):
    """A request that can be tried by hand."""

    path: str
    """The path below the service's URL."""
    body: str
    """The JSON body."""

    def curl(self, url: str) -> str:
        """The command line that sends it."""
        return f"curl -s {url}{self.path} -H 'content-type: application/json' -d '{self.body}'"


def example(plan: Plan) -> Example | None:
    """A request that a planned model answers; None where its tensors are too large for a command line."""
    model = plan.model
    if model.task == "embedding":
        body: dict[str, object] = {"model": model.name, "input": "fit to fly"}
        return Example("/v1/embeddings", msgspec.json.encode(body).decode())
    if model.task == "rerank":
        body = {"model": model.name, "query": "fit to fly", "documents": ["an airworthy aircraft", "a recipe"]}
        return Example("/v1/rerank", msgspec.json.encode(body).decode())
    if model.task == "classification":
        return Example("/predict", msgspec.json.encode({"model": model.name, "inputs": "fit to fly"}).decode())
    if plan.generates:
        message = {"role": "user", "content": "What does airworthy mean?"}
        body = {"model": model.name, "messages": [message]}
        return Example("/v1/chat/completions", msgspec.json.encode(body).decode())
    inputs = [_zeros(spec) for spec in model.inputs]
    if not inputs or any(each is None for each in inputs):
        return None
    return Example(f"/v2/models/{model.name}/infer", msgspec.json.encode({"inputs": inputs}).decode())


def _zeros(spec: TensorSpec) -> dict[str, object] | None:
    shape = [1 if size < 0 else size for size in spec.shape]
    count = 1
    for size in shape:
        count *= size
    if count > MOST_VALUES or spec.datatype == "BF16":
        return None
    value: object = {"BOOL": False, "BYTES": "", "FP32": 0.0, "FP64": 0.0, "FP16": 0.0}.get(spec.datatype, 0)
    return {"name": spec.name, "shape": shape, "datatype": spec.datatype, "data": [value] * count}


class ServiceEnd(NamedTuple):
    """How serving ended."""

    served: ServingAnswer | None
    """What was served, until a signal; None where a model did not load."""
    failed: Report[ServingAnswer] | None
    """Why a model did not load; None where all did."""


def run(
    plans: Sequence[Plan],
    settings: Settings,
    facts: Facts,
    catalogue: Catalogue,
    checked: Report[ServingAnswer],
    *,
    on_ready: Callable[[InferenceService], None] | None = None,
    releases: ReleaseService | None = None,
) -> ServiceEnd:
    """Serve until a signal.

    Args:
        plans: how to serve each model.
        settings: how the service runs.
        facts: what the checks were made from.
        catalogue: the causes that are looked for where a model does not load.
        checked: the report of the checks that the models passed.
        on_ready: called once the service answers.
        releases: what is needed to serve releases; None where none is served.

    Raises:
        ExtraMissing: the libraries of the service are not installed.
        AirworthyError: the address can't be had, or no load failed and the error says it all.
    """
    from airworthy.flows.row_trials import KeptTrials
    from airworthy.state import profiles
    from airworthy.state.directory import state_directory

    keep = partial(profiles.keep, state_directory(settings))
    trials = KeptTrials(settings)
    service = InferenceService(
        plans, settings.serve, on_ready=on_ready, keep=keep, trial_store=trials, releases=releases
    )
    try:
        service.run()
    except ModuleNotFoundError as error:
        raise ExtraMissing(job=say("serving"), library=error.name, extra="serve") from None
    except AirworthyError as error:
        from airworthy.flows import load_failure

        failed = load_failure.explain(service, error, facts, checked, catalogue)
        if failed is None:
            raise
        return ServiceEnd(None, failed)
    return ServiceEnd(ServingAnswer(models=[plan.model.name for plan in plans], url=service.url), None)


def run_after(
    plans: Sequence[Plan],
    settings: Settings,
    facts: Facts,
    catalogue: Catalogue,
    checked: Report[ServingAnswer],
    *,
    on_ready: Callable[[InferenceService], None] | None = None,
    releases: ReleaseService | None = None,
) -> Report[ServingAnswer]:
    """Serve until a signal; one report of the checks and what followed. Arguments and errors are those of `run`."""
    ended = run(plans, settings, facts, catalogue, checked, on_ready=on_ready, releases=releases)
    if ended.failed is not None:
        from airworthy.flows import load_failure

        return load_failure.merged(checked, ended.failed)
    return msgspec.structs.replace(checked, answer=ended.served)
