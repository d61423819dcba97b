"""The table of paths: what answers where, and what it takes and gives."""

from __future__ import annotations

from typing import Any

from airworthy.serve.errors import LoadRefused, NotThisTask, UnknownModel
from airworthy.serve.metrics.statistics import ModelsStatistics
from airworthy.serve.models.catalogue import ModelState
from airworthy.serve.protocols import health
from airworthy.serve.protocols.open_inference import repository, rest
from airworthy.serve.protocols.openai import embeddings, rerank
from airworthy.serve.protocols.openapi import ADMIN, BODY, RUN, Endpoint, Operation

_SERVICE = Operation("service", error=rest.ErrorBody, limited=False)
_V2 = Operation("open-inference", error=rest.ErrorBody)
_NAMED = _V2._replace(refuses=(UnknownModel,))
_OPENAI = Operation("openai", error=embeddings.ErrorBody)
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def rows(
    pages: health.HealthRoutes,
    inference: rest.OpenInference,
    models: repository.Repository,
    open_ai: embeddings.OpenAI,
    reranking: rerank.Rerank,
    description: Any,
) -> tuple[Endpoint, ...]:
    """Every path there is. A later row wins where a model has the name of a path."""
    live, ready = _SERVICE._replace(gives=health.Live), _SERVICE._replace(gives=health.Readiness, not_ready=True)
    components = _SERVICE._replace(gives=health.Components, not_ready=True)
    statistics = _V2._replace(gives=ModelsStatistics)
    named_statistics = _NAMED._replace(gives=ModelsStatistics)
    model_ready = _NAMED._replace(gives=rest.ModelReady, not_ready=True)
    infer = _V2._replace(
        gives=rest.InferResponse, takes=rest.InferRequest, refuses=(UnknownModel, *BODY, *RUN), binary=True
    )
    index = _V2._replace(gives=list[ModelState], takes=repository.IndexRequest, refuses=BODY, body_optional=True)
    change = _V2._replace(
        takes=repository.ChangeRequest, refuses=(UnknownModel, LoadRefused, *ADMIN, *BODY), body_optional=True
    )
    embed = _OPENAI._replace(
        gives=embeddings.EmbeddingResponse,
        takes=embeddings.EmbeddingRequest,
        refuses=(UnknownModel, NotThisTask, *BODY, *RUN),
    )
    rank = embed._replace(gives=rerank.RerankResponse, takes=rerank.RerankRequest)
    found = [
        Endpoint("/", "GET", pages.front, _SERVICE._replace(gives=health.Front)),
        Endpoint("/health", "GET", pages.components, components),
        Endpoint("/health/live", "GET", pages.live, live),
        Endpoint("/health/ready", "GET", pages.ready, ready),
        Endpoint("/metrics", "GET", pages.metrics, _SERVICE._replace(text=_TEXT)),
        Endpoint("/openapi.json", "GET", description, _SERVICE._replace(gives=dict[str, Any])),
        Endpoint("/v2", "GET", inference.server, _V2._replace(gives=rest.ServerMetadata)),
        Endpoint("/v2/health/live", "GET", pages.live, live),
        Endpoint("/v2/health/ready", "GET", pages.ready, ready),
        Endpoint("/v2/repository/index", "POST", models.index, index),
        Endpoint("/v2/repository/models/{name}/load", "POST", models.load, change),
        Endpoint("/v2/repository/models/{name}/unload", "POST", models.unload, change),
        Endpoint("/v2/models", "GET", inference.list_models, _V2._replace(gives=rest.ModelNames)),
        Endpoint("/v2/models/stats", "GET", inference.all_statistics, statistics),
    ]
    for base in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        found += [
            Endpoint(base, "GET", inference.model, _NAMED._replace(gives=rest.ModelMetadata)),
            Endpoint(f"{base}/ready", "GET", inference.model_ready, model_ready),
            Endpoint(f"{base}/stats", "GET", inference.statistics, named_statistics),
            Endpoint(f"{base}/infer", "POST", inference.infer, infer),
        ]
    found += [
        Endpoint("/v1/models", "GET", open_ai.list_models, _OPENAI._replace(gives=embeddings.ModelList)),
        Endpoint(
            "/v1/models/{name}",
            "GET",
            open_ai.get_model,
            _OPENAI._replace(gives=embeddings.ModelCard, refuses=(UnknownModel,)),
        ),
        Endpoint("/v1/embeddings", "POST", open_ai.embeddings, embed),
    ]
    found += [Endpoint(path, "POST", reranking.rerank, rank) for path in ("/v1/rerank", "/v2/rerank", "/rerank")]
    return tuple(found)
