"""The list of model formats, in the order in which a file's content is tried against them."""

from __future__ import annotations

from airworthy.artifacts.interface import Format
from airworthy.core.registry import Registry

FORMATS: Registry[Format] = Registry(
    "format",
    {
        "huggingface": "airworthy.artifacts.huggingface:FORMAT",
        "safetensors": "airworthy.artifacts.safetensors:FORMAT",
        "pytorch": "airworthy.artifacts.pytorch:FORMAT",
        "onnx": "airworthy.artifacts.onnx:FORMAT",
    },
    group="airworthy.artifacts",
)
"""All formats by name."""
