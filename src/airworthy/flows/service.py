"""A request that can be tried by hand at a running service."""

from __future__ import annotations

import msgspec

from airworthy.core.model import TensorSpec
from airworthy.serve.service import Plan

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
