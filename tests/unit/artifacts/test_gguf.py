"""GGUF: what metadata tells, each tensor against its file, split models, and every type's block."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_files
import reader_differences
from airworthy.artifacts.encodings.datatypes import GGML, GGML_REMOVED
from airworthy.artifacts.formats.gguf import FORMAT, MOST_STRING, stored
from airworthy.artifacts.identify import inspect
from airworthy.core.finding import Severity
from airworthy.core.keys import MODEL_CODE, MODEL_DEFECTS, MODEL_FORMAT_VERSIONS
from airworthy.flows.inspect import inspect as report_of

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
    refused = [("m.gguf", "header")] if kind in GGML_REMOVED else []
    assert kinds(path) == refused
    (place,) = stored(path)
    assert (place.size, place.shape) == (3 * block.size, (3, block.elements))
    path.write_bytes(path.read_bytes()[:-1])
    assert kinds(path) == [*refused, ("m.gguf", "truncated")]


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


@pytest.mark.parametrize(
    ("metadata", "tensors"),
    [
        ({"": 1}, None),
        ({"a\0b": 1}, None),
        ({"a": [[1], [2]]}, None),
        ({"general.alignment": 48}, None),
        ({"general.alignment": "32"}, None),
        ({}, {"n" * 64: ((32,), 0, ROW)}),
        ({}, {"a\0b": ((32,), 0, ROW)}),
    ],
)
def test_what_llama_cpp_refuses_is_an_error(
    tmp_path: Path, metadata: dict[str, object], tensors: dict[str, tuple[tuple[int, ...], int, bytes]] | None
) -> None:
    assert [kind for _, kind in kinds(model_files.gguf(tmp_path / "m.gguf", metadata, tensors))] == ["header"]


def test_a_name_of_63_bytes_is_whole(tmp_path: Path) -> None:
    assert kinds(model_files.gguf(tmp_path / "m.gguf", {}, {"n" * 63: ((32,), 0, ROW)})) == []


@pytest.mark.parametrize("text", ["general.architecture", "token_embd.weight"])
def test_names_that_are_not_utf8_are_an_error(tmp_path: Path, text: str) -> None:
    path = model_files.gguf(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes().replace(text.encode(), b"\xff" + text.encode()[1:]))
    assert kinds(path) == [("m.gguf", "header")]


def test_tensors_lie_in_the_order_of_their_entries(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", {}, {"a": ((32,), 0, ROW), "b": ((32,), 0, ROW)})
    content = bytearray(path.read_bytes())
    at = content.index(b"\x01\0\0\0\0\0\0\0b")  # name, rank, one size, type: then the offset
    first, second = at - 8, at + 9 + 4 + 8 + 4
    content[first : first + 8], content[second : second + 8] = content[second : second + 8], content[first : first + 8]
    path.write_bytes(bytes(content))
    assert [kind for _, kind in kinds(path)] == ["bounds", "overlap"]


def test_version_1_is_read_and_refused(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", version=1)
    (finding,) = report_of(path).findings
    assert (finding.cause, finding.severity) == ("format-version-unsupported", Severity.ERROR)
    assert "llama.cpp" in finding.message


def test_a_long_text_is_stepped_over(tmp_path: Path) -> None:
    path = model_files.gguf(tmp_path / "m.gguf", {"a.text": "x" * (MOST_STRING + 1), "general.name": "it"})
    found = inspect(path)
    assert found.facts.value(MODEL_DEFECTS) == ()
    assert found.model.metadata == {"a.text": f"{MOST_STRING + 1} bytes", "general.name": "it"}


def test_readers_and_we_refuse_the_same_files(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    files = list(itertools.islice(reader_differences.gguf_files(random.Random(2026), tmp_path), 150))
    assert reader_differences.compare_gguf(files) == []


@pytest.mark.slow
def test_many_files_are_refused_by_all_or_none(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    files = list(itertools.islice(reader_differences.gguf_files(random.Random(14), tmp_path), 20_000))
    assert reader_differences.compare_gguf(files) == []


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
