"""The lists of model formats, in the order in which content is tried against them, and of what finds their tensors."""

from __future__ import annotations

from airworthy.artifacts.interface import Format, StoredIn
from airworthy.core.registry import Registry

FORMATS: Registry[Format] = Registry(
    "format",
    {
        "lora": "airworthy.artifacts.lora:FORMAT",
        "saved-model": "airworthy.artifacts.saved_model:FORMAT",
        "coreml-package": "airworthy.artifacts.coreml:PACKAGE",
        "huggingface": "airworthy.artifacts.huggingface:FORMAT",
        "encrypted": "airworthy.artifacts.encryption.format:FORMAT",
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

STORED: Registry[StoredIn] = Registry(
    "format with tensors that can be read",
    {
        "safetensors": "airworthy.artifacts.safetensors:stored",
        "gguf": "airworthy.artifacts.gguf:stored",
        "keras": "airworthy.artifacts.keras:stored",
        "hdf5": "airworthy.artifacts.keras:stored",
        "numpy": "airworthy.artifacts.numpy_files:stored",
        "pytorch": "airworthy.artifacts.pytorch:stored",
        "onnx": "airworthy.artifacts.onnx:stored",
        "tflite": "airworthy.artifacts.tflite:stored",
        "openvino": "airworthy.artifacts.openvino:stored",
    },
    group="airworthy.artifacts.stored",
)
"""By format: what tells where a file's tensors lie. Formats without one are told, and not measured."""
