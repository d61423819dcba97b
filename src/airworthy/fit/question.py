"""What a model is and how it is to be used, as far as its memory and its time depend on them."""

from __future__ import annotations

from typing import Optional

import msgspec

from airworthy.core.values import AttentionCache, ModelShape
from airworthy.fit.parts import Interval

DEFAULT_CONTEXT = 8192
"""Tokens of one request, where the model takes so many and no client asks for more."""


class FitModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model."""

    name: str
    """What it is called."""
    path: str = ""
    """The file or folder; empty where there is none."""
    format: str = ""
    """Format of the file that an engine loads, `gguf`."""
    weights: Optional[Interval] = None
    """Bytes of its weights; None where they can't be worked out."""
    weights_basis: str = ""
    """What they are from."""
    shards: int = 1
    """Files that hold them."""
    embedded: bool = True
    """Whether an ONNX graph holds its weights itself, and not in files beside it."""
    largest_shard: int = 0
    """Bytes of the largest of those; 0 where that is not known."""
    parameters: Optional[float] = None
    """Number of parameters."""
    quantization: str = ""
    """How its weights are stored, `Q4_K_M`, `BF16`."""
    shape: Optional[ModelShape] = None
    """Its sizes; None where nothing reports them."""
    cache: Optional[AttentionCache] = None
    """What it keeps of each token; None for a model without, or where that is not known."""
    activations: Optional[Interval] = None
    """Bytes of what a run holds between its nodes, where its graph was read."""
    operations: Optional[float] = None
    """Operations of a run of one row, where its graph was read."""

    @property
    def generates(self) -> bool:
        """Whether it writes text token by token."""
        return self.cache is not None or (self.shape is not None and self.shape.kind == "decoder")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is to be used."""

    context: int = DEFAULT_CONTEXT
    """Tokens of one request, prompt and answer together."""
    users: int = 1
    """Requests at a time."""
    unified: bool = False
    """Whether requests share one store of keys and values, which then has `context` tokens in all."""
    key_type: str = "f16"
    """The type of keys."""
    value_type: str = "f16"
    """The type of values."""
    ubatch: int = 512
    """Tokens that are computed at once."""
    batched_tokens: int = 0
    """The same for vLLM; 0 for its default."""
    sequences: int = 0
    """The most requests at a time that a server plans for; 0 for its default."""
    flash: Optional[bool] = None
    """Whether attention is computed without storing its scores; None where nothing says."""
    all_outputs: Optional[bool] = None
    """Whether room for the scores of all tokens of a batch is kept; None where that depends on the build."""
    sampled: bool = True
    """Whether the trial run of vLLM samples for as many requests as it plans for."""
    devices: int = 1
    """Accelerators that share it."""
    parallel: int = 1
    """Accelerators that each layer is divided among."""
    graphs: bool = True
    """Whether CUDA graphs are captured."""
    share: float = 0.0
    """The share of a device that the server claims; 0 for its default."""
    device_total: int = 0
    """Bytes of the device, where the server sizes its cache by it."""
    accelerator: bool = False
    """Whether it runs on an accelerator."""
