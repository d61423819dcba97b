"""What Ollama's paths answer beside text, and errors in its shape."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Optional, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.serve.http.messages import message_of


class OllamaError(msgspec.Struct):
    """An error."""

    error: str
    """The message, with the way out."""


class OllamaVersion(msgspec.Struct):
    """The level of the interface."""

    version: str
    """The release of Ollama whose interface this is."""


class Details(msgspec.Struct):
    """A model's file."""

    parent_model: str
    """Empty."""
    format: str
    """`gguf`, `onnx`."""
    family: str
    """Its architecture."""
    families: list[str]
    """The same."""
    parameter_size: str
    """`134.5M`."""
    quantization_level: str
    """`Q4_1`."""


class Tag(msgspec.Struct):
    """A served model."""

    name: str
    """Its name with the tag `latest`, which clients add of themselves."""
    model: str
    """The same."""
    modified_at: str
    """When it was first served."""
    size: int
    """Bytes of its files."""
    digest: str
    """Identifies name, format and size; the content is not read for it."""
    details: Details
    """Its file."""


class Tags(msgspec.Struct):
    """The models."""

    models: list[Tag]
    """Those that generate text or make embeddings."""


class Process(Tag):
    """A loaded model."""

    expires_at: str
    """When it is unloaded: never."""
    size_vram: int
    """Bytes in a device's memory; 0, since only the engine knows."""
    context_length: int
    """Tokens of one request, prompt and answer together; 0 for embeddings."""


class Processes(msgspec.Struct):
    """The loaded models."""

    models: list[Process]
    """Those that take requests now."""


class ShowRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /api/show`."""

    model: str = ""
    """The model's name."""
    name: str = ""
    """The same under its old name."""
    verbose: bool = False
    """Whether the tokenizer's tables are part of the answer; they never are."""


class Shown(msgspec.Struct):
    """One model."""

    license: str
    """The licence that its files name."""
    modelfile: str
    """Empty: there is none."""
    parameters: str
    """Empty: requests set them."""
    template: str
    """Its chat template, in Jinja."""
    details: Details
    """Its file."""
    model_info: dict[str, Any]
    """What the file says of itself, numbers as numbers."""
    capabilities: list[str]
    """`completion`, `tools`, `thinking`, `embedding`."""
    modified_at: str
    """When it was first served."""


class EmbedRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /api/embed`."""

    model: str
    """The model's name."""
    input: Union[str, list[str]]
    """A text or texts."""
    truncate: Optional[bool] = None
    """Whether a text that is too long is cut at its end, which is the default here; false refuses it."""
    dimensions: Optional[int] = None
    """To how many dimensions vectors are cut, for models that were trained for it."""
    keep_alive: Union[float, str, None] = None
    """Passed over: the model stays loaded."""
    options: Optional[dict[str, Any]] = None
    """None has a meaning here."""


class Embedded(msgspec.Struct):
    """The vectors."""

    model: str
    """The model's name, as the request has it."""
    embeddings: list[list[float]]
    """The vectors, in the order of the texts."""
    total_duration: int
    """Nanoseconds."""
    load_duration: int
    """0: the model is loaded."""
    prompt_eval_count: int
    """Tokens of the texts."""


def timestamp() -> str:
    """The time now, as Ollama writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def error_body(error: AirworthyError) -> bytes:
    """An error in Ollama's shape."""
    return msgspec.json.encode(OllamaError(message_of(error)))
