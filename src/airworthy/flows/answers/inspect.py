"""The answer of `inspect`."""

from __future__ import annotations

from typing import Any, Optional

from airworthy.core.report import VerbAnswer


class InspectAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `inspect`."""

    model: dict[str, Any]
    """What the model is: a `ModelInfo`, with its `size` in bytes."""
    signature: Optional[dict[str, Any]] = None
    """The signature that lies with it."""
    code: Optional[list[dict[str, Any]]] = None
    """Code that loading it would run: `kind`, `name`, `detail`."""
    engines: Optional[list[dict[str, Any]]] = None
    """Programs that load it, and what each needs."""
    conversions: Optional[list[dict[str, Any]]] = None
    """Formats that it can be brought to: `to`, `loaders`, `command`."""
    tensors: Optional[list[dict[str, Any]]] = None
    """All tensors: `name`, `datatype`, `shape`, `size` in bytes."""
    digests: Optional[list[dict[str, str]]] = None
    """Hashes of its files: `path`, and one field an algorithm."""
    health: Optional[dict[str, Any]] = None
    """What was measured of its weights."""
    manifest: Optional[dict[str, Any]] = None
    """The list of hashes that it was compared with: `path`, `files`, `differ`."""
    differences: Optional[list[dict[str, Any]]] = None
    """Tensors that differ from those of the reference."""
    keys: Optional[dict[str, Any]] = None
    """How names and shapes of tensors fit those that are requested."""
    conversion: Optional[dict[str, Any]] = None
    """The safe copy that was written."""
    targets: Optional[dict[str, Any]] = None
    """Which targets run its operators."""
    assigned: Optional[dict[str, Any]] = None
    """Which provider ONNX Runtime gives each node to."""
