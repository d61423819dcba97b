"""`/embed` and `/predict`: embeddings and text classification as text-embeddings-inference serves them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.access.principal import Role
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.models.served import ServedModel
from airworthy.serve.models.text_inputs import TokenIds
from airworthy.serve.protocols.interface import MODEL_RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.tei import bodies
from airworthy.serve.protocols.text_vectors import MOST_INPUTS, embed, embedding_model, not_this_task, wait_for_all
from airworthy.serve.protocols.truncation import Cut, cut_of
from airworthy.serve.scheduling.request_options import Priority, RequestOptions
from airworthy.serve.tensors import Tensor, is_finite, unpack

_embed = msgspec.json.Decoder(bodies.EmbedTexts)
_predict = msgspec.json.Decoder(bodies.PredictTexts)
_encode = msgspec.json.Encoder().encode


class TeiProtocol:
    """Texts in, vectors or classes out."""

    name = "tei"
    prefixes = ("/embed", "/predict")
    error_type: type = bodies.TeiError

    def __init__(self, context: ProtocolContext) -> None:
        self._models = context.models
        self._settings = context.settings

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        vectors = Operation(Role.USER, gives=list[list[float]], takes=bodies.EmbedTexts, refuses=MODEL_RUN)
        classes = vectors._replace(gives=list[Any], takes=bodies.PredictTexts)
        return (
            RouteEndpoint("/embed", "POST", self.embed, vectors),
            RouteEndpoint("/predict", "POST", self.predict, classes),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in TEI's shape."""
        return bodies.error_body(error)

    async def embed(self, request: Request) -> Response:
        """`POST /embed`: the vectors of texts."""
        wanted: bodies.EmbedTexts = await read_json(request, _embed, self._settings)
        name = wanted.model or self._only(lambda each: each.embedding is not None, say("embeddings"))
        served = embedding_model(self._models, name, request)
        cut = _cut(wanted.truncate, wanted.truncation_direction)
        vectors, _ = await embed(request, served, wanted.inputs, wanted.dimensions, cut=cut, prompt=wanted.prompt_name)
        rows = [vector for vector in vectors if not isinstance(vector, str)]
        return Response(200, _encode([_unit(row) for row in rows] if wanted.normalize else rows))

    async def predict(self, request: Request) -> Response:
        """`POST /predict`: the classes of texts, the most likely first."""
        wanted: bodies.PredictTexts = await read_json(request, _predict, self._settings)
        name = wanted.model or self._only(lambda each: each.classes is not None, say("text classification"))
        served = self._models.batches(name, "", request.sticky_key)
        if served.codec is None or served.classes is None:
            raise not_this_task(served, say("text classification"))
        served.require(request_id=request.request_id)
        texts, is_list = _texts(wanted.inputs)
        inputs = await _tokens(served, texts, _cut(wanted.truncate, wanted.truncation_direction))
        tenant = request.principal.tenant
        options = RequestOptions(request.watch, tenant, 0.0, Priority.NORMAL, 0.0, request.request_id)
        rows = await wait_for_all(served.submit_tokens(inputs, options))
        found = [_predictions(served, row[0], raw=wanted.raw_scores) for row in rows]
        return Response(200, _encode(found if is_list else found[0]))

    def _only(self, fits: Callable[[ServedModel], bool], task: str) -> str:
        """The name of the one model that does a task.

        Raises:
            InvalidRequest: there are several.
            NotThisTask: there is none.
        """
        batches = [each for each in self._models.values() if isinstance(each, ServedModel)]
        found = [each.name for each in batches if fits(each)]
        if len(found) == 1:
            return found[0]
        if not found and batches:
            raise not_this_task(batches[0], task)
        names = tuple(found) or tuple(self._models)
        raise errors.InvalidRequest(detail=say("`model` names one of {names}", names=names))


def _cut(truncate: bool | str, direction: str) -> Cut:
    cut = cut_of(truncate)  # type: ignore[arg-type]
    return cut if truncate == "START" else cut._replace(side=direction.lower())


def _texts(given: Any) -> tuple[list[tuple[str, ...]], bool]:
    """The texts of a request, each alone or with a second one, and whether a list of answers comes back.

    Raises:
        InvalidRequest: it is something else.
    """
    wrong = errors.InvalidRequest(
        detail=say("`inputs` is a text, a pair of texts as a list of two, or a list of lists, each of a text or a pair")
    )
    if isinstance(given, str):
        given, is_list = [[given]], False
    elif isinstance(given, list) and len(given) == 2 and all(isinstance(each, str) for each in given):
        given, is_list = [given], False
    else:
        is_list = True
    if not isinstance(given, list):
        raise wrong
    if not 1 <= len(given) <= MOST_INPUTS:
        raise errors.InvalidRequest(detail=say("`inputs` takes 1 to {most} texts", most=MOST_INPUTS))
    found = []
    for each in given:
        texts = (each,) if isinstance(each, str) else tuple(each) if isinstance(each, list) else ()
        if len(texts) not in (1, 2) or not all(isinstance(text, str) for text in texts):
            raise wrong
        if not all(texts):
            raise errors.InvalidRequest(detail=say("`inputs` holds an empty text"))
        found.append(texts)
    return found, is_list


async def _tokens(served: ServedModel, texts: Sequence[tuple[str, ...]], cut: Cut) -> list[TokenIds]:
    codec, most = served.codec, cut.most(served)
    assert codec is not None
    if served.model.lower_case:
        texts = [tuple(text.lower() for text in each) for each in texts]
    singles = [each[0] for each in texts if len(each) == 1]
    ids = iter(await codec.encode(singles, most=most, side=cut.side) if singles else ())
    found = []
    for each in texts:
        if len(each) == 1:
            found.append(TokenIds(next(ids)))
        else:
            (pair,) = await codec.encode_pairs(each[0], [each[1]], most=most)
            found.append(TokenIds(*pair))
    return found


def _predictions(served: ServedModel, tensor: Tensor, *, raw: bool) -> list[bodies.Prediction]:
    """The classes of one text, the most likely first."""
    if not is_finite(tensor.meta.datatype, tensor.data):
        raise errors.NotANumber(name=tensor.meta.name)
    logits = list(unpack(tensor.meta.datatype, tensor.data))
    scores = logits if raw else [_sigmoid(each) for each in logits] if served.model.multi_label else _softmax(logits)
    found = [bodies.Prediction(score, label) for label, score in zip(served.model.labels, scores, strict=True)]
    return sorted(found, key=lambda each: -each.score)


def _softmax(logits: Sequence[float]) -> list[float]:
    highest = max(logits)
    powers = [math.exp(each - highest) for each in logits]
    whole = math.fsum(powers)
    return [each / whole for each in powers]


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def _unit(row: Sequence[float]) -> list[float]:
    length = math.hypot(*row)
    return [value / length for value in row] if length else list(row)
