"""Requests that a served model answers, made from what the service says of itself."""

from __future__ import annotations

import http.client
import math
import random
import urllib.request
from typing import Any, NamedTuple, Optional, TypeVar
from urllib.parse import quote

import msgspec

from airworthy.core.errors import AirworthyError, Exit
from airworthy.core.messages import say
from airworthy.observe.addresses import parse

MANY = 64
"""Different requests that are made."""
MAX_VALUES = 1 << 20
"""Values of one input; what a service claims beyond that is not made up."""
LENGTHS = (5, 200)
"""Words of the texts that are made, from and to; most are short."""
_WORDS = tuple("fit to fly model file driver memory service worker batch queue answer trust engine reason".split(" "))  # noqa: SIM905


class NoSuchService(AirworthyError):
    """Nothing that speaks the Open Inference Protocol answers."""

    code = "no-such-service"
    message = "{url} does not answer as a model server does: {reason}"
    hint = "give the base URL of a running service, such as http://127.0.0.1:8000"
    exit = Exit.USAGE


class _ModelNames(msgspec.Struct):
    models: Optional[list[str]] = None


class _Input(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]


class _Metadata(msgspec.Struct):
    inputs: Optional[list[_Input]] = None


_T = TypeVar("_T", _ModelNames, _Metadata)


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
        AddressInvalid: the URL names no server.
        NoSuchService: the service does not answer, or can't be asked with values that can be made up.
    """
    address = parse(url)
    if address.scheme != "http":
        raise NoSuchService(url=url, reason=say("only http:// is asked"))
    names = _get(f"{address.url}/v2/models", _ModelNames).models or ()
    if not names:
        raise NoSuchService(url=url, reason=say("it serves no model"))
    name = model or names[0]
    path = f"{address.path}/v2/models/{quote(name, safe='')}"
    inputs = _get(address._replace(path=path).url, _Metadata).inputs or ()
    generator = random.Random(seed)  # noqa: S311 - made-up inputs
    if {"input_ids", "attention_mask"} <= {each.name for each in inputs}:
        bodies = [_encode({"model": name, "input": _text(generator)}) for _ in range(MANY)]
        return LoadTarget(address.host, address.port, f"{address.path}/v1/embeddings", name, tuple(bodies))
    bodies = [_encode({"inputs": [_tensor(each, generator, url) for each in inputs]}) for _ in range(MANY)]
    return LoadTarget(address.host, address.port, f"{path}/infer", name, tuple(bodies))


_encode = msgspec.json.encode


def _get(url: str, kind: type[_T]) -> _T:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the scheme was checked
            return msgspec.json.decode(answer.read(1 << 20), type=kind)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise NoSuchService(url=url, reason=str(error) or type(error).__name__) from None


def _text(generator: random.Random) -> str:
    count = int(min(LENGTHS[1], max(LENGTHS[0], generator.lognormvariate(3.4, 0.7))))
    return " ".join(generator.choice(_WORDS) for _ in range(count))


def _tensor(spec: _Input, generator: random.Random, url: str) -> dict[str, Any]:
    shape = [1 if size < 0 else size for size in spec.shape]
    count = math.prod(shape)
    if count > MAX_VALUES:
        reason = say("its input {name!r} takes {count} values", name=spec.name, count=count)
        raise NoSuchService(url=url, reason=reason)
    kind = spec.datatype
    if kind == "BYTES":
        data: list[Any] = [_text(generator) for _ in range(count)]
    elif kind == "BOOL":
        data = [generator.random() < 0.5 for _ in range(count)]
    elif kind.startswith(("INT", "UINT")):
        data = [generator.randrange(2) for _ in range(count)]
    else:
        data = [round(generator.random(), 3) for _ in range(count)]
    return {"name": spec.name, "shape": shape, "datatype": kind, "data": data}
