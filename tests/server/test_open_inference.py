"""The Open Inference Protocol: its official client, its binary extension, and what is wrong."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from models import LINEAR_BIAS, LINEAR_WEIGHT
from server.running import Running, infer_body

ROWS = [[1.0, 2.0], [3.0, -4.0]]


def linear(rows: Any) -> np.ndarray:
    return np.asarray(rows, np.float32) @ LINEAR_WEIGHT + LINEAR_BIAS


@pytest.fixture
def client(service: Running) -> Any:
    made = triton.InferenceServerClient(service.url.removeprefix("http://"))
    yield made
    made.close()


def test_the_official_client_finds_its_way(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("linear")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "airworthy"
    metadata = client.get_model_metadata("linear", model_version="1")
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert metadata["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_the_official_client_gets_its_answer(client: Any, binary_in: bool, binary_out: bool) -> None:
    given = triton.InferInput("x", [2, 2], "FP32")
    given.set_data_from_numpy(np.array(ROWS, np.float32), binary_data=binary_in)
    wanted = triton.InferRequestedOutput("y", binary_data=binary_out)
    answer = client.infer("linear", [given], outputs=[wanted], request_id="seven")
    np.testing.assert_allclose(answer.as_numpy("y"), linear(ROWS), rtol=1e-6)
    assert answer.get_response()["id"] == "seven"


def test_the_official_simple_example(client: Any) -> None:
    first, second = np.arange(16, dtype=np.int32).reshape(1, 16), np.ones((1, 16), np.int32)
    inputs = [triton.InferInput(f"INPUT{n}", [1, 16], "INT32") for n in range(2)]
    inputs[0].set_data_from_numpy(first, binary_data=False)
    inputs[1].set_data_from_numpy(second, binary_data=True)
    outputs = [triton.InferRequestedOutput("OUTPUT0"), triton.InferRequestedOutput("OUTPUT1", binary_data=False)]
    answer = client.infer("simple", inputs, outputs=outputs, query_params={"test_1": 1, "test_2": 2})
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), first + second)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), first - second)
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        client.infer("wrong_model_name", inputs)


@pytest.mark.parametrize("binary", [True, False])
def test_strings_go_through(client: Any, binary: bool) -> None:
    texts = np.array([["fit"], ["适航"], [""]], dtype=object)
    given = triton.InferInput("text", [3, 1], "BYTES")
    given.set_data_from_numpy(texts, binary_data=binary)
    answer = client.infer("strings", [given], outputs=[triton.InferRequestedOutput("same", binary_data=binary)])
    got = answer.as_numpy("same")
    assert [item.decode() if isinstance(item, bytes) else item for item in got.ravel()] == ["fit", "适航", ""]


def test_a_text_models_tensors_are_reached_as_well(service: Running) -> None:
    inputs = [
        {"name": "input_ids", "shape": [1, 2], "datatype": "INT64", "data": [[1, 2]]},
        {"name": "attention_mask", "shape": [1, 2], "datatype": "INT64", "data": [[1, 1]]},
    ]
    answer = httpx.post(f"{service.url}/v2/models/words/infer", json={"inputs": inputs})
    assert answer.json()["outputs"][0]["shape"] == [1, 4]


def test_all_outputs_come_in_binary_when_that_is_asked_for(service: Running) -> None:
    body = infer_body("x", "FP32", ROWS, parameters={"binary_data_output": True})
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=body)
    length = int(answer.headers["inference-header-content-length"])
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 24}
    np.testing.assert_allclose(np.frombuffer(answer.content[length:], np.float32).reshape(2, 3), linear(ROWS))


def _input(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], **changes}]}


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, ""),
        (b"{}", "inputs"),
        ({"inputs": []}, "'x': it is missing"),
        (b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[NaN,1]}]}', "JSON has no NaN"),
        (_input(data=[1, "a"]), "not all FP32"),
        (_input(data=[1]), "holds 2 values and 1"),
        (_input(data=[1, 1e39]), "NaN or infinity"),
        (_input(datatype="FP64"), "takes FP32, not FP64"),
        (_input(datatype="FLOAT"), "no datatype FLOAT"),
        (_input(shape=[2, 1]), "takes shape [-1, 2], not [2, 1]"),
        (_input(shape=[2]), "takes shape [-1, 2], not [2]"),
        (_input(shape=[-1, 2]), "is no shape"),
        (_input(shape=[0, 2], data=[]), "not [0, 2]"),
        (_input(shape=[2**40, 2**40]), "values and 2 were given"),
        (_input(name="y"), "no such input; it takes x"),
        ({"inputs": _input()["inputs"] * 2}, "given twice"),
        ({**_input(), "outputs": [{"name": "z"}]}, "no output 'z'; it gives y"),
        ({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32"}]}, "neither data nor binary_data_size"),
        (_input(parameters={"binary_data_size": 8}), "0 bytes are left"),
        (_input(parameters={"binary_data_size": "8"}), "binary_data_size is 8"),
    ],
)
def test_what_is_wrong_is_said_in_the_protocols_shape(service: Running, body: Any, part: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=content)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"error"}
    assert part in answer.json()["error"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_binary_nan_is_refused(service: Running, bad: float) -> None:
    data = np.array([1.0, bad], np.float32).tobytes()
    head = json.dumps(
        {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]}
    ).encode()
    headers = {"inference-header-content-length": str(len(head))}
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=head + data, headers=headers)
    assert (answer.status_code, "NaN or infinity" in answer.text) == (400, True)


@pytest.mark.parametrize("length", ["x", "-1", "999999"])
def test_a_header_length_that_lies_is_told(service: Running, length: str) -> None:
    headers = {"inference-header-content-length": length}
    answer = httpx.post(f"{service.url}/v2/models/linear/infer", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "inference-header-content-length" in answer.json()["error"]


def test_unknown_models_versions_paths_and_methods(service: Running) -> None:
    for path in ("/v2/models/nobody", "/v2/models/nobody/infer", "/v2/models/linear/versions/9"):
        answer = httpx.get(service.url + path)
        assert answer.status_code == 404
        assert answer.json()["error"].startswith("Request for unknown model")
    assert httpx.get(f"{service.url}/v2/models/linear/infer").status_code == 405
    assert httpx.get(f"{service.url}/v3").status_code == 404
    assert httpx.post(f"{service.url}/v2/models/linear/versions/1/infer", json=_input()).status_code == 200


def test_the_request_id_comes_back(service: Running) -> None:
    answer = httpx.get(f"{service.url}/v2", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
