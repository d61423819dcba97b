"""The Open Inference Protocol, version 2, over REST with its binary extension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import msgspec

import airworthy
from airworthy.core.errors import AirworthyError
from airworthy.core.messages import say
from airworthy.core.model import DATATYPES, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http.messages import Request, Response, decode, message_of
from airworthy.serve.metrics.statistics import ModelsStatistics
from airworthy.serve.models.catalogue import Models, Served
from airworthy.serve.models.served import ServedModel
from airworthy.serve.protocols import priorities
from airworthy.serve.scheduling.request_options import Priority, RequestOptions
from airworthy.serve.tensors import (
    BYTE_WIDTH,
    BadTensor,
    Buffer,
    Tensor,
    TensorMeta,
    element_count,
    is_finite,
    pack,
    pack_strings,
    shape_text,
    unpack,
)

EXTENSIONS = ("binary_tensor_data", "statistics", "model_repository", "model_configuration")
"""The protocol's extensions that are spoken, by their names in the server's metadata."""
REST_ONLY = ("binary_tensor_data", "model_configuration")
"""Those of them that gRPC has in another form, or not."""
HEADER_LENGTH = b"inference-header-content-length"
"""The header that says how many of a body's first bytes are JSON; tensors' data follows them."""
MOST_TENSORS = 1024
"""Inputs or outputs that one request may name."""
MOST_AXES = 32
"""Axes that a tensor may have."""


class ServerMetadata(msgspec.Struct):
    """The server."""

    name: str
    """`airworthy`."""
    version: str
    """Its release."""
    extensions: tuple[str, ...]
    """The protocol's extensions that it speaks."""


class ModelNames(msgspec.Struct):
    """The names of all models."""

    models: list[str]
    """The names."""


class TensorMetadata(msgspec.Struct):
    """An input or output of a model."""

    name: str
    """Its name."""
    datatype: str
    """Its element type."""
    shape: tuple[int, ...]
    """Its sizes; -1 for one that varies."""


class ModelMetadata(msgspec.Struct):
    """A model."""

    name: str
    """Its name."""
    versions: tuple[str, ...]
    """Its versions."""
    platform: str
    """The file's format and the engine, `onnx_onnxruntime`."""
    inputs: list[TensorMetadata]
    """What it takes."""
    outputs: list[TensorMetadata]
    """What it gives."""


class TensorConfig(msgspec.Struct):
    """An input or output of a model as Triton's model configuration has it."""

    name: str
    """Its name."""
    data_type: str
    """Its element type, `TYPE_FP32`; `TYPE_STRING` for bytes."""
    dims: tuple[int, ...]
    """Its sizes, without the batch where rows are batched; -1 for one that varies."""


class ModelConfig(msgspec.Struct):
    """How a model runs."""

    name: str
    """Its name."""
    platform: str
    """The file's format and the engine, `onnx_onnxruntime`."""
    max_batch_size: int
    """The most rows of several requests that run together; 0 where requests never share a run."""
    batches_rows: str
    """Whether rows of several requests run together: `yes`, or `no, because …`."""
    keeps_answers: str
    """Whether an answer may be kept for a request that comes again: `yes`, or `no, because …`."""
    input: list[TensorConfig]
    """What it takes."""
    output: list[TensorConfig]
    """What it gives."""


class ModelReady(msgspec.Struct):
    """Whether a model takes requests."""

    name: str
    """Its name."""
    ready: bool
    """Whether it does."""


class InferInput(msgspec.Struct):
    """One input tensor."""

    name: str
    """Its name in the model."""
    shape: list[int]
    """Its sizes."""
    datatype: str
    """Its element type."""
    parameters: dict[str, Any] = {}
    """`binary_data_size`: bytes of its data behind the JSON, instead of `data`. Others are passed over."""
    data: Any = msgspec.UNSET
    """Its elements, flat or nested row by row."""


class InferOutput(msgspec.Struct):
    """One output that is requested."""

    name: str
    """Its name in the model."""
    parameters: dict[str, Any] = {}
    """`binary_data`: whether its data comes behind the JSON. Others are passed over."""


