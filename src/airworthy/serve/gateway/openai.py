"""OpenAI's interface: `/v1/models` and `/v1/embeddings`."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.settings import ServeSettings
from airworthy.core.words import say
from airworthy.serve import refusals
from airworthy.serve.gateway.http import Request, Response, decode, message_of, status_of
from airworthy.serve.served import Served
from airworthy.serve.tensors import Tensor, is_finite, unpack

MOST_INPUTS = 2048
"""Texts in one request, OpenAI's own limit."""


class EmbeddingRequest(msgspec.Struct):
    """`POST /v1/embeddings`; fields that we don't know are passed over, as OpenAI's clients expect."""

    model: str
    input: Union[str, list[Union[str, int, list[int]]]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Union[int, None] = None


class Embedding(msgspec.Struct):
    """One vector."""

    object: str
    index: int
    embedding: Union[str, list[float]]


class Usage(msgspec.Struct):
    """What was used."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(msgspec.Struct):
    """The answer."""

    object: str
    data: list[Embedding]
    model: str
    usage: Usage


class Model(msgspec.Struct):
    """A served model."""

    id: str
    object: str
    created: int
    owned_by: str


_decoder = msgspec.json.Decoder(EmbeddingRequest)
_encode = msgspec.json.Encoder().encode


def error_body(error: AirworthyError) -> bytes:
    """An error in OpenAI's shape."""
    status = status_of(error)
    kind = "invalid_request_error" if status < 500 else "server_error"
    param = error.params.get("name") if status == 404 or error.code == "invalid-tensor" else None
    inner = {"message": message_of(error), "type": kind, "param": param, "code": error.code.replace("-", "_")}
    return _encode({"error": inner})


class OpenAI:
    """The handlers."""

    def __init__(self, models: Mapping[str, Served], settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings
        self._created = int(time.time())

    async def list_models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        data = [self._describe(name) for name in self._models]
        return Response(200, _encode({"object": "list", "data": data}))

    async def get_model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`."""
        name = request.path.removeprefix("/v1/models/")
        if name not in self._models:
            raise refusals.UnknownModel(name=name, served=tuple(self._models))
        return Response(200, _encode(self._describe(name)))

    def _describe(self, name: str) -> Model:
        return Model(name, "model", self._created, "airworthy")

    async def embeddings(self, request: Request) -> Response:
        """`POST /v1/embeddings`."""
        wanted = decode(_decoder, await request.body(self._settings.max_body, self._settings.body_timeout))
        served = self._models.get(wanted.model)
        if served is None:
            raise refusals.UnknownModel(name=wanted.model, served=tuple(self._models))
        if served.codec is None or served.embedding is None:
            path = f"/v2/models/{served.name}/infer"
            raise refusals.NotThisTask(name=served.name, task=say("embeddings"), path=path)
        size = served.embedding.shape[1]
        if wanted.dimensions is not None and wanted.dimensions != size:
            detail = say("this model's embeddings have {size} dimensions and can't be cut", size=size)
            raise refusals.InvalidRequest(detail=detail)
        served.dispatcher.check_room()
        ids = await _token_ids(served, wanted.input)
        vectors = await _all(
            [served.submit_tokens(each, request.gone if i == 0 else None) for i, each in enumerate(ids)]
        )
        as_text = wanted.encoding_format == "base64"
        data = [Embedding("embedding", i, _vector(vector[0], as_text)) for i, vector in enumerate(vectors)]
        tokens = sum(map(len, ids))
        return Response(200, _encode(EmbeddingResponse("list", data, served.name, Usage(tokens, tokens))))


async def _token_ids(served: Served, given: str | list[Any]) -> list[list[int]]:
    """The token ids of every input.

    Raises:
        Refusal: nothing to embed, a mixture, or ids that the model doesn't have.
    """
    assert served.codec is not None
    if isinstance(given, str):
        given = [given]
    if not given or len(given) > MOST_INPUTS:
        raise refusals.InvalidRequest(detail=say("`input` takes 1 to {most} texts", most=MOST_INPUTS))
    if all(isinstance(each, str) for each in given):
        if not all(given):
            raise refusals.InvalidRequest(detail=say("`input` holds an empty text"))
        return await served.codec.encode(given)
    if all(isinstance(each, int) for each in given):
        given = [given]
    if not all(isinstance(each, list) for each in given):
        raise refusals.InvalidRequest(detail=say("`input` is texts or lists of token ids, not both"))
    for ids in given:
        if problem := served.codec.check_ids(ids):
            raise refusals.InvalidRequest(detail=problem)
    return given


async def _all(answers: Sequence[asyncio.Future[tuple[Tensor, ...]]]) -> list[tuple[Tensor, ...]]:
    """Wait for all answers; the first that fails takes the others out."""
    try:
        return [await answer for answer in answers]
    finally:
        for answer in answers:
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, so that the event loop does not complain of it


def _vector(tensor: Tensor, as_text: bool) -> str | list[float]:
    if not is_finite(tensor.meta.datatype, tensor.data):
        raise refusals.NotANumber(name=tensor.meta.name)
    if as_text:
        return base64.b64encode(tensor.data).decode("ascii")
    return unpack(tensor.meta.datatype, tensor.data)
