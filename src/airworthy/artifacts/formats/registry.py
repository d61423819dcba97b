"""The lists of model formats, in the order in which content is tried against them, and of what finds their tensors."""

from __future__ import annotations

from airworthy.artifacts.formats.interface import Format, StoredIn
from airworthy.core.registry import Registry

FORMATS: Registry[Format] = Registry(
    "format",
    {
        "lora": "airworthy.artifacts.formats.lora:FORMAT",
        "saved-model": "airworthy.artifacts.formats.saved_model:FORMAT",
        "coreml-package": "airworthy.artifacts.formats.coreml:PACKAGE",
        "huggingface": "airworthy.artifacts.formats.huggingface:FORMAT",
        "encrypted": "airworthy.artifacts.encryption.format:FORMAT",
        "safetensors": "airworthy.artifacts.formats.safetensors:FORMAT",
        "gguf": "airworthy.artifacts.formats.gguf:FORMAT",
        "keras": "airworthy.artifacts.formats.keras:KERAS",
        "numpy": "airworthy.artifacts.formats.numpy_files:FORMAT",
        "pytorch": "airworthy.artifacts.formats.pytorch:FORMAT",
        "onnx": "airworthy.artifacts.formats.onnx:FORMAT",
        "tflite": "airworthy.artifacts.formats.tflite:FORMAT",
        "hdf5": "airworthy.artifacts.formats.keras:HDF5",
        "tensorrt": "airworthy.artifacts.formats.tensorrt:FORMAT",
        "coreml": "airworthy.artifacts.formats.coreml:FILE",
        "openvino": "airworthy.artifacts.formats.openvino:FORMAT",
        "pickle": "airworthy.artifacts.formats.pickle_files:FORMAT",
    },
    group="airworthy.artifacts",
)
"""All formats by name."""

STORED: Registry[StoredIn] = Registry(
    "format with tensors that can be read",
    {
        "safetensors": "airworthy.artifacts.formats.safetensors:stored",
        "gguf": "airworthy.artifacts.formats.gguf:stored",
        "keras": "airworthy.artifacts.formats.keras:stored",
        "hdf5": "airworthy.artifacts.formats.keras:stored",
        "numpy": "airworthy.artifacts.formats.numpy_files:stored",
        "pytorch": "airworthy.artifacts.formats.pytorch_stored:stored",
        "onnx": "airworthy.artifacts.formats.onnx:stored",
        "tflite": "airworthy.artifacts.formats.tflite:stored",
        "openvino": "airworthy.artifacts.formats.openvino:stored",
    },
    group="airworthy.artifacts.formats.stored",
)
"""By format: what says where a file's tensors lie. Formats without one are reported, and not measured."""
