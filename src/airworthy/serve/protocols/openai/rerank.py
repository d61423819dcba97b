"""Reranking in the shape that Jina's and Cohere's clients know: documents in order of their relevance to a query."""

from __future__ import annotations

import math
import uuid
from typing import Annotated, Union

import msgspec

from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.models.catalogue import Models
from airworthy.serve.models.text_inputs import TokenIds
from airworthy.serve.protocols import priorities
from airworthy.serve.protocols.text_vectors import not_this_task, wait_for_all
from airworthy.serve.scheduling.request_options import RequestOptions
from airworthy.serve.tensors import Tensor, is_finite, unpack

MOST_DOCUMENTS = 1000
"""Documents in one request, Cohere's own limit."""


class Document(msgspec.Struct):
    """A document."""

    text: str
    """Its text."""


class RerankRequest(msgspec.Struct):
    """A query and documents; fields that we don't know are passed over, as the clients expect."""

    model: str
    """The model's name."""
    query: str
    """The text that the documents are compared with."""
    documents: list[Union[str, Document]]
    """The documents, 1 to 1000."""
    top_n: Union[Annotated[int, msgspec.Meta(ge=1)], None] = None
    """How many results come back at most; all without it."""
    return_documents: Union[bool, None] = None
    """Whether results hold their documents; true by default, but for `/v2/rerank`, as with Cohere."""
    max_tokens_per_doc: Union[Annotated[int, msgspec.Meta(ge=1)], None] = None
    """Documents are cut to so many tokens."""
    truncate: bool = False
    """Whether a document that is too long for the model is cut; otherwise the request is refused."""
    priority: int = 0
    """What is above 0 runs after others, what is below before them."""


class RerankResult(msgspec.Struct):
    """One document's place."""

    index: int
    """Its place in the request."""
    relevance_score: float
    """How relevant it is, 0 to 1."""
    document: Union[Document, msgspec.UnsetType] = msgspec.UNSET
    """The document, where it is requested."""


class RerankUsage(msgspec.Struct):
    """What was used."""

    prompt_tokens: int
    """Tokens of all pairs, the query counted in each."""
    total_tokens: int
    """The same."""


class RerankResponse(msgspec.Struct):
    """The answer."""

    id: str
    """A name of this answer."""
    object: str
    """`list`."""
    model: str
    """The model's name."""
    results: list[RerankResult]
    """The documents, the most relevant first."""
    usage: RerankUsage
    """What was used."""


_decoder = msgspec.json.Decoder(RerankRequest)
_encode = msgspec.json.Encoder().encode


class Rerank:
    """The handler."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def rerank(self, request: Request) -> Response:
        """`POST /v1/rerank`: documents in the order of their relevance to a query."""
        wanted: RerankRequest = await read_json(request, _decoder, self._settings)
        served = self._models.batches(wanted.model, "", request.sticky_key)
        if served.codec is None or served.score is None:
            raise not_this_task(served, say("reranking"))
        if not 1 <= len(wanted.documents) <= MOST_DOCUMENTS:
            raise errors.InvalidRequest(detail=say("`documents` takes 1 to {most} texts", most=MOST_DOCUMENTS))
        if not wanted.query:
            raise errors.InvalidRequest(detail=say("`query` is empty"))
        served.require(request_id=request.request_id)
        texts = [each if isinstance(each, str) else each.text for each in wanted.documents]
        most = served.model.max_length if wanted.truncate else None
        pairs = await served.codec.encode_pairs(wanted.query, texts, most=most, most_second=wanted.max_tokens_per_doc)
        priority = priorities.by_order(wanted.priority, may_be_high=self._settings.callers.high_priority)
        options = RequestOptions(request.watch, request.principal.tenant, 0.0, priority, 0.0, request.request_id)
        rows = await wait_for_all(served.submit_tokens([TokenIds(*pair) for pair in pairs], options))
        scores = [_score(row[0]) for row in rows]
        order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[: wanted.top_n]
        told = wanted.return_documents
        if told is None:
            told = not request.path.startswith("/v2")
        results = [RerankResult(i, scores[i], Document(texts[i]) if told else msgspec.UNSET) for i in order]
        tokens = sum(len(ids) for ids, _ in pairs)
        usage = RerankUsage(tokens, tokens)
        return Response(200, _encode(RerankResponse(f"rerank-{uuid.uuid4()}", "list", served.name, results, usage)))


def _score(tensor: Tensor) -> float:
    meta, data = tensor
    if not is_finite(meta.datatype, data):
        raise errors.NotANumber(name=meta.name)
    (logit,) = unpack(meta.datatype, data)
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
