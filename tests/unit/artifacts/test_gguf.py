"""GGUF: what metadata tells, each tensor against its file, split models, and every type's block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_files
from airworthy.artifacts.encodings.datatypes import GGML
from airworthy.artifacts.formats.gguf import FORMAT, stored
from airworthy.artifacts.identify import inspect
from airworthy.core.keys import MODEL_CODE, MODEL_DEFECTS, MODEL_FORMAT_VERSIONS

ROW = np.arange(32, dtype=np.float32).tobytes()


def kinds(path: Path) -> list[tuple[str, str]]:
    return [(each.member, each.kind) for each in inspect(path).facts.value(MODEL_DEFECTS)]


def test_what_metadata_tells(tmp_path: Path) -> None:
    metadata = {
        "general.architecture": "qwen2",
        "general.license": "apache-2.0",
        "general.file_type": 2,
        "qwen2.context_length": 32768,
        "qwen2.rope.freq_base": 1000000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"t{n}" for n in range(40)],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    }
    found = inspect(model_files.gguf(tmp_path / "m.gguf", metadata))
    model = found.model
    assert (model.architecture, model.max_length, model.license, model.tokenizer) == (
        "qwen2",
        32768,
        "apache-2.0",
        "gpt2",
    )
    assert (model.quantization, model.tensors, model.parameters) == ("Q4_0", 2, 192)
    assert model.datatypes == {"Q4_0": 72, "FP32": 256}
    assert model.chat_template.startswith("{% for")
    assert model.metadata["qwen2.rope.freq_base"] == "1e+06"
    assert model.metadata["tokenizer.ggml.tokens"] == "40 values"
    assert found.facts.value(MODEL_CODE) == ()
    (version,) = found.facts.value(MODEL_FORMAT_VERSIONS)
    assert (version.kind, version.version) == ("gguf", 3)


def test_a_hostile_template_is_told(tmp_path: Path) -> None:
    template = "{{ cycler.__init__.__globals__.os.popen('id').read() }}"
    found = inspect(model_files.gguf(tmp_path / "m.gguf", {"tokenizer.chat_template": template}))
    assert {each.kind for each in found.facts.value(MODEL_CODE)} == {"chat-template"}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_version_and_byte_order_is_read(tmp_path: Path, version: int, order: str) -> None:
    found = inspect(model_files.gguf(tmp_path / "m.gguf", version=version, order=order))
    assert found.facts.value(MODEL_DEFECTS) == ()
    assert found.model.max_length == 4096


def test_the_blocks_are_those_of_ggml() -> None:
    from gguf.constants import GGML_QUANT_SIZES

    known = {int(kind): (kind.name, *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert {number: tuple(GGML[number]) for number in known} == known


@pytest.mark.parametrize("kind", GGML)
def test_every_type_is_measured(tmp_path: Path, kind: int) -> None:
    block = GGML[kind]
    tensors = {"w": ((3, block.elements), kind, bytes(3 * block.size))}
    path = model_files.gguf(tmp_path / "m.gguf", None, tensors)
    assert kinds(path) == []
    (place,) = stored(path)
    assert (place.size, place.shape) == (3 * block.size, (3, block.elements))
    path.write_bytes(path.read_bytes()[:-1])
    assert kinds(path) == [("m.gguf", "truncated")]


@pytest.mark.parametrize(
    ("tensors", "kind"),
    [
        ({"w": ((2, 33), 2, bytes(36))}, "header"),
        ({"w": ((32,), 4, ROW)}, "header"),
        ({"w": ((32,), 999, ROW)}, "header"),
        ({"w": ((64,), 0, ROW)}, "truncated"),
        ({"w": ((1 << 40, 1 << 40), 0, ROW)}, "truncated"),
        ({"w": ((16,), 0, ROW), "v": ((32,), 0, ROW)}, "bounds"),
        ({"w": ((48,), 0, ROW), "v": ((32,), 0, ROW)}, "overlap"),
        ({"w": ((1, 1, 1, 1, 32), 0, ROW)}, "header"),
    ],
)
def test_tensors_are_held_against_the_file(tmp_path: Path, tensors: dict[str, object], kind: str) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", None, tensors)  # type: ignore[arg-type]
    assert kinds(path)[0] == ("m.gguf", kind)


def test_an_alignment_of_its_own(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", {"general.alignment": 64}, alignment=64)
    assert kinds(path) == []
    path = model_files.gguf(tmp_path / "m.gguf", {"general.alignment": 33}, alignment=64)
    assert kinds(path) == [("m.gguf", "header")]


def test_bytes_after_the_tensors_are_told(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(31))
    assert kinds(path) == []
    path.write_bytes(whole + bytes(64))
    assert kinds(path) == [("m.gguf", "padded")]


def test_a_split_model_is_one(tmp_path: Path) -> None:
    first = model_files.gguf_split(tmp_path / "m")
    second = first.with_name("tiny-00002-of-00002.gguf")
    for path in (first, second, first.parent):
        found = inspect(path)
        assert found.facts.value(MODEL_DEFECTS) == ()
        assert (found.model.tensors, found.model.parameters, found.model.max_length) == (2, 64, 99)
        assert found.model.entry == str(first)
    assert [place.name for place in stored(first)] == ["t0", "t1"]
    second.unlink()
    assert kinds(first) == [(second.name, "missing")]
    assert kinds(first.parent) == [(second.name, "missing")]


def test_a_list_bomb_is_not_built(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", {"a": ["x"]})
    whole = path.read_bytes()
    at = whole.index(b"\x08\0\0\0\x01\0\0\0\0\0\0\0")
    path.write_bytes(whole[: at + 4] + b"\xff" * 7 + b"\x7f" + whole[at + 12 :])
    assert kinds(path) == [("m.gguf", "truncated")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(4, 500), data=st.binary(max_size=12), drop=st.integers(0, 12))
def test_spliced_files_never_break_it(tmp_path: Path, at: int, data: bytes, drop: int) -> None:
    path = model_files.gguf(tmp_path / "m.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + data + whole[at + drop :])
    FORMAT.inspect(path)
    list(stored(path))
