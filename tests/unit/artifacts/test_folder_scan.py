"""Everything in a folder is read: what the model's loader opens is an error, what another one opens a warning."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import pickle
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import hostile
import model_files
import models
from airworthy.artifacts import folder_scan, folders
from airworthy.artifacts.identify import inspect as identify
from airworthy.core.facts import Known, Unknown
from airworthy.core.finding import Finding, Severity
from airworthy.core.keys import MODEL_PICKLE_IMPORTS
from airworthy.core.report import CheckResult, Passed, Report, Skipped
from airworthy.flows.inspect import inspect

CALL = hostile.call("os.system", protocol=b"\x80\x02")
ARCHIVE = hostile.zipped(CALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as safetensors with its configuration."""
    path = tmp_path / "model"
    path.mkdir()
    models.safetensors(path / "model.safetensors")
    put(path, "config.json", {"model_type": "bert", "architectures": ["BertModel"]})
    return path


def put(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def told(report: Report, cause: str = "unsafe-pickle") -> list[Finding]:
    return [each for each in report.findings if each.cause == cause]


def array(value: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([value], dtype=object), allow_pickle=True)
    return file.getvalue()


def legacy(payload: bytes) -> bytes:
    parts = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {})]
    return b"".join(parts) + payload + pickle.dumps([], protocol=2)


class _Printing:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("hostile = 1",)


def _zip(member: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, content)
    return file.getvalue()


