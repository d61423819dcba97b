"""The Open Inference Protocol over gRPC, with its health checks; the one file that imports grpc."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.principal import Principal, Role
from airworthy.serve.access.stages import AccessStages
from airworthy.serve.http.messages import message_of, status_of
from airworthy.serve.metrics.metrics import Metrics
from airworthy.serve.metrics.statistics import Duration
from airworthy.serve.models.catalogue import Models
from airworthy.serve.protocols import priorities
from airworthy.serve.protocols.open_inference.grpc_tensors import read_inputs, write_outputs
from airworthy.serve.protocols.open_inference.proto import messages, methods
from airworthy.serve.protocols.open_inference.repository import check_parameters
from airworthy.serve.protocols.open_inference.rest import (
    MOST_TENSORS,
    REST_ONLY,
    ServerMetadata,
    in_order,
    model_metadata,
    server_metadata,
    wanted_outputs,
)
from airworthy.serve.scheduling.capacity import BASE_QUEUE_REQUESTS
from airworthy.serve.scheduling.request_options import RequestOptions

# Its C core prints what it thinks of other processes; what matters comes back as a status.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
try:
    import grpc
    from google.protobuf.message import DecodeError
    from grpc import aio
except ImportError:
    raise ExtraMissing(job=say("the gRPC interface"), library="grpcio", extra="grpc") from None

INFERENCE = "inference.GRPCInferenceService"
"""The service of the Open Inference Protocol."""
HEALTH = "grpc.health.v1.Health"
"""gRPC's own health checks."""
MOST_METADATA = 16 * 1024
"""Bytes of a call's metadata."""
MOST_STREAMS = 1024
"""Calls of one connection at a time."""
MOST_PENDING = 32
"""Requests of one stream that are worked on at a time; the client's further ones wait in the connection."""
POLL_INTERVAL_S = 0.5
"""Seconds between two messages to a health watcher."""
GRACE = 2.0
"""Seconds that calls get to end once everyone inside has an answer."""

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_ROLES = {
    "ServerLive": Role.PUBLIC,
    "ServerReady": Role.PUBLIC,
    "ModelReady": Role.PUBLIC,
    "Check": Role.PUBLIC,
    "Watch": Role.PUBLIC,
    "ServerMetadata": Role.USER,
    "ModelMetadata": Role.USER,
    "ModelInfer": Role.USER,
    "ModelStreamInfer": Role.USER,
    "RepositoryIndex": Role.USER,
    "ModelStatistics": Role.DEVELOPER,
    "RepositoryModelLoad": Role.ADMIN,
    "RepositoryModelUnload": Role.ADMIN,
}
"""The least role that may call each method; a method that is missing here can't be registered."""
_WISHES = ("priority", "timeout")
_log = logging.getLogger("airworthy.serve")
_m: dict[str, Any] = messages()


