"""The Open Inference Protocol, version 2, over REST with its binary extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import msgspec

import airworthy
from airworthy.core.errors import AirworthyError
from airworthy.core.model import DATATYPES, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.core.words import say
from airworthy.serve import refusals
from airworthy.serve.gateway.http import Request, Response, decode, message_of
from airworthy.serve.served import VERSION, Served
from airworthy.serve.tensors import (
    BadTensor,
    Buffer,
    Tensor,
    TensorMeta,
    element_count,
    is_finite,
    pack,
    shape_text,
    unpack,
)

HEADER_LENGTH = b"inference-header-content-length"
"""The header that says how many of a body's first bytes are JSON; tensors' data follows them."""
MOST_TENSORS = 1024
"""Inputs or outputs that one request may name."""


class InferInput(msgspec.Struct):
    """One input tensor."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: Any = msgspec.UNSET


class InferOutput(msgspec.Struct):
    """One output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct):
    """`POST /v2/models/{name}/infer`."""

    inputs: list[InferInput]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: Union[list[InferOutput], None] = None


_decoder = msgspec.json.Decoder(InferRequest)
_encode = msgspec.json.Encoder().encode


def error_body(error: AirworthyError) -> bytes:
    """An error in the protocol's shape."""
    return _encode({"error": message_of(error)})


class OpenInference:
    """The handlers."""

    def __init__(self, models: Mapping[str, Served], settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(self._models)

    async def server(self, request: Request) -> Response:
        """`GET /v2`: the server's metadata."""
        extensions = ["binary_tensor_data"]
        return Response(200, _encode({"name": "airworthy", "version": airworthy.__version__, "extensions": extensions}))

    async def list_models(self, request: Request) -> Response:
        """`GET /v2/models`."""
        return Response(200, _encode({"models": list(self._models)}))

    async def model(self, request: Request) -> Response:
        """`GET /v2/models/{name}`: the model's metadata."""
        served = self.find(request.path)
        document = {
            "name": served.name,
            "versions": [VERSION],
            "platform": f"{served.model.format}_{served.engine}",
            "inputs": [_describe(spec) for spec in served.inputs],
            "outputs": [_describe(spec) for spec in served.outputs],
        }
        return Response(200, _encode(document))

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/{name}/ready`."""
        served = self.find(request.path)
        ready = served.dispatcher.ready
        return Response(200 if ready else 503, _encode({"name": served.name, "ready": ready}))

    async def infer(self, request: Request) -> Response:
        """`POST /v2/models/{name}/infer`."""
        served = self.find(request.path)
        served.dispatcher.check_room()
        body = await request.body(self._settings.max_body, self._settings.body_timeout)
        header = request.length(HEADER_LENGTH)
        if header is not None and header > len(body):
            detail = say("the header {name} is larger than the body", name=HEADER_LENGTH.decode())
            raise refusals.InvalidRequest(detail=detail)
        view = memoryview(body)
        wanted: InferRequest = decode(_decoder, body if header is None else view[:header])
        if len(wanted.inputs) > MOST_TENSORS or len(wanted.outputs or ()) > MOST_TENSORS:
            raise refusals.InvalidRequest(detail=say("more than {most} tensors", most=MOST_TENSORS))
        binary = view[header:] if header is not None else view[:0]
        tensors = served.validate(_read_inputs(wanted.inputs, binary))
        names = _wanted_outputs(served, wanted.outputs)
        outputs = await served.submit(tensors, names, request.gone)
        if names and wanted.outputs:
            by_name = {tensor.meta.name: tensor for tensor in outputs}
            outputs = tuple(by_name[name] for name in names)
        return _response(served, wanted, outputs)

    def find(self, path: str) -> Served:
        """The model that a path names.

        Raises:
            UnknownModel: no such model, or no such version of it.
        """
        parts = path.split("/")  # "", "v2", "models", name, ["versions", version], …
        name = parts[3] if len(parts) > 3 else ""
        served = self._models.get(name)
        if served is None:
            raise refusals.UnknownModel(name=name, served=tuple(self._models))
        if len(parts) > 5 and parts[4] == "versions" and parts[5] != VERSION:
            version = say("{name} version {version}", name=name, version=parts[5])
            raise refusals.UnknownModel(name=version, served=(say("{name} version 1", name=name),))
        return served


def _describe(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}


def _read_inputs(inputs: Sequence[InferInput], binary: memoryview) -> list[Tensor]:
    """The request's tensors, from JSON values or from the bytes behind the JSON.

    Raises:
        BadTensor: sizes, types or values that don't fit each other.
    """
    tensors = []
    position = 0
    for each in inputs:
        if each.datatype not in DATATYPES:
            problem = say("there is no datatype {datatype}; known: {known}", datatype=each.datatype, known=DATATYPES)
            raise BadTensor(name=each.name, problem=problem)
        if any(size < 0 for size in each.shape) or len(each.shape) > 32:
            raise BadTensor(name=each.name, problem=say("{shape} is no shape", shape=shape_text(each.shape)))
        size = each.parameters.get("binary_data_size")
        data: Buffer
        if size is not None:
            if not isinstance(size, int) or size < 0 or position + size > len(binary):
                problem = say(
                    "binary_data_size is {size} and {left} bytes are left", size=size, left=len(binary) - position
                )
                raise BadTensor(name=each.name, problem=problem)
            data = binary[position : position + size]
            position += size
        elif each.data is msgspec.UNSET:
            raise BadTensor(name=each.name, problem=say("it has neither data nor binary_data_size"))
        else:
            data = pack(each.name, each.datatype, each.data, element_count(each.shape))
        tensors.append(Tensor(TensorMeta(each.name, each.datatype, tuple(each.shape), len(data)), data))
    if position != len(binary):
        problem = say("{left} bytes are left over behind the tensors' data", left=len(binary) - position)
        raise BadTensor(name=inputs[-1].name if inputs else "", problem=problem)
    return tensors


def _wanted_outputs(served: Served, outputs: Sequence[InferOutput] | None) -> tuple[str, ...]:
    known = [spec.name for spec in served.outputs]
    for each in outputs or ():
        if each.name not in known:
            detail = say("the model has no output {name!r}; it gives {names}", name=each.name, names=tuple(known))
            raise refusals.InvalidRequest(detail=detail)
    return tuple(dict.fromkeys(each.name for each in outputs or ()))


def _response(served: Served, wanted: InferRequest, outputs: Sequence[Tensor]) -> Response:
    every = bool(wanted.parameters.get("binary_data_output", False))
    choices = {each.name: bool(each.parameters.get("binary_data", every)) for each in wanted.outputs or ()}
    described, behind = [], []
    for meta, data in outputs:
        entry: dict[str, Any] = {"name": meta.name, "datatype": meta.datatype, "shape": meta.shape}
        if choices.get(meta.name, every):
            entry["parameters"] = {"binary_data_size": meta.size}
            behind.append(data)
        else:
            if not is_finite(meta.datatype, data):
                raise refusals.NotANumber(name=meta.name)
            entry["data"] = unpack(meta.datatype, data)
        described.append(entry)
    document: dict[str, Any] = {"model_name": served.name, "model_version": VERSION, "outputs": described}
    if wanted.id:
        document["id"] = wanted.id
    body = _encode(document)
    if not behind:
        return Response(200, body)
    headers = ((b"content-type", b"application/octet-stream"), (HEADER_LENGTH, str(len(body)).encode()))
    return Response(200, b"".join((body, *behind)), headers)
