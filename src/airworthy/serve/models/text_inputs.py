"""What models of texts take and give: token ids in, one row of numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airworthy.core.model import ModelInfo, TensorSpec
from airworthy.core.sentence import SENTENCE_OUTPUT
from airworthy.serve import errors
from airworthy.serve.models.tokenizer import TextCodec, int64
from airworthy.serve.scheduling.requests import InferenceRequest
from airworthy.serve.tensors import Tensor, TensorMeta
from airworthy.serve.workers.row_checks import PaddedTexts

TEXT_TASKS = ("embedding", "rerank", "classification")
"""Tasks whose models take texts, through their tokenizer."""


class TokenIds(NamedTuple):
    """One input of a text model: a text, or a pair of texts."""

    ids: Sequence[int]
    """The token ids."""
    types: Sequence[int] = ()
    """Which of a pair's two texts each token belongs to; empty for a single text."""


def row_output(outputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """The output that holds one vector a row."""
    flat = [spec for spec in outputs if len(spec.shape) == 2 and spec.datatype == "FP32"]
    # A graph may give several: what BERT calls its pooler is trained for another task than a sentence's embedding.
    named = [spec for name in (SENTENCE_OUTPUT, "embedding", "pool") for spec in flat if name in spec.name]
    return next(iter(named or flat), None)


def load_codec(model: ModelInfo) -> TextCodec:
    """A model's tokenizer.

    Raises:
        InputUnreadable: it is missing or damaged.
    """
    if model.sealed is None:
        return TextCodec(model.tokenizer)
    from airworthy.serve.workers.encrypted_models import read_tokenizer

    return TextCodec(model.tokenizer, read_tokenizer(model))


def padding_of(model: ModelInfo, codec: TextCodec) -> dict[str, bytes]:
    """One element for each input, with which short texts are filled up."""
    return {spec.name: int64([codec.pad_id if spec.name == "input_ids" else 0]) for spec in model.inputs}


def padded_texts(model: ModelInfo, codec: TextCodec, output: TensorSpec) -> PaddedTexts:
    """What texts of the model are filled up with, for whether that changes an answer."""
    pads = {spec.name: codec.pad_id if spec.name == "input_ids" else 0 for spec in model.inputs}
    return PaddedTexts(pads, output.name, codec.vocabulary, model.max_length)


def token_request(
    specs: Sequence[TensorSpec], given: TokenIds, output: TensorSpec, longest: int | None
) -> InferenceRequest:
    """The request for one text's row of numbers.

    Args:
        specs: the model's inputs.
        given: the text.
        output: the output that holds the row.
        longest: tokens that the model takes; None for any.

    Raises:
        ContextTooLong: it has more tokens than the model takes.
    """
    ids, types = given
    length = len(ids)
    if longest is not None and length > longest:
        raise errors.ContextTooLong(tokens=length, most=longest)
    data = int64(ids)
    columns = {"input_ids": data, "attention_mask": int64([1]) * length}
    if types:
        columns["token_type_ids"] = int64(types)
    blank = bytes(len(data))
    tensors = [
        Tensor(TensorMeta(spec.name, "INT64", (1, length), len(data)), columns.get(spec.name, blank)) for spec in specs
    ]
    return InferenceRequest(tensors, "tokens", 1, length, (output.name,))
