"""The messages of the gRPC interface, made from compiled descriptors when they are requested.

The descriptors live in a pool of their own: a client library of the same protocol in this process keeps its own, and
no version of generated code has to fit the installed protobuf.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any


@functools.cache
def messages() -> dict[str, Any]:
    """The message classes by their full names, `inference.ModelInferRequest`."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    data = resources.files(__name__).joinpath("descriptors.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    found: dict[str, Any] = message_factory.GetMessageClassesForFiles([file.name for file in files], pool)
    return found


@functools.cache
def methods(service: str) -> dict[str, tuple[Any, Any, bool, bool]]:
    """The methods of a service by name: request, response, whether requests stream, whether responses do."""
    classes = messages()
    pool = next(iter(classes.values())).DESCRIPTOR.file.pool
    return {
        method.name: (
            classes[method.input_type.full_name],
            classes[method.output_type.full_name],
            method.client_streaming,
            method.server_streaming,
        )
        for method in pool.FindServiceByName(service).methods
    }
