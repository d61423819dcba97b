"""The Responses interface as a member of the family; errors have OpenAI's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.serve.access.principal import Role
from airworthy.serve.errors import NotThisTask, UnknownModel
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.http.streaming import StreamingResponse
from airworthy.serve.protocols.generation_responses import respond
from airworthy.serve.protocols.interface import BODY, RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.openai import bodies
from airworthy.serve.protocols.responses.answers import ResponseForm, ResponseObject
from airworthy.serve.protocols.responses.requests import ResponsesRequest, of_responses

_decoder = msgspec.json.Decoder(ResponsesRequest)
_RESPOND = Operation(
    Role.USER,
    gives=ResponseObject,
    takes=ResponsesRequest,
    refuses=(UnknownModel, NotThisTask, *BODY, *RUN),
    streams="text/event-stream",
)


class ResponsesProtocol:
    """Responses, none of which is stored."""

    name = "responses"
    prefixes = ("/v1/responses",)
    error_type: type = bodies.OpenAIErrorBody

    def __init__(self, context: ProtocolContext) -> None:
        self._models = context.models
        self._settings = context.settings

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        return (RouteEndpoint("/v1/responses", "POST", self.respond, _RESPOND),)

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in OpenAI's shape."""
        return bodies.error_body(error)

    async def respond(self, request: Request) -> Union[Response, StreamingResponse]:
        """`POST /v1/responses`: the answer to a text or a conversation."""
        given: ResponsesRequest = await read_json(request, _decoder, self._settings)
        served = self._models.generator(given.model, say("responses"), request.sticky_key)
        most, template = self._settings.generation.max_tokens, served.model.chat_template
        asked = of_responses(given, served.known_info(), most, template)
        return await respond(request, served, asked, ResponseForm(given), streams=bool(given.stream))
