"""What the Open Inference Protocol knows beyond inference: statistics, the repository, raw bodies, compression."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from models import LINEAR_BIAS, LINEAR_WEIGHT
from server.running import Running, infer_body, running

KEY = "a-key-of-more-than-sixteen-characters"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
ROW = infer_body("x", "FP32", [[1, 2]])


@pytest.fixture
def client(service: Running) -> Iterator[Any]:
    made = triton.InferenceServerClient(service.url.removeprefix("http://"))
    yield made
    made.close()


def simple_inputs(binary: bool = True) -> list[Any]:
    first, second = np.arange(16, dtype=np.int32).reshape(1, 16), np.ones((1, 16), np.int32)
    inputs = [triton.InferInput(f"INPUT{n}", [1, 16], "INT32") for n in range(2)]
    for given, values in zip(inputs, (first, second), strict=True):
        given.set_data_from_numpy(values, binary_data=binary)
    return inputs


# --- statistics -------------------------------------------------------------------------------------------------------


def test_the_official_client_reads_statistics(client: Any) -> None:
    def read() -> dict[str, Any]:
        (entry,) = client.get_inference_statistics(model_name="linear")["model_stats"]
        return entry

    before = read()
    assert (before["name"], before["version"]) == ("linear", "1")
    given = triton.InferInput("x", [3, 2], "FP32")
    given.set_data_from_numpy(np.ones((3, 2), np.float32))
    client.infer("linear", [given])
    after = read()
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    for name in ("success", "queue", "compute_infer"):
        old, new = before["inference_stats"][name], after["inference_stats"][name]
        assert new["count"] == old["count"] + 1
        assert new["ns"] >= old["ns"]
    assert after["inference_stats"]["compute_infer"]["ns"] > before["inference_stats"]["compute_infer"]["ns"]
    assert after["last_inference"] >= before["last_inference"] > -1
    (three,) = [each for each in after["batch_stats"] if each["batch_size"] == 3]
    assert three["compute_infer"]["count"] >= 1


def test_a_model_that_cannot_be_batched_counts_one_row_a_request(client: Any) -> None:
    before = client.get_inference_statistics("simple")["model_stats"][0]["inference_count"]
    client.infer("simple", simple_inputs())
    assert client.get_inference_statistics("simple")["model_stats"][0]["inference_count"] == before + 1


def test_all_models_and_unknown_ones(client: Any) -> None:
    everyone = client.get_inference_statistics()["model_stats"]
    assert {"linear", "simple", "words"} <= {entry["name"] for entry in everyone}
    assert len(client.get_inference_statistics("simple", model_version="1")["model_stats"]) == 1
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        client.get_inference_statistics("nobody")


def test_extensions_are_named(client: Any) -> None:
    extensions = client.get_server_metadata()["extensions"]
    assert set(extensions) == {"binary_tensor_data", "statistics", "model_repository", "model_configuration"}


# --- element types ----------------------------------------------------------------------------------------------------


def test_halves_come_back_as_they_went_in(client: Any) -> None:
    values = np.array([[1.5, -2.25], [65504, 6.1e-5]], np.float16)
    for binary in (True, False):
        given = triton.InferInput("x", [2, 2], "FP16")
        if binary:
            given.set_data_from_numpy(values)
        else:
            given._data = values.ravel().tolist()  # the client itself has no JSON for it
        wanted = triton.InferRequestedOutput("same", binary_data=binary)
        answer = client.infer("half", [given], outputs=[wanted])
        np.testing.assert_array_equal(answer.as_numpy("same"), values)


def test_bfloat16_goes_through_in_binary_and_in_json(service: Running, client: Any) -> None:
    values = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    given = triton.InferInput("x", [1, 2], "BF16")
    given.set_data_from_numpy(values)
    answer = client.infer("brain", [given], outputs=[triton.InferRequestedOutput("same")])
    np.testing.assert_array_equal(answer.as_numpy("same"), values)
    body = infer_body("x", "BF16", [[1.00390625, 3.0e38]])  # 1 + 2**-8 lies half way and goes to the even 1
    (output,) = httpx.post(f"{service.url}/v2/models/brain/infer", content=body).json()["outputs"]
    np.testing.assert_allclose(output["data"], [1.0, 3.0e38], rtol=2**-8)
    assert output["data"][0] == 1.0


# --- raw bodies -------------------------------------------------------------------------------------------------------


def raw(service: Running, model: str, data: bytes) -> httpx.Response:
    headers = {"inference-header-content-length": "0", "content-type": "application/octet-stream"}
    return httpx.post(f"{service.url}/v2/models/{model}/infer", content=data, headers=headers)


def test_a_raw_body_is_the_only_input(service: Running) -> None:
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    answer = raw(service, "linear", rows.tobytes())
    length = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["shape"] == [3, 3]
    np.testing.assert_allclose(
        np.frombuffer(answer.content[length:], np.float32).reshape(3, 3), rows @ LINEAR_WEIGHT + LINEAR_BIAS
    )


def test_a_raw_text_is_one_element(service: Running) -> None:
    answer = raw(service, "strings", "适航".encode())
    length = int(answer.headers["inference-header-content-length"])
    assert answer.content[length:] == len("适航".encode()).to_bytes(4, "little") + "适航".encode()


@pytest.mark.parametrize(
    ("model", "data", "part"),
    [
        ("simple", b"\0" * 128, "one input, and this one has 2"),
        ("linear", b"\0" * 9, "bytes"),
        ("linear", b"", "[0, 2]"),
        ("half", b"\xff" * 4, "NaN"),
    ],
)
def test_raw_bodies_that_do_not_fit(service: Running, model: str, data: bytes, part: str) -> None:
    answer = raw(service, model, data)
    assert (answer.status_code, part in answer.json()["error"]) == (400, True), answer.text


# --- what is passed over ----------------------------------------------------------------------------------------------


def test_unknown_parameters_queries_and_fields_are_passed_over(service: Running) -> None:
    body = json.loads(ROW)
    body["parameters"] = {"priority": 3, "my_own": [1, {"a": None}]}
    body["inputs"][0]["parameters"] = {"also": True}
    body["outputs"] = [{"name": "y", "parameters": {"classification": "3"}, "extra": 1}]
    body["unknown"] = {"x": 1}
    answer = httpx.post(f"{service.url}/v2/models/linear/infer?a=1&a=2&%00=%ff", json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("every", [True, False])
def test_an_output_overrides_binary_for_all(service: Running, every: bool) -> None:
    body = json.loads(ROW)
    body["parameters"] = {"binary_data_output": every}
    body["outputs"] = [{"name": "y", "parameters": {"binary_data": not every}}]
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", json=body)
    assert ("inference-header-content-length" in answer.headers) is not every


# --- compression ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_the_official_client_compresses(client: Any, algorithm: str) -> None:
    answer = client.infer(
        "simple",
        simple_inputs(),
        outputs=[triton.InferRequestedOutput("OUTPUT0"), triton.InferRequestedOutput("OUTPUT1", binary_data=False)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), np.arange(16).reshape(1, 16) + 1)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), np.arange(16).reshape(1, 16) - 1)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("rows", [3000, 30_000])
def test_a_large_answer_comes_compressed_where_that_is_asked_for(client: Any, algorithm: str, rows: int) -> None:
    values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    given = triton.InferInput("x", [rows, 2], "FP32")
    given.set_data_from_numpy(values)
    outputs = [triton.InferRequestedOutput("y")]
    answer = client.infer("linear", [given], outputs=outputs, response_compression_algorithm=algorithm)
    np.testing.assert_allclose(answer.as_numpy("y"), values @ LINEAR_WEIGHT + LINEAR_BIAS, rtol=1e-6)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("br, deflate;q=0.5, gzip;q=0.1", "deflate"),
        ("identity", None),
        ("gzip;q=0", None),
        ("", None),
    ],
)
def test_which_coding_is_chosen(service: Running, accept: str, coding: str | None) -> None:
    body = infer_body("x", "FP32", [[1, 2]] * 3000)
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=body, headers={"accept-encoding": accept})
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    assert len(answer.json()["outputs"][0]["data"]) == 9000
    small = httpx.post(f"{service.url}/v2/models/linear/infer", content=ROW, headers={"accept-encoding": accept})
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("coding", "content", "status", "part"),
    [
        ("gzip", gzip.compress(b" " * (40 << 20), mtime=0), 413, "larger than 32"),
        ("deflate", zlib.compress(b" " * (40 << 20)), 413, "larger than 32"),
        ("gzip", gzip.compress(ROW, mtime=0)[:-9], 400, "too early"),
        ("gzip", gzip.compress(ROW, mtime=0) + gzip.compress(b"", mtime=0), 400, "left over"),
        ("gzip", ROW, 400, "cannot be unpacked"),
        ("deflate", gzip.compress(ROW, mtime=0), 400, "cannot be unpacked"),
        ("br", ROW, 415, "'br'"),
        ("gzip, gzip", gzip.compress(gzip.compress(ROW, mtime=0), mtime=0), 415, "send it as gzip, deflate"),
    ],
)
def test_compressed_bodies_that_are_refused(
    service: Running, coding: str, content: bytes, status: int, part: str
) -> None:
    headers = {"content-encoding": coding}
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=content, headers=headers)
    assert (answer.status_code, part in answer.json()["error"]) == (status, True), answer.text
    assert httpx.get(f"{service.url}/health/ready").status_code == 200


def test_openais_interface_takes_compressed_bodies_too(service: Running) -> None:
    body = gzip.compress(json.dumps({"model": "words", "input": "w1"}).encode())
    answer = httpx.post(f"{service.url}/v1/embeddings", content=body, headers={"content-encoding": "gzip"})
    assert answer.status_code == 200, answer.text


# --- the asyncio client -----------------------------------------------------------------------------------------------


def test_the_official_asyncio_client(service: Running) -> None:
    async def main() -> None:
        client = triton_aio.InferenceServerClient(service.url.removeprefix("http://"))
        try:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("simple")
            answers = await asyncio.gather(*(client.infer("simple", simple_inputs()) for _ in range(8)))
            for answer in answers:
                np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), np.arange(16).reshape(1, 16) + 1)
            assert len((await client.get_inference_statistics("simple"))["model_stats"]) == 1
            with pytest.raises(InferenceServerException, match="Request for unknown model"):
                await client.infer("wrong_model_name", simple_inputs())
        finally:
            await client.close()

    asyncio.run(main())


# --- the repository ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def managed(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that is told its admin key by a file."""
    key = tmp_path_factory.mktemp("key") / "admin.key"
    key.write_text(f"{KEY}\n")
    env = {"AIRWORTHY_SERVE_ADMIN_ENABLED": "true", "AIRWORTHY_SERVE_ADMIN_KEY_FILE": str(key)}
    with running("serve", files / "linear.onnx", files / "simple.onnx", env=env) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture
