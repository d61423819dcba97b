"""The list of model formats, in the order in which a file's content is tried against them."""

from __future__ import annotations

from airworthy.artifacts.interface import Format
from airworthy.core.registry import Registry

FORMATS: Registry[Format] = Registry(
    "format",
    {
        "lora": "airworthy.artifacts.lora:FORMAT",
        "saved-model": "airworthy.artifacts.saved_model:FORMAT",
        "coreml-package": "airworthy.artifacts.coreml:PACKAGE",
        "huggingface": "airworthy.artifacts.huggingface:FORMAT",
        "safetensors": "airworthy.artifacts.safetensors:FORMAT",
        "gguf": "airworthy.artifacts.gguf:FORMAT",
        "keras": "airworthy.artifacts.keras:KERAS",
        "numpy": "airworthy.artifacts.numpy_files:FORMAT",
        "pytorch": "airworthy.artifacts.pytorch:FORMAT",
        "onnx": "airworthy.artifacts.onnx:FORMAT",
        "tflite": "airworthy.artifacts.tflite:FORMAT",
        "hdf5": "airworthy.artifacts.keras:HDF5",
        "tensorrt": "airworthy.artifacts.tensorrt:FORMAT",
        "coreml": "airworthy.artifacts.coreml:FILE",
        "openvino": "airworthy.artifacts.openvino:FORMAT",
        "pickle": "airworthy.artifacts.pickled:FORMAT",
    },
    group="airworthy.artifacts",
)
"""All formats by name."""
