"""What holds for every registered format: it knows its own, nobody else's, and no bytes bring it down."""

from __future__ import annotations

import random
import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_files
import models
from airworthy.artifacts.formats.interface import HEAD
from airworthy.artifacts.formats.registry import FORMATS
from airworthy.artifacts.identify import _OTHERS, identify, inspect
from airworthy.core.errors import AirworthyError, InputNotFound, InputUnreadable, NotAModel
from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.keys import KEYS, MODEL_DEFECTS, MODEL_LFS_POINTERS, MODEL_MISNAMED, Area
from airworthy.core.model import Inspection

SAMPLES: dict[str, tuple[str, str, Callable[[Path], Path]]] = {
    "linear": ("onnx", "model.onnx", models.linear),
    "digits": ("onnx", "digits.onnx", models.digits),
    "text": ("onnx", "text.onnx", models.text),
    "opset-too-new": ("onnx", "new.onnx", models.opset_too_new),
    "strings": ("onnx", "strings.onnx", models.strings),
    "safetensors": ("safetensors", "model.safetensors", models.safetensors),
    "torch-zip": ("pytorch", "model.pt", models.torch_zip),
    "torch-legacy": ("pytorch", "model.pth", models.torch_legacy),
    "torchscript": ("pytorch", "script.pt", model_files.torchscript),
    "exported": ("pytorch", "program.pt2", model_files.exported),
    "pickle": ("pickle", "model.pkl", models.plain_pickle),
    "joblib": ("pickle", "model.joblib", model_files.joblib),
    "gguf": ("gguf", "model.gguf", model_files.gguf),
    "gguf-old": ("gguf", "old.gguf", lambda path: model_files.gguf(path, version=2)),
    "gguf-big": ("gguf", "big.gguf", lambda path: model_files.gguf(path, order=">")),
    "npy": ("numpy", "w.npy", model_files.npy),
    "npz": ("numpy", "w.npz", model_files.npz),
    "hdf5": ("hdf5", "model.h5", model_files.hdf5),
    "keras": ("keras", "model.keras", model_files.keras),
    "tflite": ("tflite", "model.tflite", model_files.tflite),
    "tensorrt": ("tensorrt", "model.plan", model_files.tensorrt),
    "encrypted": ("encrypted", "model.awenc", model_files.encrypted),
    "age": ("encrypted", "model.tar.age", model_files.age),
    "coreml": ("coreml", "model.mlmodel", model_files.coreml),
    "openvino": ("openvino", "model.xml", model_files.openvino),
    "coreml-package": ("coreml-package", "model.mlpackage", model_files.coreml_package),
    "saved-model": ("saved-model", "1", model_files.saved_model),
    "lora": ("lora", "adapter", model_files.lora),
    "folder": ("huggingface", "folder", models.text_folder),
    "sharded": ("huggingface", "sharded", models.sharded),
}
FILES = [name for name, (format_, _, _) in SAMPLES.items() if not FORMATS.get(format_).folder]
# A plan does not tell how long it has to be, and XML without its suffix is no more of a model than any other. Where an
# encrypted model ends only its keys tell.
TELL_THEIR_END = [name for name in FILES if name not in ("tensorrt", "openvino", "encrypted", "age")]
MODEL_KEYS = {name for name, key in KEYS.items() if key.area is Area.MODEL}
MAGICS = [b"\x08\x08", b"\x80\x02", b"PK\x03\x04", b"\x10\0\0\0\0\0\0\0{", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0"]
MAGICS += [b"\x89HDF\r\n\x1a\n\0", b"\x1c\0\0\0TFL3", b"ftrt", b'<net version="11" ', b"\x08\x04\x12", b"\x78\x9c"]
LIMIT = 1.0
MEMORY_LIMIT = 64 * 1024 * 1024


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("samples")
    paths = {}
    for name, (_, file, make) in SAMPLES.items():
        (root / name).mkdir()
        paths[name] = make(root / name / file)
    return paths


def checked(path: Path) -> Inspection | None:
    """Inspect within the limits; None where the path is refused in a documented way."""
    begun = time.perf_counter()
    try:
        found = inspect(path)
    except (NotAModel, InputUnreadable):
        found = None
    assert time.perf_counter() - begun < LIMIT
    if found is not None:
        assert set(found.facts) == MODEL_KEYS
        assert all(isinstance(fact, (Known, Absent, Unknown)) for fact in found.facts.values())
    return found


def is_suspect(found: Inspection) -> bool:
    return bool(found.facts.value(MODEL_DEFECTS) or found.facts.value(MODEL_LFS_POINTERS))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_good_sample_is_recognised_by_exactly_one_format(made: dict[str, Path], name: str) -> None:
    path = made[name]
    head = b"" if path.is_dir() else path.read_bytes()[:HEAD]
    assert [each.name for each in FORMATS if each.folder == path.is_dir() and each.recognises(path, head)] == [
        SAMPLES[name][0]
    ]
    assert identify(path).name == SAMPLES[name][0]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_good_sample_is_whole(made: dict[str, Path], name: str) -> None:
    found = checked(made[name])
    assert found is not None
    assert found.facts.value(MODEL_DEFECTS) == ()
    assert found.model.format == SAMPLES[name][0]
    assert found.model.size == sum(p.stat().st_size for p in _files(made[name]))
    assert Path(found.model.entry).is_file()


@pytest.mark.parametrize("name", FILES)
def test_content_decides_and_not_the_suffix(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    for suffix in ("", ".bin", ".onnx", ".safetensors", ".txt"):
        shutil.copy(made[name], path := tmp_path / f"renamed{suffix}")
        assert identify(path).name == SAMPLES[name][0]


@pytest.mark.parametrize("name", TELL_THEIR_END)
def test_a_truncated_sample_is_damaged_wherever_it_is_cut(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    whole = made[name].read_bytes()
    path = tmp_path / made[name].name
    cuts = sorted({0, 1, 2, 7, 8, 9, len(whole) - 1, *range(0, len(whole), max(1, len(whole) // 60))})
    for cut in cuts:
        path.write_bytes(whole[:cut])
        found = checked(path)
        assert found is not None, cut
        assert is_suspect(found), cut


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_never_break_the_reader(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    whole = made[name].read_bytes()
    path = tmp_path / made[name].name
    chance = random.Random(name)
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(chance.choice((1, 1, 4))):
            broken[chance.randrange(min(len(broken), 4096))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        checked(path)


@pytest.mark.parametrize("suffix", [suffix for each in FORMATS for suffix in each.suffixes] + ["", ".txt"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=600),
        st.builds(
            lambda a, b: a + b,
            st.sampled_from(MAGICS),
            st.binary(max_size=300),
        ),
    )
)
def test_random_bytes_never_break_a_reader(suffix: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"random{suffix}"
    path.write_bytes(data)
    found = checked(path)
    if suffix in (".onnx", ".safetensors", ".pt"):
        assert found is not None or any(data[at:].startswith(magic) for magic, at, _ in _OTHERS)


@pytest.mark.parametrize("name", [each.name for each in FORMATS if not each.folder])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600))
def test_each_format_takes_any_bytes(name: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    each = FORMATS.get(name)
    each.recognises(path, data[:HEAD])
    assert set(each.inspect(path).facts) == MODEL_KEYS


@pytest.mark.parametrize("name", [each.name for each in FORMATS if each.suffixes])
def test_random_bytes_with_a_model_suffix_are_damaged(name: str, tmp_path: Path) -> None:
    each = FORMATS.get(name)
    path = tmp_path / f"noise{each.suffixes[0]}"
    for seed in range(20):
        path.write_bytes(random.Random(seed).randbytes(3000))
        found = checked(path)
        assert found is not None
        assert is_suspect(found)


@pytest.mark.parametrize("suffix", [suffix for each in FORMATS for suffix in each.suffixes])
@pytest.mark.parametrize(("content", "kind"), [(b"", "empty"), (models.PAGE, "error-page")])
def test_what_lies_in_the_place_of_a_model_is_told(suffix: str, content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    found = checked(path)
    assert found is not None
    assert [defect.kind for defect in found.facts.value(MODEL_DEFECTS)] == [kind]


@pytest.mark.parametrize("suffix", [suffix for each in FORMATS for suffix in each.suffixes] + ["", ".gguf"])
def test_a_git_lfs_pointer_is_told_under_any_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(models.POINTER)
    found = checked(path)
    assert found is not None
    (pointer,) = found.facts.value(MODEL_LFS_POINTERS)
    assert (pointer.size, pointer.oid) == (90868376, "ab" * 32)
    assert found.facts.value(MODEL_DEFECTS) == ()


@pytest.mark.parametrize("name", [each.name for each in FORMATS if not each.folder])
def test_a_large_file_costs_little(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    sample = next(made[n] for n, (format_, _, _) in SAMPLES.items() if format_ == name)
    path = tmp_path / sample.name
    shutil.copy(sample, path)
    with path.open("r+b") as file:
        file.truncate(8 * 1024**3)  # a hole: it takes no room on the disk
    tracemalloc.start()
    checked(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MEMORY_LIMIT


def test_a_missing_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound, match="does not exist"):
        inspect(tmp_path / "nothing.onnx")


@pytest.mark.parametrize("content", [b"", b"hello, world\n", b"\x7fELF\x02\x01\x01", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_model_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(NotAModel) as told:
        inspect(path)
    assert "onnx" in told.value.way_out


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing here")
    with pytest.raises(NotAModel, match="no weights"):
        inspect(tmp_path)


def test_a_folder_with_two_models_asks_which(tmp_path: Path) -> None:
    models.linear(tmp_path / "a.onnx")
    models.linear(tmp_path / "b.onnx")
    with pytest.raises(NotAModel, match=r"a\.onnx, b\.onnx"):
        inspect(tmp_path)


@pytest.mark.parametrize("name", TELL_THEIR_END)
def test_a_suffix_that_lies_is_told(made: dict[str, Path], name: str, tmp_path: Path) -> None:
    suffix = ".safetensors" if SAMPLES[name][0] != "safetensors" else ".onnx"
    shutil.copy(made[name], path := tmp_path / f"model{suffix}")
    found = checked(path)
    assert found is not None
    assert found.model.format == SAMPLES[name][0]
    assert [each.suffix for each in found.facts.value(MODEL_MISNAMED)] == [suffix]


def test_a_device_is_not_read() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("this system has no /dev/zero")
    with pytest.raises(InputUnreadable, match="neither a file nor a folder"):
        inspect("/dev/zero")


def test_a_path_with_a_nul_is_told() -> None:
    with pytest.raises(AirworthyError):
        inspect("model\0.onnx")


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        return (each for each in path.rglob("*") if each.is_file())
    return iter([path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path])