class InferRequest(msgspec.Struct):
    """A request for one inference."""

    inputs: list[InferInput]
    """The input tensors, each of the model's."""
    id: str = ""
    """Comes back in the response."""
    parameters: dict[str, Any] = {}
    """`binary_data_output`: whether all outputs' data comes behind the JSON. `priority`: 1 runs before others, what is
    above 2 after them. `timeout`: microseconds that the client waits. Others are passed over."""
    outputs: Union[list[InferOutput], None] = None
    """The outputs that are wanted; all without it."""


class OutputTensor(msgspec.Struct):
    """One output tensor."""

    name: str
    """Its name in the model."""
    datatype: str
    """Its element type."""
    shape: tuple[int, ...]
    """Its sizes."""
    data: Union[list[Any], msgspec.UnsetType] = msgspec.UNSET
    """Its elements, flat."""
    parameters: Union[dict[str, Any], msgspec.UnsetType] = msgspec.UNSET
    """`binary_data_size`: bytes of its data behind the JSON."""


class InferResponse(msgspec.Struct):
    """The answer to one inference."""

    model_name: str
    """The model."""
    model_version: str
    """Its version."""
    outputs: list[OutputTensor]
    """The output tensors."""
    id: Union[str, msgspec.UnsetType] = msgspec.UNSET
    """The request's id, where it had one."""


class InferenceErrorBody(msgspec.Struct):
    """What went wrong."""

    error: str
    """The message, with the way out."""


_decoder = msgspec.json.Decoder(InferRequest)
_encode = msgspec.json.Encoder().encode
_RAW = InferRequest(inputs=[], parameters={"binary_data_output": True})
_NOTHING = memoryview(b"")
_BINARY_TYPE = (b"content-type", b"application/octet-stream")


def error_body(error: AirworthyError) -> bytes:
    """An error in the protocol's shape."""
    return _encode(InferenceErrorBody(message_of(error)))


class OpenInference:
    """The handlers."""

    def __init__(self, models: Models, settings: ServeSettings) -> None:
        self._models = models
        self._settings = settings

    async def server(self, request: Request) -> Response:
        """`GET /v2`: the server's metadata."""
        return Response(200, _encode(server_metadata()))

    async def list_models(self, request: Request) -> Response:
        """`GET /v2/models`: the names of the models."""
        return Response(200, _encode(ModelNames(list(self._models))))

    async def model(self, request: Request) -> Response:
        """`GET /v2/models/{name}`: the model's metadata."""
        return Response(200, _encode(model_metadata(self._models.find(request.model, request.version))))

    async def model_config(self, request: Request) -> Response:
        """`GET /v2/models/{name}/config`: how the model runs, and whether its rows are batched."""
        served = self._models.find(request.model, request.version)
        joining = served.joining
        config = ModelConfig(
            name=served.name,
            platform=model_metadata(served).platform,
            max_batch_size=self._settings.batching.max_rows if joining.rows else 0,
            batches_rows=joining.text,
            keeps_answers=joining.keeps_text,
            input=[_tensor_config(spec, batched=joining.rows) for spec in served.inputs],
            output=[_tensor_config(spec, batched=joining.rows) for spec in served.outputs],
        )
        return Response(200, _encode(config))

    async def model_ready(self, request: Request) -> Response:
        """`GET /v2/models/{name}/ready`: whether the model takes requests."""
        served = self._models.find(request.model, request.version)
        return Response(200 if served.ready else 503, _encode(ModelReady(served.name, served.ready)))

    async def statistics(self, request: Request) -> Response:
        """`GET /v2/models/{name}/stats`: what the model has done so far."""
        served = self._models.find(request.model, request.version)
        return Response(200, _encode(ModelsStatistics([served.statistics()])))

    async def all_statistics(self, request: Request) -> Response:
        """`GET /v2/models/stats`: what every model has done so far."""
        return Response(200, _encode(ModelsStatistics(self._models.statistics())))

    async def infer(self, request: Request) -> Response:
        """`POST /v2/models/{name}/infer`: one inference."""
        served = self._models.batches(request.model, request.version, request.sticky_key)
        served.require(request_id=request.request_id)
        is_here = request.complete and request.header(b"content-encoding") is None
        body = await request.body(self._settings.limits.max_body, self._settings.limits.body_timeout)
        if not is_here:  # others may have joined the queue while it came, or was unpacked
            served.require(request_id=request.request_id)
        header = request.length(HEADER_LENGTH)
        if header == 0:
            wanted, given = _RAW, [raw_tensor(served.inputs, body)]
        else:
            wanted, given = _read_request(body, header)
        tensors = served.validate(given)
        names = wanted_outputs(served, [each.name for each in wanted.outputs]) if wanted.outputs else ()
        outputs = await served.submit(tensors, names, self._options(request, wanted.parameters))
        return _response(served, wanted, in_order(outputs, names) if names else outputs)

    def _options(self, request: Request, parameters: Mapping[str, Any]) -> RequestOptions:
        options = RequestOptions(
            request.watch, request.principal.tenant, request.arrived, Priority.NORMAL, 0.0, request.request_id
        )
        if "priority" not in parameters and "timeout" not in parameters:
            return options
        may_be_high = self._settings.callers.high_priority
        priority = priorities.by_level(parameters.get("priority", 0), may_be_high=may_be_high)
        return options._replace(priority=priority, timeout=priorities.timeout(parameters))


