"""The Open Inference Protocol over REST as a member of the family: its paths and what each takes, gives and refuses."""

from __future__ import annotations

from collections.abc import Sequence

from airworthy.core.errors import AirworthyError
from airworthy.serve.access.principal import Role
from airworthy.serve.errors import LoadRefused, UnknownModel
from airworthy.serve.metrics.statistics import ModelsStatistics
from airworthy.serve.models.catalogue import ModelState
from airworthy.serve.protocols.interface import ADMIN, BODY, MODEL_RUN, Operation, ProtocolContext, RouteEndpoint
from airworthy.serve.protocols.open_inference import repository, rest

_READ = Operation(Role.USER)
_NAMED = Operation(Role.USER, refuses=(UnknownModel,))
_CHANGE = Operation(
    Role.ADMIN, takes=repository.ChangeRequest, refuses=(UnknownModel, LoadRefused, *ADMIN, *BODY), body_optional=True
)
_INFER = Operation(
    Role.USER,
    gives=rest.InferResponse,
    takes=rest.InferRequest,
    refuses=MODEL_RUN,
    binary=True,
    parks=True,
)
_INDEX = Operation(Role.USER, gives=list[ModelState], takes=repository.IndexRequest, refuses=BODY, body_optional=True)


class OpenInferenceProtocol:
    """Version 2 with its extensions for binary data, statistics and the model repository."""

    name = "open-inference"
    prefixes = ("/v2",)
    error_type: type = rest.InferenceErrorBody

    def __init__(self, context: ProtocolContext) -> None:
        self._inference = rest.OpenInference(context.models, context.settings)
        self._repository = repository.Repository(context.models, context.settings)

    def endpoints(self) -> Sequence[RouteEndpoint]:
        """Its part of the table of paths."""
        inference, models = self._inference, self._repository
        statistics = _READ._replace(role=Role.DEVELOPER, gives=ModelsStatistics)
        named_statistics = _NAMED._replace(role=Role.DEVELOPER, gives=ModelsStatistics)
        model_ready = _NAMED._replace(role=Role.PUBLIC, gives=rest.ModelReady, not_ready=True)
        found = [
            RouteEndpoint("/v2", "GET", inference.server, _READ._replace(gives=rest.ServerMetadata)),
            RouteEndpoint("/v2/repository/index", "POST", models.index, _INDEX),
            RouteEndpoint("/v2/repository/models/{name}/load", "POST", models.load, _CHANGE),
            RouteEndpoint("/v2/repository/models/{name}/unload", "POST", models.unload, _CHANGE),
            RouteEndpoint("/v2/models", "GET", inference.list_models, _READ._replace(gives=rest.ModelNames)),
            RouteEndpoint("/v2/models/stats", "GET", inference.all_statistics, statistics),
        ]
        for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            found += [
                RouteEndpoint(base, "GET", inference.model, _NAMED._replace(gives=rest.ModelMetadata)),
                RouteEndpoint(f"{base}/config", "GET", inference.model_config, _NAMED._replace(gives=rest.ModelConfig)),
                RouteEndpoint(f"{base}/ready", "GET", inference.model_ready, model_ready),
                RouteEndpoint(f"{base}/stats", "GET", inference.statistics, named_statistics),
                RouteEndpoint(f"{base}/infer", "POST", inference.infer, _INFER),
            ]
        return tuple(found)

    def error_body(self, error: AirworthyError) -> bytes:
        """An error in the protocol's shape."""
        return rest.error_body(error)
