"""The served models as Ollama's clients list them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from airworthy.core.model import ModelInfo
from airworthy.core.settings import ServeSettings
from airworthy.serve.http.messages import Request, Response, read_json
from airworthy.serve.models.catalogue import Models, Served
from airworthy.serve.models.served_generator import ServedGenerator
from airworthy.serve.protocols.ollama.bodies import (
    Details,
    OllamaVersion,
    Process,
    Processes,
    Shown,
    ShowRequest,
    Tag,
    Tags,
    timestamp,
)

LATEST = ":latest"
"""The tag that clients add to a name without one."""
API_LEVEL = "0.13.0"
"""The release of Ollama whose interface this is; clients ask for it to decide what they may use."""
NEVER = "2318-01-01T00:00:00Z"
"""When a model expires that is never unloaded."""
_encode = msgspec.json.Encoder().encode
_show = msgspec.json.Decoder(ShowRequest)


def named(models: Models, name: str) -> str:
    """A model's name as it is served: clients add the tag `latest`."""
    return name.removesuffix(LATEST) if name not in models else name


class OllamaCatalogue:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._began = timestamp()
        self._settings = settings

    async def version(self, request: Request) -> Response:
        """`GET /api/version`: the level of the interface."""
        return Response(200, _encode(OllamaVersion(API_LEVEL)))

    async def tags(self, request: Request) -> Response:
        """`GET /api/tags`: the models that generate text or make embeddings."""
        found = [Tag(**self._tag(served)) for served in self._models.values() if _capabilities(served)]
        return Response(200, _encode(Tags(found)))

    async def processes(self, request: Request) -> Response:
        """`GET /api/ps`: those of them that take requests now."""
        found = [
            Process(**self._tag(served), expires_at=NEVER, size_vram=0, context_length=_context(served))
            for served in self._models.values()
            if _capabilities(served) and served.ready
        ]
        return Response(200, _encode(Processes(found)))

    async def show(self, request: Request) -> Response:
        """`POST /api/show`: one model."""
        given: ShowRequest = await read_json(request, _show, self._settings)
        served = self._models.find(named(self._models, given.model or given.name))
        model = served.model
        shown = Shown(
            license=model.license,
            modelfile="",
            parameters="",
            template=model.chat_template,
            details=_details(model),
            model_info=_model_info(model, _context(served)),
            capabilities=_capabilities(served),
            modified_at=self._began,
        )
        return Response(200, _encode(shown))

    def _tag(self, served: Served) -> dict[str, Any]:
        model, name = served.model, served.name + LATEST
        size = sum(each.size for each in model.files)
        identity = repr((model.name, model.format, size)).encode()
        return {
            "name": name,
            "model": name,
            "modified_at": self._began,
            "size": size,
            "digest": hashlib.sha256(identity).hexdigest(),
            "details": _details(model),
        }


def _capabilities(served: Served) -> list[str]:
    """What it does that Ollama has a word for."""
    if not isinstance(served, ServedGenerator):
        return ["embedding"] if served.codec is not None and served.embedding is not None else []
    info = served.dispatcher.info
    able = {
        "completion": True,
        "tools": info is not None and info.tools,
        "thinking": "enable_thinking" in served.model.chat_template,
    }
    return [name for name, has in able.items() if has]


def _context(served: Served) -> int:
    if isinstance(served, ServedGenerator) and served.dispatcher.info is not None:
        return served.dispatcher.info.context
    return 0


def _details(model: ModelInfo) -> Details:
    family = model.architecture
    size = _short(model.parameters) if model.parameters else ""
    return Details("", model.entry_format or model.format, family, [family] if family else [], size, model.quantization)


def _short(count: int) -> str:
    unit, name = next((each for each in ((10**9, "B"), (10**6, "M"), (10**3, "K")) if count >= each[0]), (1, ""))
    return f"{count / unit:.1f}{name}"


def _model_info(model: ModelInfo, context: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: int(value) if value.isascii() and value.isdigit() and len(value) < 18 else value
        for name, value in model.metadata.items()
    }
    if model.architecture:
        found["general.architecture"] = model.architecture
        if context:
            # What is served, not what the model was trained for: clients plan with it.
            found[f"{model.architecture}.context_length"] = context
    if model.parameters:
        found["general.parameter_count"] = model.parameters
    return found