def server_metadata() -> ServerMetadata:
    """What the server is."""
    return ServerMetadata("airworthy", airworthy.__version__, EXTENSIONS)


def model_metadata(served: Served) -> ModelMetadata:
    """What a model is."""
    return ModelMetadata(
        name=served.name,
        versions=(served.version,),
        platform=f"{served.model.format}_{served.engine}",
        inputs=[TensorMetadata(spec.name, spec.datatype, spec.shape) for spec in served.inputs],
        outputs=[TensorMetadata(spec.name, spec.datatype, spec.shape) for spec in served.outputs],
    )


def _tensor_config(spec: TensorSpec, *, batched: bool) -> TensorConfig:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return TensorConfig(spec.name, f"TYPE_{kind}", spec.shape[1:] if batched else spec.shape)


def check_declared(name: str, datatype: str, shape: Sequence[int]) -> None:
    """Check with all models what a request says of a tensor.

    Raises:
        BadTensor: no such element type, or no such shape.
    """
    if datatype not in DATATYPES:
        problem = say("there is no datatype {datatype}; known: {known}", datatype=datatype, known=DATATYPES)
        raise BadTensor(name=name, problem=problem)
    if len(shape) > MOST_AXES or any(not 0 <= size < 1 << 63 for size in shape):
        raise BadTensor(name=name, problem=say("{shape} is no shape", shape=shape_text(shape[: MOST_AXES + 1])))


def wanted_outputs(served: ServedModel, names: Sequence[str]) -> tuple[str, ...]:
    """The outputs that a request asks for, each once.

    Raises:
        InvalidRequest: the model doesn't give one of them.
    """
    known = [spec.name for spec in served.outputs]
    for name in names:
        if name not in known:
            detail = say("the model has no output {name!r}; it gives {names}", name=name, names=tuple(known))
            raise errors.InvalidRequest(detail=detail)
    return tuple(dict.fromkeys(names))


def in_order(outputs: Sequence[Tensor], names: Sequence[str]) -> Sequence[Tensor]:
    """Outputs in the order in which they were requested."""
    by_name = {tensor.meta.name: tensor for tensor in outputs}
    return [by_name[name] for name in names]


