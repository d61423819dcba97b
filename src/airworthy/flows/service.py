"""A request that can be tried by hand at a running service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from airworthy.causes.catalogue import Catalogue
from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.model import ANY_RANK, TensorSpec
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.serve.service import InferenceService, Plan, ReleaseService

MOST_VALUES = 20_000
"""Values that an example request may hold: a shell takes some 128 KiB for one argument."""
MOST_WRITTEN = 8
"""Values of a tensor that are written out; more are made by the command line itself."""
EXAMPLE_SIZES = (1, 8, 64, 512, 1024)
"""What open sizes but the batch are taken for, in turn, until the model takes the request."""
EXAMPLE_TIMEOUT_S = 5.0
"""Seconds that trying an example may take in all; a model that needs longer gets it untried."""


class Example(msgspec.Struct, frozen=True):
    """A request that can be tried by hand."""

    path: str
    """The path below the service's URL."""
    body: str
    """The JSON body."""
    short: str = ""
    """The same as a shell's single-quoted argument that makes long tensors itself; empty where the body is short."""

    def curl(self, url: str) -> str:
        """The command line that sends it."""
        body = self.short or "'" + self.body.replace("'", "'\\''") + "'"
        return f"curl -s {url}{self.path} -H 'content-type: application/json' -d {body}"


def example(plan: Plan, size: int = 1, *, first_only: bool = False) -> Example | None:
    """A request that a planned model may answer; None where its tensors are too large for a command line.

    Args:
        plan: how the model is served.
        size: what open sizes are taken for, but that of the batch.
        first_only: whether those of the other inputs are taken for 1.
    """
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
    inputs = [_zeros(spec, 1 if first_only and number else size) for number, spec in enumerate(model.inputs)]
    if not inputs or any(each is None for each in inputs):
        return None
    whole = msgspec.json.encode({"inputs": inputs}).decode()
    parts = [each for each in inputs if each is not None]
    return Example(f"/v2/models/{model.name}/infer", whole, _short(parts))


def answered_example(plan: Plan, url: str) -> tuple[Example | None, str]:
    """A request that the running service answers, or why there is none.

    It is tried where the model leaves sizes open, so that its graph may refuse what its interface allows.

    Args:
        plan: how the model is served.
        url: the service's base URL.
    """
    import time

    made = example(plan)
    is_open = any(dim < 0 for spec in plan.model.inputs for dim in spec.shape[1:])
    if plan.generates or plan.model.task != "tensors" or not is_open:
        return made, "" if made is not None else say("its tensors are too large for a command line")
    end = time.monotonic() + EXAMPLE_TIMEOUT_S
    refused = say("its tensors are too large for a command line")
    for size in EXAMPLE_SIZES:
        for first_only in (False, True):
            made = example(plan, size, first_only=first_only)
            left = end - time.monotonic()
            if made is None or left <= 0:
                continue
            status, refused = _post(url + made.path, made.body, left)
            if status in (0, 200, 401, 403):  # 0: it takes its time, and was not refused
                return made, ""
    return None, refused


def _post(url: str, body: str, timeout: float) -> tuple[int, str]:
    """The status of a request, 0 without an answer in time, and what an error says."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, body.encode(), {"content-type": "application/json"})  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(4000).decode(errors="replace")
        try:
            return error.code, str(msgspec.json.decode(text)["error"])[:200]
        except (msgspec.DecodeError, KeyError, TypeError):
            return error.code, text[:200]
    except OSError:
        return 0, ""


def _short(inputs: Sequence[dict[str, Any]]) -> str:
    """The body as a shell's argument that makes long tensors itself; empty where none is long."""
    if not any(len(each["data"]) > MOST_WRITTEN for each in inputs):
        return ""
    told = []
    for each in inputs:
        count, rest = len(each["data"]), {name: value for name, value in each.items() if name != "data"}
        head = msgspec.json.encode(rest).decode()[:-1]
        value = msgspec.json.encode(each["data"][0]).decode()
        written = msgspec.json.encode(each["data"]).decode()[1:-1]
        data = written if count <= MOST_WRITTEN else f"'$(yes {value} | head -{count} | paste -sd, -)'"
        told.append(f'{head},"data":[{data}]}}')
    return "'" + '{"inputs":[' + ",".join(told) + "]}'"


def _zeros(spec: TensorSpec, size: int) -> dict[str, Any] | None:
    if spec.symbols == ANY_RANK:
        shape = [1]
    else:
        shape = [dim if dim >= 0 else 1 if axis == 0 else size for axis, dim in enumerate(spec.shape)]
    count = 1
    for each in shape:
        count *= each
    if not 0 < count <= MOST_VALUES or spec.datatype == "BF16":
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
