"""Tensors of gRPC's messages as ours, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airworthy.core.messages import say
from airworthy.serve import errors
from airworthy.serve.protocols.open_inference.rest import check_declared
from airworthy.serve.tensors import (
    BadTensor,
    Tensor,
    TensorMeta,
    element_count,
    iterate_strings,
    pack,
    pack_strings,
    unpack,
)

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of each element type; FP16 and BF16 have none."""


def read_inputs(request: Any) -> list[Tensor]:
    """A request's tensors, from its raw contents or from the typed ones.

    Raises:
        InvalidRequest: raw contents for some inputs alone.
        BadTensor: sizes, types or values that don't fit each other.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        detail = say("{given} raw_input_contents for {count} inputs", given=len(raw), count=len(request.inputs))
        raise errors.InvalidRequest(detail=detail)
    tensors = []
    for place, each in enumerate(request.inputs):
        shape = tuple(each.shape)
        check_declared(each.name, each.datatype, shape)
        if raw:
            if each.HasField("contents"):
                raise BadTensor(name=each.name, problem=say("it has contents beside raw_input_contents"))
            data = raw[place]
        else:
            data = _typed(each.name, each.datatype, each.contents, element_count(shape))
        tensors.append(Tensor(TensorMeta(each.name, each.datatype, shape, len(data)), data))
    return tensors


def _typed(name: str, datatype: str, contents: Any, count: int) -> bytes:
    field = CONTENTS.get(datatype)
    if field is None:
        raise BadTensor(name=name, problem=say("{datatype} comes in raw_input_contents only", datatype=datatype))
    values = getattr(contents, field)
    if datatype != "BYTES":
        return pack(name, datatype, list(values), count)
    if len(values) != count:
        problem = say("its shape holds {count} values and {given} were given", count=count, given=len(values))
        raise BadTensor(name=name, problem=problem)
    return pack_strings(values)


def write_outputs(response: Any, outputs: Sequence[Tensor], *, raw: bool) -> None:
    """Put outputs into a response.

    Args:
        response: the response's message.
        outputs: the tensors.
        raw: whether their bytes are sent as they are; otherwise as typed contents, unless one has no such type.
    """
    raw = raw or any(meta.datatype not in CONTENTS for meta, _ in outputs)
    for meta, data in outputs:
        entry = response.outputs.add(name=meta.name, datatype=meta.datatype, shape=meta.shape)
        if raw:
            response.raw_output_contents.append(bytes(data))
            continue
        field = getattr(entry.contents, CONTENTS[meta.datatype])
        if meta.datatype == "BYTES":
            field.extend(bytes(item) for item in iterate_strings(memoryview(data).cast("B")))
        else:
            field.extend(unpack(meta.datatype, data))