def manager(managed: Running) -> Iterator[Any]:
    made = triton.InferenceServerClient(managed.url.removeprefix("http://"))
    yield made
    made.close()


def states(client: Any) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in client.get_model_repository_index()}


def test_the_official_client_unloads_and_loads(managed: Running, manager: Any) -> None:
    assert states(manager) == {"linear": "READY", "simple": "READY"}
    old = managed.worker("simple")
    manager.unload_model("simple", headers=AUTHORIZED)
    assert states(manager) == {"linear": "READY", "simple": "UNAVAILABLE"}
    assert not manager.is_model_ready("simple")
    assert manager.is_server_ready(), "the service is ready without what was unloaded on purpose"
    with pytest.raises(InferenceServerException, match="'simple' is not ready: unloaded"):
        manager.infer("simple", simple_inputs())
    ready = httpx.post(f"{managed.url}/v2/repository/index", json={"ready": True}).json()
    assert [entry["name"] for entry in ready] == ["linear"]
    manager.unload_model("simple", headers=AUTHORIZED)
    manager.load_model("simple", headers=AUTHORIZED)
    assert states(manager) == {"linear": "READY", "simple": "READY"}
    assert managed.worker("simple") != old
    manager.infer("simple", simple_inputs())


def test_a_reload_loses_no_request(managed: Running, manager: Any) -> None:
    async def main() -> tuple[set[int], int]:
        limits = httpx.Limits(max_connections=8)
        async with httpx.AsyncClient(limits=limits, timeout=20) as client:
            done = asyncio.Event()

            async def ask() -> list[int]:
                found = []
                while not done.is_set():
                    answer = await client.post(f"{managed.url}/v2/models/linear/infer", content=ROW)
                    found.append(answer.status_code)
                return found

            asking = [asyncio.create_task(ask()) for _ in range(8)]
            await asyncio.sleep(0.2)
            path = f"{managed.url}/v2/repository/models/linear/load"
            loaded = await client.post(path, headers=AUTHORIZED)
            await asyncio.sleep(0.2)
            done.set()
            answers = [status for each in await asyncio.gather(*asking) for status in each]
            return set(answers), loaded.status_code

    old = managed.worker("linear")
    assert asyncio.run(main()) == ({200}, 200)
    assert managed.worker("linear") != old


