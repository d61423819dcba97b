"""The Open Inference Protocol over gRPC: its official clients, gRPC's own health checks, limits and cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf import descriptor_pb2
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from airworthy.serve.protocols.open_inference.proto import messages, methods
from models import LINEAR_BIAS, LINEAR_WEIGHT
from server.running import Running, infer_body, running, standing_still, until

KEY = "a-key-of-more-than-sixteen-characters"
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
ROWS = np.array([[1, 2], [3, -4]], np.float32)
HEALTH = messages()


def linear(rows: Any) -> np.ndarray:
    return np.asarray(rows, np.float32) @ LINEAR_WEIGHT + LINEAR_BIAS


def address(service: Running) -> str:
    """Where its gRPC interface listens, as it printed it."""
    found = None
    while not found:
        found = re.search(r"grpc\s+(\S+:\d+)", "".join(service.log))
        if not found:
            service.log.append(service._lines.get(timeout=5) or "")
    return found.group(1)


@contextlib.contextmanager
def grpc_running(*arguments: Path, **more: str) -> Iterator[tuple[Running, str]]:
    with running("serve", *arguments, env={"AIRWORTHY_SERVE_GRPC_PORT": "0", **more}) as service:
        yield service, address(service)


@pytest.fixture(scope="module")
def target(files: Path) -> Iterator[str]:
    """A service with the gRPC interface on."""
    names = ("linear", "simple", "strings", "half")
    more = {
        "AIRWORTHY_SERVE_ADMIN_ENABLED": "true",
        "AIRWORTHY_SERVE_ADMIN_KEY": KEY,
        "AIRWORTHY_SERVE_LIMITS_MAX_BODY": "1000000",
    }
    with grpc_running(*(files / f"{name}.onnx" for name in names), **more) as (service, where):
        yield where
        assert service.stop() == 0
        assert "Traceback" not in service.rest()


@pytest.fixture
def client(target: str) -> Iterator[Any]:
    made = triton.InferenceServerClient(target)
    yield made
    made.close()


@pytest.fixture
def channel(target: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target) as made:
        yield made


def simple_inputs() -> list[Any]:
    inputs = [triton.InferInput(f"INPUT{n}", [1, 16], "INT32") for n in range(2)]
    inputs[0].set_data_from_numpy(np.arange(16, dtype=np.int32).reshape(1, 16))
    inputs[1].set_data_from_numpy(np.ones((1, 16), np.int32))
    return inputs


def linear_input(rows: np.ndarray = ROWS) -> list[Any]:
    given = triton.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows)
    return [given]


def code_of(caught: Any) -> str:
    return str(caught.value.status()).removeprefix("StatusCode.")


# --- the contract -----------------------------------------------------------------------------------------------------


def test_every_message_is_the_official_clients() -> None:
    """Each field of ours has its name, number and type in the client's own description, and each method its types."""

    def fields(kind: Any) -> dict[str, Any]:
        return {each.name: (each.number, each.type, each.is_repeated) for each in kind.fields}

    theirs = service_pb2.DESCRIPTOR
    for name, kind in messages().items():
        if not name.startswith("inference."):
            continue
        other = theirs.message_types_by_name[name.removeprefix("inference.")]
        ours = fields(kind.DESCRIPTOR)
        assert ours.items() <= fields(other).items(), name
        for nested in kind.DESCRIPTOR.nested_types:
            assert fields(nested).items() <= fields(other.nested_types_by_name[nested.name]).items(), nested.name
    service = theirs.services_by_name["GRPCInferenceService"]
    for name, (request, response, streamed, streams) in methods("inference.GRPCInferenceService").items():
        official = descriptor_pb2.MethodDescriptorProto()
        service.methods_by_name[name].CopyToProto(official)
        assert official.input_type == f".{request.DESCRIPTOR.full_name}"
        assert official.output_type == f".{response.DESCRIPTOR.full_name}"
        assert (official.client_streaming, official.server_streaming) == (streamed, streams)