def raw_tensor(inputs: Sequence[TensorSpec], body: bytes) -> Tensor:
    """A body without JSON as a model's only input.

    Its shape follows from its size where one size varies at most; the batch is 1 where another size varies as well.

    Raises:
        InvalidRequest: the model has several inputs, or the shape can't be determined.
    """
    if len(inputs) != 1:
        detail = say("a raw body takes a model with one input, and this one has {count}", count=len(inputs))
        raise errors.InvalidRequest(detail=detail)
    (spec,) = inputs
    sizes, datatype = list(spec.shape), spec.datatype
    varying = [axis for axis, size in enumerate(sizes) if size < 0]
    fixed = element_count([size for size in sizes if size >= 0])
    if varying[:1] == [0] and (len(varying) > 1 or datatype == "BYTES"):
        sizes[0] = 1
        del varying[0]
    if len(varying) > 1 or (datatype == "BYTES" and fixed != 1):
        shape = shape_text(spec.shape)
        detail = say("the shape of {name!r}, {shape}, does not follow from a raw body", name=spec.name, shape=shape)
        raise errors.InvalidRequest(detail=detail)
    data = pack_strings([body]) if datatype == "BYTES" else body
    for axis in varying:
        row = fixed * BYTE_WIDTH.get(datatype, len(data))
        sizes[axis] = len(data) // row if row else 0
    return Tensor(TensorMeta(spec.name, datatype, tuple(sizes), len(data)), data)


def _read_request(body: bytes, header: int | None) -> tuple[InferRequest, list[Tensor]]:
    """The request and its tensors.

    Raises:
        InvalidRequest: not a request, or more tensors than one may have.
        BadTensor: sizes, types or values that don't fit each other.
    """
    binary = _NOTHING
    if header is not None:
        if header > len(body):
            detail = say("the header {name} is larger than the body", name=HEADER_LENGTH.decode())
            raise errors.InvalidRequest(detail=detail)
        binary = memoryview(body)[header:]
    wanted = _decoded(body if header is None else memoryview(body)[:header])
    if len(wanted.inputs) > MOST_TENSORS or len(wanted.outputs or ()) > MOST_TENSORS:
        raise errors.InvalidRequest(detail=say("more than {most} tensors", most=MOST_TENSORS))
    return wanted, _read_inputs(wanted.inputs, binary)


_SHAPE = '{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1.5]}]}'


def _decoded(body: bytes | memoryview) -> InferRequest:
    """The request; an error about what it lacks shows one that is whole.

    Raises:
        InvalidRequest: not JSON, or not a request.
    """
    try:
        wanted: InferRequest = decode(_decoder, body)
    except errors.InvalidRequest as error:
        detail = error.params["detail"]
        if "missing required field" in detail:
            detail = say("{detail}; a request is {shape}", detail=detail, shape=_SHAPE)
        raise errors.InvalidRequest(detail=detail) from None
    return wanted


def _read_inputs(inputs: Sequence[InferInput], binary: memoryview) -> list[Tensor]:
    """The request's tensors, from JSON values or from the bytes behind the JSON.

    Raises:
        BadTensor: sizes, types or values that don't fit each other.
    """
    tensors = []
    position = 0
    for each in inputs:
        check_declared(each.name, each.datatype, each.shape)
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


def _response(served: ServedModel, wanted: InferRequest, outputs: Sequence[Tensor]) -> Response:
    every = bool(wanted.parameters.get("binary_data_output", False))
    choices = {each.name: bool(each.parameters.get("binary_data", every)) for each in wanted.outputs or ()}
    described, behind = [], []
    for meta, data in outputs:
        entry = OutputTensor(meta.name, meta.datatype, meta.shape)
        if choices.get(meta.name, every):
            entry.parameters = {"binary_data_size": meta.size}
            behind.append(data)
        else:
            if not is_finite(meta.datatype, data):
                raise errors.NotANumber(name=meta.name)
            try:
                entry.data = unpack(meta.datatype, data)
            except UnicodeDecodeError:
                raise errors.NotText(name=meta.name) from None
        described.append(entry)
    body = _encode(InferResponse(served.name, served.version, described, wanted.id or msgspec.UNSET))
    if not behind:
        return Response(200, body)
    headers = (_BINARY_TYPE, (HEADER_LENGTH, str(len(body)).encode()))
    return Response(200, b"".join((body, *behind)), headers)