BESIDE = {
    "pytorch_model.bin": (ARCHIVE, "transformers with use_safetensors=False"),
    "pytorch_model-00001-of-00002.bin": (ARCHIVE, "transformers with use_safetensors=False"),
    "gptq_model-4bit-128g.bin": (ARCHIVE, "AutoGPTQ with use_safetensors=False"),
    "training_args.bin": (ARCHIVE, "torch.load of the training's arguments"),
    "optimizer.pt": (legacy(CALL), "transformers.Trainer that resumes"),
    "scheduler.pt": (CALL, "transformers.Trainer that resumes"),
    "rng_state.pth": (CALL, "transformers.Trainer that resumes"),
    "rng_state_0.pth": (CALL, "transformers.Trainer that resumes"),
    "global_step10/mp_rank_00_model_states.pt": (ARCHIVE, "DeepSpeed that resumes"),
    "learned_embeds.bin": (CALL, "diffusers' load_textual_inversion"),
    "tokenizer.pkl": (CALL, "pickle.load"),
    "onnx/extra.pkl": (CALL, "pickle.load"),
    "embeddings.npy": (array(_Printing()), "numpy.load with allow_pickle=True"),
    "extra.joblib": (zlib.compress(CALL), "joblib.load"),
    "model.pickle": (CALL, "pickle.load"),
    "data.bin": (CALL, "torch.load with weights_only=False"),
    "vocab.dat": (CALL, "pickle.load"),
    "without_suffix": (hostile.call("os.system"), "pickle.load"),
    "notes.txt": (hostile.call("os.system"), "pickle.load"),
    "packed.gz": (gzip.compress(CALL), "pickle.load"),
    "packed.bz2": (bz2.compress(hostile.call("os.system")), "pickle.load"),
    ".hidden/deep/er/and/deeper/x": (CALL, "pickle.load"),
    "2_Dense/pytorch_model.bin": (ARCHIVE, "transformers with use_safetensors=False"),
    "weights.json": (CALL, "pickle.load"),
    "cache.npz": (_zip("a", array(_Printing())), "numpy.load with allow_pickle=True"),
    "bundle.zip": (_zip("weights", CALL), "pickle.load"),
    "long_text_first.dat": (b"X\x00\x04\x00\x00" + b"x" * 1024 + b"0" + hostile.call("os.system"), "pickle.load"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_pickle_beside_safetensors_is_a_warning_with_its_loader(folder: Path, name: str) -> None:
    content, loader = BESIDE[name]
    put(folder, name, content)
    (finding,) = told(inspect(folder))
    assert (finding.severity, finding.subject) == (Severity.WARNING, name)
    assert f"when {loader} opens it: treat it as an attack; loading the model doesn't open it" in finding.message
    assert finding.params["hostile"] is True


@pytest.mark.parametrize(
    ("name", "files", "loader"),
    [
        (
            "2_Dense/pytorch_model.bin",
            {"modules.json": [{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]},
            "sentence-transformers",
        ),
        (
            "unet/diffusion_pytorch_model.bin",
            {"model_index.json": {"unet": ["diffusers", "UNet2DConditionModel"]}},
            "diffusers",
        ),
        ("adapter_model.bin", {"adapter_config.json": {"peft_type": "LORA"}}, "PEFT"),
        ("vocab.pkl", {"config.json": {"model_type": "transfo-xl"}}, "transformers' tokenizer of Transformer-XL"),
    ],
)
def test_what_loading_the_model_opens_is_an_error(
    folder: Path, name: str, files: dict[str, object], loader: str
) -> None:
    for each, content in files.items():
        put(folder, each, content)
    put(folder, name, ARCHIVE)
    (finding,) = told(inspect(folder))
    assert (finding.severity, finding.params["loader"]) == (Severity.ERROR, loader)
    assert "doesn't open it" not in finding.message


def test_a_module_with_safetensors_of_its_own_does_not_open_the_pickle(folder: Path) -> None:
    put(folder, "modules.json", [{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])
    put(folder, "2_Dense/pytorch_model.bin", ARCHIVE)
    models.safetensors(folder / "2_Dense" / "model.safetensors")
    (finding,) = told(inspect(folder))
    assert finding.severity is Severity.WARNING


def test_a_folder_that_version_control_hides_is_read_where_the_model_names_it(folder: Path) -> None:
    put(folder, ".git/pytorch_model.bin", ARCHIVE)
    assert told(inspect(folder)) == []
    put(folder, "modules.json", [{"path": ".git", "type": "sentence_transformers.models.Dense"}])
    (finding,) = told(inspect(folder))
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("suffix", ["gguf", "onnx"])
def test_a_pickle_beside_other_weights_is_told(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (model_files.gguf if suffix == "gguf" else models.linear)(folder / f"model.{suffix}")
    put(folder, "preprocess.pkl", CALL)
    assert [each.subject for each in told(inspect(folder))] == ["preprocess.pkl"]


def test_harmless_files_pass_and_the_check_is_passed(folder: Path) -> None:
    put(folder, "pytorch_model.bin", models.torch_zip(folder / "x.pt").read_bytes())
    (folder / "x.pt").unlink()
    put(folder, "optimizer.pt", models.torch_legacy(folder / "x.pt").read_bytes())
    (folder / "x.pt").unlink()
    put(folder, "vocab.txt", b"cat\ndog\nperson\n")
    put(folder, "merges.txt", b"#version: 0.2\na b\n")
    put(folder, "README.md", b"c\nREADME of os\nsystem (R.\n")
    put(folder, "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    put(folder, "openvino_model.bin", np.linspace(-1, 1, 999, dtype=np.float32).tobytes())
    put(folder, "table.npy", _saved(np.ones(3)))
    put(folder, "words.gz", gzip.compress(b"some words\n" * 99))
    put(folder, "plain.pkl", pickle.dumps({"a": [1, 2]}))
    put(folder, "empty", b"")
    report = inspect(folder)
    assert told(report) == []
    assert isinstance(_result(report), Passed)


def _result(report: Report) -> CheckResult:
    (result,) = [each for each in report.results if each.check == "unsafe-pickle"]
    return result


def _saved(value: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def test_arrays_whose_type_nobody_writes_are_told(folder: Path) -> None:
    whole = array(_Printing())
    put(folder, "spelt.npy", whole.replace(b"'descr': '|O', ", b"'descr': 'O',   "))
    (finding,) = told(inspect(folder))
    assert "unknown: there is no element type 'O'" in finding.message


def test_an_archive_of_the_oldest_pytorch_is_told(folder: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("pickle")
        entry.size = len(CALL)
        archive.addfile(entry, io.BytesIO(CALL))
    put(folder, "pytorch_model.bin", file.getvalue())
    (finding,) = told(inspect(folder))
    assert "tar archive" in finding.message


def _unknown(folder: Path) -> str:
    fact = identify(folder).facts.fact(MODEL_PICKLE_IMPORTS)
    assert isinstance(fact, Unknown), fact
    return fact.reason


def test_beyond_a_bound_the_check_is_skipped_with_its_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a.pkl", pickle.dumps(["x" * 2000] * 1000))
    put(folder, "b.pkl", pickle.dumps(["x" * 2000] * 1000))
    with monkeypatch.context() as patch:
        patch.setattr(folder_scan, "MOST_FOLLOWED", 3000)
        assert _unknown(folder) == "the pickles beside the weights are longer than 2.9 KiB"
        assert isinstance(_result(inspect(folder)), Skipped)
    with monkeypatch.context() as patch:
        patch.setattr(folders, "MOST_ENTRIES", 2)
        assert _unknown(folder) == "there are more than 2 files in the folder"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_folder_behind_a_link_is_not_passed(folder: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/pytorch_model.bin", ARCHIVE)
    (folder / "2_Dense").symlink_to(tmp_path / "elsewhere")
    assert _unknown(folder) == "2_Dense is a link to a folder, which is not followed"


@pytest.mark.parametrize("path", ["../elsewhere", "2_Dense/../../elsewhere", "/elsewhere"])
def test_a_module_outside_of_the_folder_is_not_passed(folder: Path, path: str) -> None:
    put(folder, "modules.json", [{"path": path, "type": "sentence_transformers.models.Dense"}])
    assert _unknown(folder) == f"{path} is named as a part of the model and lies outside of its folder"
    (folder / "modules.json").unlink()
    put(folder, "model_index.json", {path: ["diffusers", "UNet2DConditionModel"]})
    assert _unknown(folder) == f"{path} is named as a part of the model and lies outside of its folder"


def test_what_is_found_counts_although_not_all_was_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a.pkl", CALL)
    put(folder, "b.pkl", pickle.dumps(["x" * 2000] * 1000))
    monkeypatch.setattr(folder_scan, "MOST_FOLLOWED", 1000)
    found = told(inspect(folder))
    assert [(each.subject, each.severity) for each in found] == [(n, Severity.WARNING) for n in ("a.pkl", "model")]
    assert found[1].message.startswith("what model would import when it is loaded is unknown: the pickles beside")


def test_a_lambda_in_an_h5_beside_is_a_warning(folder: Path) -> None:
    hidden = {"class_name": "Lambda", "config": {"name": "trick", "function": ["4wEAAAA=", None, None]}}
    model_files.hdf5(folder / "tf_model.h5", model_files.keras_config(hidden))
    found = told(inspect(folder), "unsafe-embedded-code")
    assert [(each.severity, each.subject) for each in found] == [(Severity.WARNING, "tf_model.h5")]


CODE: dict[str, tuple[object, str]] = {
    "tokenizer_config.json": ({"auto_map": {"AutoTokenizer": ["tok.Tok", None]}}, "tok.Tok"),
    "preprocessor_config.json": ({"auto_map": {"AutoImageProcessor": "image.Processor"}}, "image.Processor"),
    "unet/config.json": ({"auto_map": {"AutoModel": "net.Net"}}, "net.Net"),
    "any_name.json": ({"auto_map": {"AutoModel": "other--net.Net"}}, "other--net.Net"),
    "modules.json": ([{"path": "", "type": "custom_st.Transformer"}], "custom_st.Transformer"),
    "model_index.json": ({"unet": ["my_unet", "Net"], "vae": ["diffusers", "VAE"]}, "my_unet.Net"),
    "configs/config.json": ({"custom_pipelines": {"x": {"impl": "pipe.Pipe"}}}, "pipe.Pipe"),
}


@pytest.mark.parametrize("name", CODE)
def test_code_that_a_configuration_names_is_a_warning(folder: Path, name: str) -> None:
    content, code = CODE[name]
    put(folder, name, content)
    found = told(inspect(folder), "unsafe-embedded-code")
    assert [(each.severity, each.subject, each.params["name"]) for each in found] == [(Severity.WARNING, name, code)]


def test_an_escaped_key_is_read_as_the_loader_reads_it(folder: Path) -> None:
    put(folder, "processor_config.json", b'{"auto\\u005fmap": {"AutoProcessor": "p.P"}}')
    assert [each.params["name"] for each in told(inspect(folder), "unsafe-embedded-code")] == ["p.P"]


def test_what_is_no_strict_json_is_read_as_the_loader_reads_it(folder: Path) -> None:
    put(folder, "processor_config.json", b'{"eps": NaN, "auto_map": {"AutoProcessor": "p.P"}}')
    assert [each.params["name"] for each in told(inspect(folder), "unsafe-embedded-code")] == ["p.P"]


def test_a_long_configuration_is_read(folder: Path) -> None:
    padding = b'{"auto_map": {"AutoProcessor": "p.P"}, "x": "' + b" " * (5 << 20) + b'"}'
    put(folder, "nested/processor_config.json", padding)
    assert [each.params["name"] for each in told(inspect(folder), "unsafe-embedded-code")] == ["p.P"]


def test_an_adapter_folder_is_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "adapter_config.json", {"peft_type": "LORA"})
    models.safetensors(tmp_path / "adapter_model.safetensors")
    put(tmp_path, "adapter_model.bin", ARCHIVE)
    (finding,) = told(inspect(tmp_path))
    assert (finding.severity, finding.params["loader"]) == (Severity.WARNING, "PEFT")


def test_a_pickle_in_an_npz_beside_is_told(folder: Path) -> None:
    arrays = io.BytesIO()
    np.savez(arrays, a=np.ones(2), b=np.array([_Printing()], dtype=object))
    put(folder, "cache.npz", arrays.getvalue())
    assert [each.subject for each in told(inspect(folder))] == ["cache.npz"]


def test_an_archive_that_no_loader_takes_is_not_told(folder: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "text")
    put(folder, "docs.zip", file.getvalue())
    assert told(inspect(folder)) == []


def _json(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = st.sampled_from(
        ("path", "type", "auto_map", "custom_pipelines", "impl", "unet", "_class_name", "model_type")
    )
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(BESIDE)), at=st.integers(0, 900), data=st.binary(max_size=12), drop=st.integers(0, 12)
)
def test_no_bytes_break_it(folder: Path, name: str, at: int, data: bytes, drop: int) -> None:
    whole, _ = BESIDE[name]
    path = put(folder, name, whole[:at] + data + whole[at + drop :])
    imports = identify(folder).facts.fact(MODEL_PICKLE_IMPORTS)
    path.unlink()
    known = imports.value if isinstance(imports, Known) else ()
    assert all(each.opened is False and each.loader for each in known)


@example(content=[{"path": []}])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), _json, max_leaves=8))
def test_no_configuration_breaks_it(folder: Path, content: object) -> None:
    for name in ("modules.json", "model_index.json", "nested/config.json"):
        put(folder, name, content)
    assert not isinstance(identify(folder).facts.fact(MODEL_PICKLE_IMPORTS), Unknown)
