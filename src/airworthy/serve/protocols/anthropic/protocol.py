"""Anthropic's interface as a member of the family: its paths and what each takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.serve.access.principal import Role
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.protocols.anthropic.answers import AnthropicMessage, MessageForm, TokenCount
from airworthy.serve.protocols.anthropic.bodies import AnthropicError, error_body
from airworthy.serve.protocols.anthropic.requests import CountRequest, MessagesRequest, of_count, of_messages
from airworthy.serve.protocols.generation_responses import respond
from airworthy.serve.protocols.interface import MODEL_RUN, Operation, ProtocolContext, RouteEndpoint

_messages = msgspec.json.Decoder(MessagesRequest)
_count = msgspec.json.Decoder(CountRequest)
_MESSAGES = Operation(
    Role.USER, gives=AnthropicMessage, takes=MessagesRequest, refuses=MODEL_RUN, streams="text/event-stream"
)
_COUNT = Operation(Role.USER, gives=TokenCount, takes=CountRequest, refuses=MODEL_RUN)


class AnthropicProtocol:
    """Messages and the length of their prompts."""

    name = "anthropic"
    prefixes = ("/v1/messages",)
    error_type: type = AnthropicError

    def __init__(self, context: ProtocolContext) -> None:
        self._models = context.models
        self._settings = context.settings

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        return (
            RouteEndpoint("/v1/messages", "POST", self.messages, _MESSAGES),
            RouteEndpoint("/v1/messages/count_tokens", "POST", self.count_tokens, _COUNT),
        )

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in Anthropic's shape."""
        return error_body(error)

    async def messages(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/messages`: the next message of a conversation."""
        given: MessagesRequest = await read_json(request, _messages, self._settings)
        served = self._models.generator(given.model, say("messages"), request.sticky_key)
        most, template = self._settings.generation.max_tokens, served.model.chat_template
        asked = of_messages(given, served.known_info(), most, template)
        return await respond(request, served, asked, MessageForm(given.model), streams=given.stream)

    async def count_tokens(self, request: Request) -> Response:
        """`POST /v1/messages/count_tokens`: the tokens of a conversation."""
        given: CountRequest = await read_json(request, _count, self._settings)
        served = self._models.generator(given.model, say("messages"), request.sticky_key)
        asked = of_count(given, served.known_info(), served.model.chat_template)
        return Response(200, msgspec.json.encode(TokenCount(await served.count(asked))))