def test_who_has_no_key_changes_nothing(managed: Running) -> None:
    path = f"{managed.url}/v2/repository/models/simple/unload"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"Authorization": f"Basic {KEY}"}):
        answer = httpx.post(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "Authorization: Bearer KEY" in answer.json()["error"]
    assert KEY not in managed.log
    assert httpx.get(f"{managed.url}/v2/models/simple/ready").status_code == 200


def test_a_load_takes_the_model_as_it_is(managed: Running) -> None:
    path = f"{managed.url}/v2/repository/models/simple/load"
    answer = httpx.post(path, headers=AUTHORIZED, json={"parameters": {"config": "{}", "file:1/model.py": "eA=="}})
    assert (answer.status_code, "no parameter 'config'" in answer.json()["error"]) == (400, True)
    answer = httpx.post(f"{managed.url}/v2/repository/models/nobody/load", headers=AUTHORIZED)
    assert (answer.status_code, answer.json()["error"][:25]) == (404, "Request for unknown model")


def test_a_model_that_no_longer_loads_goes_on_serving(files: Path, tmp_path: Path) -> None:
    path = tmp_path / "linear.onnx"
    good = (files / "linear.onnx").read_bytes()
    path.write_bytes(good)
    env = {"AIRWORTHY_SERVE_ADMIN_ENABLED": "true", "AIRWORTHY_SERVE_ADMIN_KEY": KEY}
    with running("serve", path, env=env) as service:
        load, infer = (f"{service.url}/v2/{rest}" for rest in ("repository/models/linear/load", "models/linear/infer"))
        path.write_bytes(good[: len(good) // 2])
        answer = httpx.post(load, headers=AUTHORIZED, timeout=20)
        assert answer.status_code == 500, answer.text
        assert "linear.onnx" in answer.json()["error"]
        assert httpx.post(infer, content=ROW).status_code == 200
        path.write_bytes(good)
        assert httpx.post(load, headers=AUTHORIZED, timeout=20).status_code == 200
        assert httpx.post(infer, content=ROW).status_code == 200
        assert service.stop() == 0


def test_the_repository_is_read_only_by_default(service: Running) -> None:
    names = {entry["name"] for entry in httpx.post(f"{service.url}/v2/repository/index").json()}
    assert {"linear", "words"} <= names
    for verb in ("load", "unload"):
        answer = httpx.post(f"{service.url}/v2/repository/models/linear/{verb}", headers=AUTHORIZED)
        assert (answer.status_code, "serve.admin.enabled = true" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize(
    ("env", "part"),
    [
        ({}, "there is no admin key"),
        ({"AIRWORTHY_SERVE_ADMIN_KEY": "short"}, "16 to 4096"),
        ({"AIRWORTHY_SERVE_ADMIN_KEY": "two words of some length"}, "openssl rand"),
        ({"AIRWORTHY_SERVE_ADMIN_KEY_FILE": "/nowhere/key"}, "cannot be read"),
        ({"AIRWORTHY_SERVE_ADMIN_KEY_FILE": "/dev/null", "AIRWORTHY_SERVE_ADMIN_KEY": KEY}, "both set"),
    ],
)
def test_an_admin_key_that_can_not_be_used_ends_the_start(files: Path, env: dict[str, str], part: str) -> None:
    with running(
        "serve", files / "linear.onnx", env={"AIRWORTHY_SERVE_ADMIN_ENABLED": "true", **env}, wait=False
    ) as service:
        assert service.process.wait(20) == 2
        printed = service.rest()
    assert part in printed, printed
    assert "Traceback" not in printed
