"""How each server wants to be asked: the path, a request's body, and the numbers in its answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Item = Any
"""What one request asks about: a list of 64 numbers, or a text."""


@dataclass(frozen=True)
class Protocol:
    """One shape of requests and answers."""

    path: str
    """May hold `{model}`."""
    body: Callable[[Item], str]
    """An item's request, on one line."""
    numbers: Callable[[Any], list[float]]
    """The numbers in the parsed answer."""


def _line(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def _open_inference(name: str, shape: list[int], datatype: str) -> Protocol:
    def body(item: Item) -> str:
        data = [item] if datatype == "BYTES" else item
        return _line({"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}]})

    return Protocol("/v2/models/{model}/infer", body, lambda answer: answer["outputs"][0]["data"])


def _named(path: str, field: str) -> Protocol:
    return Protocol(path, lambda item: _line({field: item}), lambda answer: answer["output"])


def _rows(path: str, field: str) -> Protocol:
    return Protocol(path, lambda item: _line({field: [item]}), lambda answer: answer[0])


_DIGITS = _open_inference("x", [1, 64], "FP32")
PROTOCOLS: dict[str, dict[str, Protocol]] = {
    "simple": {"digits": _named("/predict", "input"), "minilm": _named("/predict", "text")},
    "bentoml": {"digits": _rows("/predict", "input"), "minilm": _rows("/predict", "text")},
    "open-inference": {"digits": _DIGITS, "minilm": _open_inference("text", [1, 1], "BYTES")},
    "ours": {
        "digits": _DIGITS,
        "minilm": Protocol(
            "/v1/embeddings",
            lambda item: _line({"model": "minilm", "input": item}),
            lambda answer: answer["data"][0]["embedding"],
        ),
    },
}
"""By the name in peers.toml, then by model."""