def test_the_compiled_descriptors_are_those_of_the_files() -> None:
    """What a compiler makes of the .proto files, whatever its version writes beside it."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
    try:
        import proto
    finally:
        sys.path.pop(0)
    assert proto.compiled() == proto.TARGET.read_bytes(), "run `python tools/proto.py`"


# --- the official clients ---------------------------------------------------------------------------------------------


def test_the_official_client_finds_its_way(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("linear")
    assert client.is_model_ready("linear", "1")
    assert not client.is_model_ready("nobody")
    metadata = client.get_server_metadata()
    assert (metadata.name, set(metadata.extensions)) == ("airworthy", {"statistics", "model_repository"})
    model = client.get_model_metadata("linear", as_json=True)
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "2"]}]
    assert model["versions"] == ["1"]


def test_the_official_simple_example(client: Any) -> None:
    outputs = [triton.InferRequestedOutput(f"OUTPUT{n}") for n in (1, 0)]
    answer = client.infer("simple", simple_inputs(), outputs=outputs, request_id="seven")
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), np.arange(16).reshape(1, 16) + 1)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), np.arange(16).reshape(1, 16) - 1)
    response = answer.get_response()
    assert (response.id, response.model_version) == ("seven", "1")
    assert [each.name for each in response.outputs] == ["OUTPUT1", "OUTPUT0"]
    only = client.infer("simple", simple_inputs(), outputs=outputs[:1])
    assert only.as_numpy("OUTPUT0") is None


def test_texts_and_halves_go_through(client: Any) -> None:
    texts = np.array([["fit"], ["适航"], [""]], dtype=object)
    given = triton.InferInput("text", [3, 1], "BYTES")
    given.set_data_from_numpy(texts)
    got = client.infer("strings", [given]).as_numpy("same")
    assert [item.decode() for item in got.ravel()] == ["fit", "适航", ""]
    half = triton.InferInput("x", [1, 2], "FP16")
    half.set_data_from_numpy(np.array([[1.5, -2]], np.float16))
    np.testing.assert_array_equal(client.infer("half", [half]).as_numpy("same"), [[1.5, -2]])


def test_typed_contents_are_answered_in_kind(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="linear")
        given = request.inputs.add(name="x", datatype="FP32", shape=[2, 2])
        given.contents.fp32_contents.extend(ROWS.ravel().tolist())
        response = stub.ModelInfer(request)
        assert not response.raw_output_contents
        np.testing.assert_allclose(response.outputs[0].contents.fp32_contents, linear(ROWS).ravel(), rtol=1e-6)
        request = service_pb2.ModelInferRequest(model_name="strings")
        request.inputs.add(name="text", datatype="BYTES", shape=[2, 1]).contents.bytes_contents.extend([b"a", b"bc"])
        assert list(stub.ModelInfer(request).outputs[0].contents.bytes_contents) == [b"a", b"bc"]
        request = service_pb2.ModelInferRequest(model_name="simple")
        for name in ("INPUT0", "INPUT1"):
            request.inputs.add(name=name, datatype="INT32", shape=[1, 16]).contents.int_contents.extend(range(16))
        response = stub.ModelInfer(request)
        assert list(response.outputs[0].contents.int_contents) == [2 * n for n in range(16)]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_messages_go_through(client: Any, algorithm: str) -> None:
    answer = client.infer("linear", linear_input(), compression_algorithm=algorithm)
    np.testing.assert_allclose(answer.as_numpy("y"), linear(ROWS), rtol=1e-6)


def test_the_official_asyncio_client(target: str) -> None:
    async def main() -> None:
        async with triton_aio.InferenceServerClient(target) as client:
            assert await client.is_server_ready()
            answers = await asyncio.gather(
                *(client.infer("linear", linear_input(np.full((1, 2), n, np.float32))) for n in range(50))
            )
            for n, answer in enumerate(answers):
                np.testing.assert_allclose(answer.as_numpy("y"), linear([[n, n]]), rtol=1e-6)

    asyncio.run(main())


def test_a_stream_answers_in_order_and_outlives_a_bad_request(client: Any) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for n in range(100):
        inputs = linear_input(np.full((1, 2), n, np.float32)) if n != 50 else simple_inputs()
        client.async_stream_infer("linear", inputs, request_id=str(n), enable_empty_final_response=True)
    for n in range(100):
        result, error = answers.get(timeout=10)
        if n == 50:
            assert "no such input" in str(error)
            continue
        assert error is None
        response = result.get_response()
        assert (response.id, response.parameters["triton_final_response"].bool_param) == (str(n), True)
        np.testing.assert_allclose(result.as_numpy("y"), linear([[n, n]]), rtol=1e-6)
    client.stop_stream()


def test_statistics_are_those_of_rest(client: Any) -> None:
    client.infer("linear", linear_input())
    (told,) = client.get_inference_statistics("linear").model_stats
    assert told.inference_count >= 2
    assert told.inference_stats.success.count >= 1
    assert told.inference_stats.compute_infer.ns > 0
    assert 2 in [each.batch_size for each in told.batch_stats]
    assert len(client.get_inference_statistics().model_stats) == 4


def test_the_repository_is_the_administrators(client: Any) -> None:
    def states() -> dict[str, str]:
        return {each.name: each.state for each in client.get_model_repository_index().models}

    for headers in ({}, {"authorization": "Bearer wrong"}):
        with pytest.raises(InferenceServerException) as caught:
            client.unload_model("half", headers=headers)
        assert code_of(caught) == "UNAUTHENTICATED"
    client.unload_model("half", headers=AUTHORIZED)
    assert states()["half"] == "UNAVAILABLE"
    assert not client.is_model_ready("half")
    with pytest.raises(InferenceServerException, match="no parameter 'config'"):
        client.load_model("half", headers=AUTHORIZED, config="{}")
    client.load_model("half", headers=AUTHORIZED)
    assert states()["half"] == "READY"


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "inputs", "code", "part"),
    [
        ("nobody", linear_input(), "NOT_FOUND", "Request for unknown model"),
        ("linear", simple_inputs(), "INVALID_ARGUMENT", "no such input; it takes x"),
        ("linear", linear_input(np.ones((1, 3), np.float32)), "INVALID_ARGUMENT", "takes shape [-1, 2]"),
        ("linear", linear_input(np.array([[1, np.nan]], np.float32)), "INVALID_ARGUMENT", "NaN or infinity"),
        ("linear", [], "INVALID_ARGUMENT", "it is missing"),
    ],
)
def test_refusals_have_grpcs_codes(client: Any, model: str, inputs: list[Any], code: str, part: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs)
    assert (code_of(caught), part in caught.value.message()) == (code, True), caught.value


def test_malformed_requests_are_refused(target: str) -> None:
    with grpc.insecure_channel(target) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)

        def refused(request: Any) -> str:
            with pytest.raises(grpc.RpcError) as caught:
                stub.ModelInfer(request, timeout=10)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            return str(caught.value.details())

        def request(datatype: str = "FP32", shape: tuple[int, ...] = (1, 2), raw: tuple[bytes, ...] = ()) -> Any:
            made = service_pb2.ModelInferRequest(model_name="linear", raw_input_contents=raw)
            made.inputs.add(name="x", datatype=datatype, shape=shape)
            return made

        assert "holds 2 values and 0" in refused(request())
        assert "2 raw_input_contents for 1 inputs" in refused(request(raw=(b"", b"")))
        assert "takes 8 bytes and 3 were sent" in refused(request(raw=(b"abc",)))
        assert "is no shape" in refused(request(shape=(-1, 2)))
        assert "no datatype NONE" in refused(request(datatype="NONE"))
        assert "raw_input_contents only" in refused(request(datatype="FP16"))
        both = request(raw=(b"\0" * 8,))
        both.inputs[0].contents.fp32_contents.extend([1, 2])
        assert "contents beside raw_input_contents" in refused(both)
        texts = service_pb2.ModelInferRequest(model_name="strings", raw_input_contents=[b"\xff\xff\xff\xff"])
        texts.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
        assert "ends inside a string" in refused(texts)
        garbage = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            garbage(b"\xff" * 100, timeout=10)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "is no inference.ModelInferRequest" in str(caught.value.details())
        nothing = channel.unary_unary("/inference.GRPCInferenceService/Nothing")
        with pytest.raises(grpc.RpcError) as caught:
            nothing(b"", timeout=10)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_is_refused(target: str, compression: Any) -> None:
    with grpc.insecure_channel(target, compression=compression) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="linear", raw_input_contents=[b"\0" * 8_000_000])
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(request, timeout=10)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=10).ready


# --- health -----------------------------------------------------------------------------------------------------------


def check(channel: grpc.Channel, name: str = "") -> str:
    request, response = (HEALTH[f"grpc.health.v1.HealthCheck{each}"] for each in ("Request", "Response"))
    call = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    status = call(request(service=name), timeout=5).status
    return str(response.DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[status].name)


def test_health_checks(channel: grpc.Channel) -> None:
    assert {check(channel, name) for name in ("", "inference.GRPCInferenceService", "linear")} == {"SERVING"}
    with pytest.raises(grpc.RpcError) as caught:
        check(channel, "nobody")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


# --- overload, deadlines, cancellation, drain -------------------------------------------------------------------------


@contextlib.contextmanager
def held(files: Path, **more: str) -> Iterator[tuple[Running, str, Any]]:
    """A service whose worker stands still for the length of the block, so that requests wait."""
    with (
        # A trial run that stands still would hold the lane of the first request.
        grpc_running(files / "linear.onnx", AIRWORTHY_SERVE_BATCHING_SEARCH="false", **more) as (service, where),
        grpc.insecure_channel(where) as channel,
        standing_still(service),
    ):
        yield service, where, service_pb2_grpc.GRPCInferenceServiceStub(channel)


def request_of(rows: np.ndarray = ROWS) -> Any:
    made = service_pb2.ModelInferRequest(model_name="linear", raw_input_contents=[rows.tobytes()])
    made.inputs.add(name="x", datatype="FP32", shape=rows.shape)
    return made


def inside(service: Running) -> int:
    model = service.health()["models"]["linear"]
    return int(model["waiting"]) + int(model["running"])


def test_who_leaves_makes_room(files: Path) -> None:
    with held(files) as (service, _, stub):
        calls = [stub.ModelInfer.future(request_of())]
        until(lambda: service.health()["models"]["linear"]["running"] == 1)
        calls += [stub.ModelInfer.future(request_of()) for _ in range(5)]
        until(lambda: inside(service) == 6)
        for call in calls[3:]:
            call.cancel()
        late = stub.ModelInfer.future(request_of(), timeout=0.3)
        with pytest.raises(grpc.RpcError) as caught:
            late.result()
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: service.health()["models"]["linear"]["waiting"] == 2)
        os.kill(service.worker("linear"), signal.SIGCONT)
        for call in calls[:3]:
            assert np.allclose(np.frombuffer(call.result(10).raw_output_contents[0], np.float32), linear(ROWS).ravel())
        until(lambda: inside(service) == 0)


def test_a_full_queue_is_told_with_a_pause(files: Path) -> None:
    with held(files, AIRWORTHY_SERVE_BATCHING_MAX_QUEUE="2") as (service, _, stub):
        calls = [stub.ModelInfer.future(request_of()) for _ in range(8)]
        until(lambda: sum(call.done() for call in calls) >= 4)
        refused = [call for call in calls if call.done()]
        for call in refused:
            assert call.code() is grpc.StatusCode.UNAVAILABLE
            assert "already wait" in call.details()
            assert int(dict(call.trailing_metadata())["grpc-retry-pushback-ms"]) >= 1000
        os.kill(service.worker("linear"), signal.SIGCONT)
        for call in calls:
            if call not in refused:
                assert call.result(10).model_name == "linear"


def test_a_deadline_of_the_service_is_told(files: Path) -> None:
    with held(files, AIRWORTHY_SERVE_DEADLINE="0.3") as (_, _, stub), pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request_of(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "no answer within" in str(caught.value.details())


def test_a_drain_answers_who_is_inside(files: Path) -> None:
    with held(files) as (service, where, stub):
        calls = [stub.ModelInfer.future(request_of()) for _ in range(4)]
        until(lambda: inside(service) == 4)
        with grpc.insecure_channel(where) as channel:
            watching = iter(
                channel.unary_stream(
                    "/grpc.health.v1.Health/Watch",
                    request_serializer=HEALTH["grpc.health.v1.HealthCheckRequest"].SerializeToString,
                    response_deserializer=HEALTH["grpc.health.v1.HealthCheckResponse"].FromString,
                )(HEALTH["grpc.health.v1.HealthCheckRequest"](), timeout=20)
            )
            assert next(watching).status == 1
            service.process.send_signal(signal.SIGTERM)
            assert next(watching).status == 2, "a watcher is told before the connection goes"
            with pytest.raises(grpc.RpcError) as caught:
                stub.ModelInfer(request_of(), timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            worker = next(int(pid) for pid in _children(service.process.pid))
            os.kill(worker, signal.SIGCONT)
            for call in calls:
                assert call.result(10).model_name == "linear"
        assert service.process.wait(15) == 0


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


# --- the start --------------------------------------------------------------------------------------------------------


def test_it_is_off_by_default_and_costs_nothing(service: Running) -> None:
    assert "grpc" not in "".join(service.log)
    maps = Path(f"/proc/{service.process.pid}/maps").read_text()
    assert "cygrpc" not in maps


def test_a_port_in_use_ends_the_start(files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        env = {"AIRWORTHY_SERVE_GRPC_PORT": port}
        with running("serve", files / "linear.onnx", env=env, wait=False) as service:
            assert service.process.wait(20) != 0
            printed = service.rest()
    assert f"cannot listen on 127.0.0.1:{port}" in printed
    assert "Traceback" not in printed


def test_calls_are_counted(files: Path) -> None:
    with grpc_running(files / "linear.onnx") as (service, where):
        client = triton.InferenceServerClient(where)
        client.infer("linear", linear_input())
        with pytest.raises(InferenceServerException):
            client.get_model_metadata("nobody")
        client.close()
        page = httpx.get(f"{service.url}/metrics").text
        assert 'airworthy_grpc_requests_total{code="OK",method="ModelInfer"} 1.0' in page
        assert 'airworthy_grpc_requests_total{code="NOT_FOUND",method="ModelMetadata"} 1.0' in page
        assert httpx.post(f"{service.url}/v2/models/linear/infer", content=infer_body("x", "FP32", [[1, 2]])).is_success


def test_a_library_that_is_missing_is_named(files: Path, tmp_path: Path) -> None:
    (tmp_path / "grpc.py").write_text("raise ImportError('not here')\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {"AIRWORTHY_SERVE_GRPC_PORT": "0", "PYTHONPATH": path}
    with running("serve", files / "linear.onnx", env=env, wait=False) as service:
        assert service.process.wait(20) == 2
        printed = service.rest()
    assert "pip install 'airworthy[grpc]'" in printed
    assert "Traceback" not in printed
