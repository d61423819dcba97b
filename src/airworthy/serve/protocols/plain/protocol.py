"""`/chat` and `/tokenize`; errors have the Open Inference Protocol's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.engines.generation import AnyEvent, GenerationRequest
from airworthy.serve.access.principal import Role
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.answers import WholeAnswer
from airworthy.serve.protocols.generation_fields import limit, refuse, refuse_given
from airworthy.serve.protocols.generation_responses import respond
from airworthy.serve.protocols.generations import Usage
from airworthy.serve.protocols.interface import MODEL_RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.open_inference import rest


class PlainChatRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /chat`."""

    input_text: str
    """What is said to the model."""
    model: str = ""
    """The model's name; may be left out where one language model is served."""


class PlainReply(msgspec.Struct):
    """An answer."""

    reply: str
    """The text."""


class TokenizeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /tokenize`, in vLLM's shape."""

    prompt: str
    """The text."""
    model: str = ""
    """The model's name; may be left out where one language model is served."""
    add_special_tokens: Optional[bool] = None
    """True is refused: engines give a text's own tokens."""
    return_token_strs: Optional[bool] = None
    """True is refused."""


class Tokenized(msgspec.Struct):
    """The tokens of a text."""

    count: int
    """How many."""
    max_model_len: int
    """Tokens of one request, prompt and answer together."""
    tokens: Sequence[int]
    """Their ids, without those that begin or end a prompt."""
    token_strs: None = None
    """Null."""


_chat = msgspec.json.Decoder(PlainChatRequest)
_tokenize = msgspec.json.Decoder(TokenizeRequest)
_encode = msgspec.json.Encoder().encode


class PlainForm:
    """An answer as `{"reply": …}`; it never comes in pieces."""

    def whole(self, generations: Sequence[Sequence[AnyEvent]], used: Usage) -> bytes:
        """The answer."""
        return _encode(PlainReply(WholeAnswer(generations[0]).text))

    def first(self, prompt_tokens: int) -> bytes:
        """Nothing."""
        return b""

    def piece(self, index: int, event: AnyEvent) -> bytes:
        """Nothing."""
        return b""

    def silence(self) -> bytes:
        """Nothing."""
        return b""

    def last(self, used: Usage) -> bytes:
        """Nothing."""
        return b""

    def error(self, error: AirworthyError) -> bytes:
        """Nothing."""
        return b""


class PlainProtocol:
    """One text in, one text out."""

    name = "plain"
    prefixes = ("/chat", "/tokenize")
    error_type: type = rest.InferenceErrorBody

    def __init__(self, context: ProtocolContext) -> None:
        self._models = context.models
        self._settings = context.settings

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        chat = Operation(Role.USER, gives=PlainReply, takes=PlainChatRequest, refuses=MODEL_RUN)
        tokenize = chat._replace(gives=Tokenized, takes=TokenizeRequest)
        return (
            RouteEndpoint("/chat", "POST", self.chat, chat),
            RouteEndpoint("/tokenize", "POST", self.tokenize, tokenize),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in the Open Inference Protocol's shape."""
        return rest.error_body(error)

    async def chat(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /chat`: the answer to a text."""
        given: PlainChatRequest = await read_json(request, _chat, self._settings)
        served = self._served(given.model, request)
        if not given.input_text:
            refuse("input_text", say("it is empty"))
        prompt: dict[str, Any] = {"prompt": given.input_text}
        if served.known_info().chat:
            prompt = {"messages": ({"role": "user", "content": given.input_text},)}
        asked = GenerationRequest(max_tokens=limit(None, self._settings.generation.max_tokens), **prompt)
        return await respond(request, served, asked, PlainForm(), streams=False)

    async def tokenize(self, request: Request) -> Response:
        """`POST /tokenize`: the tokens of a text."""
        given: TokenizeRequest = await read_json(request, _tokenize, self._settings)
        served = self._served(given.model, request)
        unable = {name: getattr(given, name) for name in ("add_special_tokens", "return_token_strs")}
        refuse_given(unable, say("it is not supported"))
        tokens = await served.tokenize(given.prompt)
        return Response(200, _encode(Tokenized(len(tokens), served.known_info().context, tokens)))

    def _served(self, name: str, request: Request) -> ServedGenerator:
        """The model of a name, or the only one."""
        if not name:
            names = [each.name for each in self._models.values() if isinstance(each, ServedGenerator)]
            if len(names) != 1:
                refuse("model", say("it names one of {served}", served=tuple(self._models)))
            name = names[0]
        return self._models.generator(name, say("chat"), request.sticky_key)
