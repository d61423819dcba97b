"""What clients send to the gateway, in any shape: it is read, or refused in one sentence."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.errors import AirworthyError
from airworthy.core.model import DATATYPES, TensorSpec
from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.access.admin_key import AdminKey
from airworthy.serve.access.authenticate import Authenticator
from airworthy.serve.access.authorise import authorise
from airworthy.serve.access.principal import Credentials, Role
from airworthy.serve.http import compression
from airworthy.serve.protocols.open_inference.grpc_tensors import CONTENTS, read_inputs, write_outputs
from airworthy.serve.protocols.open_inference.proto import messages
from airworthy.serve.protocols.open_inference.rest import _read_request, raw_tensor
from airworthy.serve.tensors import check_size, unpack
from serve_settings import serve_settings

KEY = "a-key-of-more-than-sixteen-characters"


@given(st.binary(max_size=200), st.sampled_from(list(compression.ENCODINGS)), st.integers(0, 100))
def test_any_compressed_body_is_unpacked_or_refused(body: bytes, coding: bytes, limit: int) -> None:
    try:
        content = asyncio.run(compression.unpack(body, coding, limit))
    except (errors.InvalidRequest, errors.BodyTooLarge):
        return
    assert len(content) <= limit


@given(st.binary(max_size=2000), st.sampled_from(list(compression.ENCODINGS)))
def test_what_is_packed_is_unpacked(content: bytes, coding: bytes) -> None:
    packed = asyncio.run(compression.pack(content, coding))
    assert asyncio.run(compression.unpack(packed, coding, len(content))) == content
    assert (gzip.decompress(packed) if coding == b"gzip" else zlib.decompress(packed)) == content


@given(st.binary(max_size=60) | st.text("gzipdeflate;q=0.15, *", max_size=40).map(str.encode))
def test_any_accepted_coding_is_ours_or_none(accept: bytes) -> None:
    assert compression.wanted(accept) in (None, b"gzip", b"deflate")


INPUT = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}
odd = st.sampled_from(
    [None, True, -1, 0, 1.5, 2**63, 1e300, "", "x", "BYTES", "INT64", "FP32", [], [2], [[1], [2]], {}]
)


def _damaged(request: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A request of which any entries are missing or hold something else."""
    return st.fixed_dictionaries({}, optional={key: st.just(value) | odd for key, value in request.items()})


def _check_read(body: bytes, header: int | None) -> bool:
    """Read a request; whether it was taken, and then its data is as large as its shape says."""
    try:
        _, tensors = _read_request(body, header)
    except AirworthyError:
        return False
    for tensor in tensors:
        check_size(tensor.meta)
        assert len(unpack(tensor.meta.datatype, tensor.data)) == math.prod(tensor.meta.shape)
    return True


@given(
    st.lists(_damaged({**INPUT, "parameters": {"binary_data_size": 8}}) | st.just(INPUT), max_size=3),
    st.binary(max_size=16),
    st.booleans(),
)
def test_any_document_is_a_request_or_refused(inputs: list[dict[str, Any]], binary: bytes, has_header: bool) -> None:
    text = json.dumps({"inputs": inputs}).encode()
    is_read = _check_read(text + binary, len(text)) if has_header else _check_read(text, None)
    if all(each == INPUT for each in inputs):
        assert is_read == (not has_header or not binary), "nothing is wrong with it"


@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 3), st.binary(max_size=3)), max_size=3))
def test_any_bytes_are_a_request_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    body = json.dumps({"inputs": [INPUT]}).encode()
    for place, gone, new in changes:
        body = body[:place] + new + body[place + gone :]
    is_read = _check_read(body, None)
    assert is_read or changes


shapes = st.lists(st.integers(-1, 4), max_size=4).map(tuple)


@given(st.binary(max_size=64), st.sampled_from(DATATYPES), shapes)
def test_a_raw_body_fits_its_tensor_or_is_refused(body: bytes, datatype: str, shape: tuple[int, ...]) -> None:
    try:
        tensor = raw_tensor((TensorSpec("x", datatype, shape),), body)
        check_size(tensor.meta)
    except AirworthyError:
        return
    assert len(tensor.meta.shape) == len(shape)
    rows = math.prod(tensor.meta.shape)
    if datatype == "BYTES":
        assert (rows, tensor.data) == (1, struct.pack("<I", len(body)) + body)
    else:
        assert len(unpack(datatype, tensor.data)) == rows


@given(st.binary(max_size=300))
def test_any_message_is_a_request_or_refused(data: bytes) -> None:
    from google.protobuf.message import DecodeError

    try:
        request = messages()["inference.ModelInferRequest"].FromString(data)
        read_inputs(request)
    except (DecodeError, AirworthyError):
        return


@given(st.sampled_from(sorted(CONTENTS)), st.lists(st.integers(0, 1), max_size=6), st.integers(0, 6))
def test_typed_contents_survive_the_way_through(datatype: str, values: list[int], count: int) -> None:
    request = messages()["inference.ModelInferRequest"]()
    entry = request.inputs.add(name="x", datatype=datatype, shape=[count])
    given_values = [b"%d" % value for value in values] if datatype == "BYTES" else values
    getattr(entry.contents, CONTENTS[datatype]).extend(given_values)
    try:
        (tensor,) = read_inputs(request)
    except AirworthyError:
        assert len(values) != count
        return
    response = messages()["inference.ModelInferResponse"]()
    write_outputs(response, [tensor], raw=False)
    assert list(getattr(response.outputs[0].contents, CONTENTS[datatype])) == given_values


def _enter(settings: ServeSettings, authorization: bytes | str | None, role: Role) -> None:
    key = AdminKey(settings)
    authorise(Authenticator(settings, key).authenticate(Credentials(authorization=authorization), role), role, key)


@given(st.none() | st.binary(max_size=80) | st.text(max_size=80))
def test_no_other_header_is_the_key(header: bytes | str | None) -> None:
    with pytest.raises(errors.Unauthorized):
        _enter(serve_settings(admin={"enabled": True, "key": KEY}), header, Role.ADMIN)


def test_the_key_is_the_key() -> None:
    settings = serve_settings(admin={"enabled": True, "key": f"{KEY}\n"})
    for header in (f"Bearer {KEY}", f"bearer  {KEY}".encode()):
        _enter(settings, header, Role.ADMIN)
    assert KEY not in repr(vars(AdminKey(settings))), "what is kept is its digest"
    with pytest.raises(errors.AdminOff):
        _enter(ServeSettings(), f"Bearer {KEY}", Role.ADMIN)


@pytest.mark.parametrize("header", [None, "", "Bearer", f"Basic {KEY}", f"Bearer {KEY}x", b"\xff\x00"])
def test_what_every_caller_may_needs_no_key(header: bytes | str | None) -> None:
    for role in (Role.PUBLIC, Role.USER, Role.DEVELOPER):
        _enter(serve_settings(admin={"enabled": True, "key": KEY}), header, role)
