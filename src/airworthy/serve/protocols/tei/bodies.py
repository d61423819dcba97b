"""What text-embeddings-inference's clients send and are given (its OpenAPI document of release 1.8)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.serve.http.messages import message_of, status_of
from airworthy.serve.protocols.truncation import Truncate


class TeiError(msgspec.Struct):
    """An error."""

    error: str
    """The message."""
    error_type: str
    """`validation`, `overloaded`, `unhealthy`, `backend`."""


class EmbedTexts(msgspec.Struct):
    """`POST /embed`."""

    inputs: Union[str, list[Union[str, int, list[int]]]]
    """A text, texts, the token ids of one text, or of several."""
    model: str = ""
    """The model's name; may be left out where one embedding model is served."""
    normalize: bool = True
    """Whether vectors have length 1."""
    truncate: Truncate = False
    """Whether a text that is too long is cut."""
    truncation_direction: Literal["left", "right", "Left", "Right"] = "right"
    """The side that is cut."""
    prompt_name: Optional[str] = None
    """The model's prompt that texts begin with, by its name."""
    dimensions: Optional[Annotated[int, msgspec.Meta(ge=1)]] = None
    """To how many dimensions vectors are cut, for models that were trained for it."""


class PredictTexts(msgspec.Struct):
    """`POST /predict`."""

    inputs: Any
    """A text; a pair of texts as a list of two; or a list of lists, each of a text or a pair."""
    model: str = ""
    """The model's name; may be left out where one classifier is served."""
    raw_scores: bool = False
    """Whether scores are the model's own numbers, before softmax or sigmoid."""
    truncate: Truncate = False
    """Whether a text that is too long is cut."""
    truncation_direction: Literal["left", "right", "Left", "Right"] = "right"
    """The side that is cut."""


class Prediction(msgspec.Struct):
    """A class of a text."""

    score: float
    """How likely it is, 0 to 1; the model's own number with `raw_scores`."""
    label: str
    """Its name."""


_encode = msgspec.json.Encoder().encode
_KINDS = {429: "overloaded", 503: "overloaded", 504: "overloaded"}


def error_body(error: AirworthyError) -> bytes:
    """An error in TEI's shape."""
    status = status_of(error)
    return _encode(TeiError(message_of(error), _KINDS.get(status, "validation" if status < 500 else "backend")))
