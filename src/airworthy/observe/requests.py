"""Requests that a served model answers, made from what the service says of itself."""

from __future__ import annotations

import random
import urllib.error
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say

MANY = 64
"""Different requests that are made."""
LENGTHS = (5, 200)
"""Words of the texts that are made, from and to; most are short."""
_WORDS = tuple("fit to fly model file driver memory service worker batch queue answer trust engine reason".split(" "))  # noqa: SIM905


class NoSuchService(AirworthyError):
    """Nothing that speaks the Open Inference Protocol answers."""

    code = "no-such-service"
    message = "{url} does not answer as a model server does: {reason}"
    hint = "give the base URL of a running service, such as http://127.0.0.1:8000"
    exit = Exit.USAGE


class LoadTarget(NamedTuple):
    """What is asked: where, and with which bodies."""

    host: str
    port: int
    path: str
    model: str
    bodies: tuple[bytes, ...]


def target(url: str, model: str = "", seed: int = 1) -> LoadTarget:
    """Requests for a model of a service.

    Args:
        url: the service's base URL.
        model: the model's name; the first that is served by default.
        seed: of the values.

    Raises:
        NoSuchService: the service does not answer, or can't be asked with values that can be made up.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise NoSuchService(url=url, reason=say("only http:// is asked"))
    base = f"http://{parts.netloc}"
    names = _get(f"{base}/v2/models").get("models", [])
    if not names:
        raise NoSuchService(url=url, reason=say("it serves no model"))
    name = model or str(names[0])
    metadata = _get(f"{base}/v2/models/{name}")
    generator = random.Random(seed)  # noqa: S311 - made-up inputs
    inputs = metadata.get("inputs", [])
    port = parts.port or 80
    if {"input_ids", "attention_mask"} <= {each["name"] for each in inputs}:
        bodies = [_encode({"model": name, "input": _text(generator)}) for _ in range(MANY)]
        return LoadTarget(parts.hostname, port, "/v1/embeddings", name, tuple(bodies))
    bodies = [_encode({"inputs": [_tensor(each, generator) for each in inputs]}) for _ in range(MANY)]
    return LoadTarget(parts.hostname, port, f"/v2/models/{name}/infer", name, tuple(bodies))


_encode = msgspec.json.encode


def _get(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the scheme was checked
            document = msgspec.json.decode(answer.read(1 << 20))
    except (OSError, urllib.error.URLError, msgspec.DecodeError, ValueError) as error:
        raise NoSuchService(url=url, reason=error) from None
    if not isinstance(document, dict):
        raise NoSuchService(url=url, reason=say("its answer is not an object"))
    return document


def _text(generator: random.Random) -> str:
    count = int(min(LENGTHS[1], max(LENGTHS[0], generator.lognormvariate(3.4, 0.7))))
    return " ".join(generator.choice(_WORDS) for _ in range(count))


def _tensor(spec: dict[str, Any], generator: random.Random) -> dict[str, Any]:
    shape = [1 if size < 0 else size for size in spec["shape"]]
    count = 1
    for size in shape:
        count *= size
    kind = spec["datatype"]
    if kind == "BYTES":
        data: list[Any] = [_text(generator) for _ in range(count)]
    elif kind == "BOOL":
        data = [generator.random() < 0.5 for _ in range(count)]
    elif kind.startswith(("INT", "UINT")):
        data = [generator.randrange(2) for _ in range(count)]
    else:
        data = [round(generator.random(), 3) for _ in range(count)]
    return {"name": spec["name"], "shape": shape, "datatype": kind, "data": data}
