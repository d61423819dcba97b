"""The list of engines, in the order in which they are tried."""

from __future__ import annotations

from airworthy.core.registry import Registry
from airworthy.engines.interface import Engine

ENGINES: Registry[Engine] = Registry(
    "engine",
    {
        "onnxruntime": "airworthy.engines.onnxruntime:ENGINE",
        "llamacpp": "airworthy.engines.llamacpp:ENGINE",
        "openvino": "airworthy.engines.openvino:ENGINE",
        "transformers": "airworthy.engines.transformers:ENGINE",
        "null": "airworthy.engines.null:ENGINE",
        "null-generator": "airworthy.engines.null_generator:ENGINE",
    },
    group="airworthy.engines",
)
"""All engines by name."""
