"""`/v1/embeddings`: the vectors of texts, as OpenAI's clients ask for them."""

from __future__ import annotations

from typing import Annotated, Literal, Union

import msgspec

from airworthy.core.settings import ServeSettings
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.models.catalogue import Models
from airworthy.serve.protocols import priorities
from airworthy.serve.protocols.text_vectors import embed, embedding_model
from airworthy.serve.protocols.truncation import Truncate, cut_of


class EmbeddingRequest(msgspec.Struct):
    """`POST /v1/embeddings`; fields that we don't know are passed over, as OpenAI's clients expect."""

    model: str
    """The model's name."""
    input: Union[str, list[Union[str, int, list[int]]]]
    """A text, texts, the token ids of one text, or of several."""
    encoding_format: Literal["float", "base64"] = "float"
    """How vectors are written: as numbers, or as FP32 data in base64."""
    dimensions: Union[int, None] = None
    """To how many dimensions vectors are cut, for models that were trained for it."""
    truncate: Truncate = False
    """Whether a text that is too long is cut, at its end or, with `START`, at its beginning; else it is refused."""
    truncate_prompt_tokens: Union[Annotated[int, msgspec.Meta(ge=-1)], None] = None
    """Texts are cut to so many tokens, -1 for as many as the model takes; as vLLM names it."""
    prompt_name: Union[str, None] = None
    """The model's prompt that texts begin with, by its name; without it the model's own default."""
    priority: int = 0
    """What is above 0 runs after others, what is below before them."""


class Embedding(msgspec.Struct):
    """One vector."""

    object: str
    """`embedding`."""
    index: int
    """The text's place in the request."""
    embedding: Union[str, list[float]]
    """The vector."""


class EmbeddingUsage(msgspec.Struct):
    """What was used."""

    prompt_tokens: int
    """Tokens of the texts."""
    total_tokens: int
    """The same."""


class EmbeddingResponse(msgspec.Struct):
    """The answer."""

    object: str
    """`list`."""
    data: list[Embedding]
    """The vectors, in the order of the texts."""
    model: str
    """The model's name."""
    usage: EmbeddingUsage
    """What was used."""


_decoder = msgspec.json.Decoder(EmbeddingRequest)
_encode = msgspec.json.Encoder().encode


class Embeddings:
    """The handler."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def embeddings(self, request: Request) -> Response:
        """`POST /v1/embeddings`: the vectors of texts."""
        wanted = await read_json(request, _decoder, self._settings)
        priority = priorities.by_order(wanted.priority, may_be_high=self._settings.callers.high_priority)
        as_text = wanted.encoding_format == "base64"
        served = embedding_model(self._models, wanted.model, request)
        vectors, tokens = await embed(
            request,
            served,
            wanted.input,
            wanted.dimensions,
            priority,
            as_text=as_text,
            cut=cut_of(wanted.truncate, wanted.truncate_prompt_tokens),
            prompt=wanted.prompt_name,
        )
        data = [Embedding("embedding", i, vector) for i, vector in enumerate(vectors)]
        return Response(200, _encode(EmbeddingResponse("list", data, served.name, EmbeddingUsage(tokens, tokens))))