class GrpcServer:
    """The gRPC server: the same models, limits and refusals as over HTTP."""

    def __init__(self, models: Models, settings: ServeSettings, metrics: Metrics, access: AccessStages) -> None:
        self._models = models
        self._metrics = metrics
        self._access = access
        self._may_be_high = settings.callers.high_priority
        self._stopping = asyncio.Event()
        options = (
            ("grpc.max_receive_message_length", settings.limits.max_body),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", MOST_METADATA),
            ("grpc.max_concurrent_streams", MOST_STREAMS),
            ("grpc.so_reuseport", 0),
        )
        most = max(MOST_STREAMS, 2 * (settings.batching.max_queue or BASE_QUEUE_REQUESTS) * len(models))
        self._server = aio.server(options=options, maximum_concurrent_rpcs=most)
        handlers = [
            grpc.method_handlers_generic_handler(name, {each: self._handler(name, each) for each in methods(name)})
            for name in (INFERENCE, HEALTH)
        ]
        self._server.add_generic_rpc_handlers(handlers)

    async def start(self, host: str, port: int) -> int:
        """Listen; the port.

        Raises:
            OSError: the address can't be had.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(str(error)) from None
        if not bound:
            raise OSError(say("gRPC cannot listen there"))
        await self._server.start()
        return int(bound)

    async def stop(self) -> None:
        """End, after the models were drained."""
        self._stopping.set()
        await self._server.stop(GRACE)

    # --- calls ----------------------------------------------------------------------------------------------------

    def _handler(self, service: str, name: str) -> Any:
        request, response, streamed, streams = methods(service)[name]
        handle: Any = getattr(self, name)
        # Requests come as bytes and are read here: what grpc itself can't read, it answers with words about Python.
        if streamed:
            made = grpc.stream_stream_rpc_method_handler
        elif streams:
            made = grpc.unary_stream_rpc_method_handler
        else:
            made, handle = grpc.unary_unary_rpc_method_handler, self._unary(name, request, handle)
        return made(handle, response_serializer=response.SerializeToString)

    def _unary(self, name: str, kind: Any, handle: Callable[[Any, Any], Awaitable[Any]]) -> Any:
        async def call(data: bytes, context: Any) -> Any:
            try:
                with self._admit(name, data, context) as principal:
                    response = await handle(_parse(kind, data), principal)
            except asyncio.CancelledError:
                self._metrics.calls.add(name, grpc.StatusCode.CANCELLED.name)
                raise
            except AirworthyError as error:
                await self._refuse(name, context, error)
            except Exception:  # noqa: BLE001 - whatever breaks, the client gets a status
                _log.exception("a handler failed")
                await self._refuse(name, context, errors.internal_error())
            self._metrics.calls.add(name, grpc.StatusCode.OK.name)
            return response

        return call

    def _admit(self, name: str, data: bytes, context: Any) -> contextlib.AbstractContextManager[Principal]:
        """Pass a call through the access stages; probes have no limits."""
        role = _ROLES[name]
        return self._access.admit_call(context, len(data), role, limited=role is not Role.PUBLIC)

    async def _refuse(self, name: str, context: Any, error: AirworthyError) -> NoReturn:
        code = _CODES.get(status_of(error), grpc.StatusCode.INTERNAL)
        self._metrics.calls.add(name, code.name)
        trailing: tuple[tuple[str, str], ...] = ()
        if isinstance(error, errors.RequestError) and error.retry_after:
            trailing = (("grpc-retry-pushback-ms", str(round(1000 * error.retry_after))),)
        await context.abort(code, message_of(error), trailing)
        raise AssertionError("abort returned")

    # --- the Open Inference Protocol, each method under its name there --------------------------------------------

    async def ServerLive(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Whether the process answers."""
        return _m["inference.ServerLiveResponse"](live=True)

    async def ServerReady(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Whether every model takes requests."""
        return _m["inference.ServerReadyResponse"](ready=self._models.ready)

    async def ModelReady(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Whether a model takes requests; one that is unknown does not, as clients expect here."""
        try:
            ready = self._models.find(request.name, request.version).ready
        except errors.UnknownModel:
            ready = False
        return _m["inference.ModelReadyResponse"](ready=ready)

    async def ServerMetadata(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """What the server is."""
        told: ServerMetadata = server_metadata()
        return _m["inference.ServerMetadataResponse"](
            name=told.name,
            version=told.version,
            extensions=[each for each in told.extensions if each not in REST_ONLY],
        )

    async def ModelMetadata(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """What a model is."""
        told = model_metadata(self._models.find(request.name, request.version))
        made = _m["inference.ModelMetadataResponse"](name=told.name, versions=told.versions, platform=told.platform)
        for target, specs in ((made.inputs, told.inputs), (made.outputs, told.outputs)):
            for spec in specs:
                target.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
        return made

    async def ModelInfer(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """One inference. A client that leaves, or whose deadline passes, takes its request out of the queue."""
        served = self._models.batches(request.model_name, request.model_version, principal.name.encode)
        served.require()
        if len(request.inputs) > MOST_TENSORS or len(request.outputs) > MOST_TENSORS:
            raise errors.InvalidRequest(detail=say("more than {most} tensors", most=MOST_TENSORS))
        tensors = served.validate(read_inputs(request))
        names = wanted_outputs(served, [each.name for each in request.outputs]) if request.outputs else ()
        outputs = await served.submit(tensors, names, self._options(request, principal))
        response = _m["inference.ModelInferResponse"](
            model_name=served.name, model_version=served.version, id=request.id
        )
        write_outputs(response, in_order(outputs, names) if names else outputs, raw=bool(request.raw_input_contents))
        return response

    def _options(self, request: Any, principal: Principal) -> RequestOptions:
        said = {name: _number(request.parameters[name]) for name in _WISHES if name in request.parameters}
        priority = priorities.by_level(said.get("priority", 0), may_be_high=self._may_be_high)
        return RequestOptions(tenant=principal.tenant, priority=priority, timeout=priorities.timeout(said))

    async def ModelStreamInfer(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """A stream of inferences, answered in their order; one that fails does not end the stream."""
        waiting: asyncio.Queue[asyncio.Task[Any] | None] = asyncio.Queue(MOST_PENDING)
        running: set[asyncio.Task[Any]] = set()

        async def take() -> None:
            async for data in requests:
                task = asyncio.ensure_future(self._stream_one(data, context))
                running.add(task)
                task.add_done_callback(running.discard)
                await waiting.put(task)
            await waiting.put(None)

        taking = asyncio.ensure_future(take())
        try:
            while (task := await self._next(waiting, taking)) is not None:
                yield await task
            self._metrics.calls.add("ModelStreamInfer", grpc.StatusCode.OK.name)
        finally:
            for each in (taking, *running):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await taking

    async def _next(self, waiting: asyncio.Queue[Any], taking: asyncio.Task[None]) -> Any:
        """What comes next, or what ended the client's side."""
        getting = asyncio.ensure_future(waiting.get())
        try:
            await asyncio.wait({getting, taking}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done() and taking.done():
                taking.result()
            return await getting
        finally:
            getting.cancel()

    async def _stream_one(self, data: bytes, context: Any) -> Any:
        made, request = _m["inference.ModelStreamInferResponse"](), _m["inference.ModelInferRequest"]()
        try:
            request = _parse(_m["inference.ModelInferRequest"], data)
            with self._admit("ModelStreamInfer", data, context) as principal:
                made.infer_response.CopyFrom(await self.ModelInfer(request, principal))
        except AirworthyError as error:
            made.error_message = message_of(error)
        except Exception:  # noqa: BLE001 - whatever breaks, the client gets an answer and the stream goes on
            _log.exception("a handler failed")
            made.error_message = message_of(errors.internal_error())
        if made.error_message:
            made.infer_response.id, made.infer_response.model_name = request.id, request.model_name
        if request.parameters["triton_enable_empty_final_response"].bool_param:
            made.infer_response.parameters["triton_final_response"].bool_param = True
        return made

    async def ModelStatistics(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """What one model, or every model, has done so far."""
        made = _m["inference.ModelStatisticsResponse"]()
        for told in self._models.statistics(request.name, request.version):
            entry = made.model_stats.add(
                name=told.name,
                version=told.version,
                last_inference=told.last_inference,
                inference_count=told.inference_count,
                execution_count=told.execution_count,
            )
            _durations(entry.inference_stats, told.inference_stats)
            for batch in told.batch_stats:
                _durations(entry.batch_stats.add(batch_size=batch.batch_size), batch)
        return made

    async def RepositoryIndex(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """The state of every model."""
        made = _m["inference.RepositoryIndexResponse"]()
        for state in self._models.index(ready_only=request.ready):
            made.models.add(name=state.name, version=state.version, state=state.state, reason=state.reason)
        return made

    async def RepositoryModelLoad(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Load a model, or load its file again."""
        await self._model_of(request).load()
        return _m["inference.RepositoryModelLoadResponse"]()

    async def RepositoryModelUnload(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Take a model out of service."""
        await self._model_of(request).unload()
        return _m["inference.RepositoryModelUnloadResponse"]()

    def _model_of(self, request: Any) -> Any:
        check_parameters(request.parameters)
        return self._models.find(request.model_name)

    # --- health ---------------------------------------------------------------------------------------------------

    def _status(self, service: str) -> str:
        if self._stopping.is_set():
            return "NOT_SERVING"
        ready = self._models.ready if service in ("", INFERENCE) else self._models.find(service).ready
        return "SERVING" if ready else "NOT_SERVING"

    async def Check(self, request: Any, principal: Principal) -> Any:  # noqa: N802
        """Whether the service, or a model, takes requests now."""
        return _m["grpc.health.v1.HealthCheckResponse"](status=self._status(request.service))

    async def Watch(self, request: bytes, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """The same, and again whenever it changes."""
        try:
            service = _parse(_m["grpc.health.v1.HealthCheckRequest"], request).service
        except errors.InvalidRequest as error:
            await self._refuse("Watch", context, error)
        told = ""
        while True:
            try:
                status = self._status(service)
            except errors.UnknownModel:
                status = "SERVICE_UNKNOWN"
            if status != told:
                told = status
                yield _m["grpc.health.v1.HealthCheckResponse"](status=status)
            if self._stopping.is_set():
                return
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), POLL_INTERVAL_S)


def _number(parameter: Any) -> Any:
    """What a parameter holds; None for nothing."""
    which = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, which) if which else None


def _parse(kind: Any, data: bytes) -> Any:
    """A message from its bytes.

    Raises:
        InvalidRequest: they are none.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        detail = say("the request is no {name}", name=kind.DESCRIPTOR.full_name)
        raise errors.InvalidRequest(detail=detail) from None


def _durations(target: Any, source: Any) -> None:
    for name in source.__struct_fields__:
        value = getattr(source, name)
        if isinstance(value, Duration):
            each = getattr(target, name)
            each.count, each.ns = value.count, value.ns
