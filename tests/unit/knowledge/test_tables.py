"""The tables: every row has a source, and the questions give the known answers."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.version import Version
from airworthy.knowledge import (
    Knowledge,
    architecture_keys,
    ascend,
    builds,
    cuda,
    datatypes,
    devices,
    families,
    format_hardware,
    gguf,
    glibc,
    keras,
    kernels,
    layer_patterns,
    libraries,
    loaders,
    numpy,
    onnx,
    packages,
    precisions,
    published,
    pytorch,
    recipes,
    rocm,
    specifications,
    transformers,
    upstreams,
    xids,
)
from airworthy.knowledge.answers import Basis
from airworthy.knowledge.tables import Row, read_table, rows

TABLES: list[tuple[str, str, type[Row]]] = [
    ("upstream_kinds", "kind", upstreams.UpstreamKind),
    ("cuda_drivers", "floor", cuda.DriverFloor),
    ("cuda_drivers", "shipped", cuda.Shipped),
    ("cuda_architectures", "capability", cuda.Capability),
    ("cuda_architectures", "default", cuda.Default),
    ("datatypes", "datatype", datatypes.Datatype),
    ("cuda_libraries", "library", cuda.CudaLibrary),
    ("devices", "device", devices.Model),
    ("device_floors", "floor", devices.DeviceFloor),
    ("device_specifications", "device", specifications.Specification),
    ("gpu_needs", "need", published.SystemLibraries),
    ("python_support", "support", published.PublishedWheels),
    ("quantised_kernels", "kernel", kernels.Quantised),
    ("attention_kernels", "kernel", kernels.Attention),
    ("cpu_builds", "cpu", published.CpuBuild),
    ("tensorflow_wheels", "wheel", published.TensorflowWheel),
    ("torch_wheels", "wheel", pytorch.TorchWheel),
    ("onnx", "onnxruntime", onnx.OnnxRuntimeCeiling),
    ("glibc", "release", glibc.DistributionRelease),
    ("wheel_platforms", "platform", published.Platform),
    ("numpy", "package", numpy.Package),
    ("ascend", "pair", ascend.Pair),
    ("rocm", "wheel", rocm.RocmWheel),
    ("rocm_drivers", "driver", rocm.Driver),
    ("rocm", "generic", rocm.Generic),
    ("rocm", "override", rocm.Override),
    ("libstdcxx", "release", libraries.Compiler),
    ("libstdcxx", "system", libraries.System),
    ("binary_needs", "need", libraries.WheelSymbols),
    ("system_libraries", "library", libraries.SystemLibrary),
    ("cpu_instructions", "wheel", builds.InstructionWheel),
    ("torch_companions", "companion", builds.Companion),
    ("model_types", "release", transformers.TransformersRelease),
    ("quantization", "method", transformers.Method),
    ("quantisation_recipes", "recipe", recipes.Recipe),
    ("variants", "library", packages.SharedModule),
    ("framework_floors", "floor", packages.FrameworkFloor),
    ("xids", "xid", xids.XidMeaning),
    ("moved_modules", "module", packages.Module),
    ("format_hardware", "support", format_hardware.FormatSupport),
    ("layer_patterns", "pattern", layer_patterns.WindowPattern),
    ("model_families", "family", families.ModelFamily),
    ("precisions", "precision", precisions.Precision),
    ("format_engines", "engine", loaders.LoaderProgram),
    ("format_engines", "conversion", loaders.Conversion),
    ("architecture_keys", "family", architecture_keys.Family),
    ("architecture_keys", "extra", architecture_keys.Extra),
    ("gguf", "reader", gguf.GgufReader),
    ("keras", "objects", keras.Objects),
    ("keras", "functions", keras.Functions),
    ("keras", "acting", keras.Acting),
    ("keras", "file_arguments", keras.KerasNames),
    ("keras", "tensorflow_functions", keras.KerasNames),
]
KNOWN = Knowledge()


@pytest.mark.parametrize(("name", "section", "row"), TABLES)
def test_rows_have_source_and_date(name: str, section: str, row: type[Row]) -> None:
    table = rows(name, section, row)
    assert table
    assert len(set(table)) == len(table)
    for each in table:
        assert each.source.startswith("https://")
        assert dt.date.fromisoformat(each.checked) <= dt.datetime.now(dt.timezone.utc).date()


def test_every_section_of_every_file_is_read() -> None:
    there = {
        (path.name.removesuffix(".toml"), section)
        for path in (files("airworthy.knowledge") / "data").iterdir()
        if path.name.endswith(".toml")
        for section in read_table(path.name.removesuffix(".toml"))
    }
    assert there == {(name, section) for name, section, _ in TABLES}


@pytest.mark.parametrize(
    ("toolkit", "linux", "windows"),
    [
        ("10.2", "440.33", "441.22"),
        ("11.0", "450.51.05", "451.48"),  # what it shipped with is older than the floor of the series
        ("11.8", "450.80.02", "452.39"),
        ("12.0", "525.60.13", "527.41"),
        ("12.4", "525.60.13", "528.33"),
        ("12.4.127", "525.60.13", "528.33"),
        ("13.2", "580", "580"),
    ],
)
def test_minimum_driver(toolkit: str, linux: str, windows: str) -> None:
    assert KNOWN.minimum_driver(Version(toolkit)) == Version(linux)
    assert KNOWN.minimum_driver(Version(toolkit), windows=True) == Version(windows)


def test_driver_unknown() -> None:
    assert KNOWN.minimum_driver(Version("99.0")) is None
    assert KNOWN.minimum_driver(Version("6.5")) is None
    assert KNOWN.driver_for_jit(Version("13.1"), windows=True) is None


def test_driver_that_compiles_ptx_is_never_older_than_the_floor_of_its_series() -> None:
    for row in rows("cuda_drivers", "shipped", cuda.Shipped):
        compiles, runs = KNOWN.driver_for_jit(row.toolkit), KNOWN.minimum_driver(row.toolkit)
        assert compiles is not None
        assert runs is not None
        assert runs <= compiles


@pytest.mark.parametrize(
    ("code", "device", "runs"),
    [
        ("sm_80", "sm_86", True),
        ("sm_86", "sm_80", False),
        ("sm_60", "sm_61", True),
        ("sm_90", "sm_120", False),
        ("compute_90", "sm_120", True),
        ("compute_120", "sm_90", False),
        ("sm_90a", "sm_90", True),
        ("sm_120a", "sm_121", False),
        ("sm_120f", "sm_121", True),
        ("compute_90a", "sm_120", False),
        ("gfx1100", "gfx1100", True),
        ("gfx1030", "gfx1031", False),
    ],
)
def test_runs_on(code: str, device: str, runs: bool) -> None:
    assert KNOWN.runs_on(code, device) is runs


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_architecture_has_an_answer(code: str, device: str) -> None:
    assert KNOWN.runs_on(code, device) in {True, False}
    assert cuda.capability_of(code) is None or code.startswith(("sm_", "compute_"))


def test_toolkits_and_devices() -> None:
    assert KNOWN.toolkit_dropped(Version("13.0"), "sm_70")
    assert not KNOWN.toolkit_dropped(Version("13.0"), "sm_75")
    assert not KNOWN.toolkit_dropped(Version("12.9"), "sm_70")
    assert not KNOWN.toolkit_dropped(Version("13.0"), "sm_999")
    assert KNOWN.first_toolkit("sm_120") == Version("12.8")


@pytest.mark.parametrize(
    ("soname", "install"),
    [
        ("libcudart.so.12", "nvidia-cuda-runtime-cu12"),
        ("libcudart.so.13", "nvidia-cuda-runtime"),
        ("libcublasLt.so.11", "nvidia-cublas-cu11"),
        ("libcudnn.so.9", "nvidia-cudnn-cu12>=9,<10"),
        ("libcudnn_ops_infer.so.8", "nvidia-cudnn-cu12>=8,<9"),
        ("libnccl.so.2", "nvidia-nccl-cu12"),
    ],
)
def test_library(soname: str, install: str) -> None:
    library = KNOWN.library(soname)
    assert library is not None
    assert library.install == install
    assert not library.driver


def test_library_of_the_driver_and_of_nobody() -> None:
    driver = KNOWN.library("libcuda.so.1")
    assert driver is not None
    assert driver.driver
    assert KNOWN.library("libGL.so.1") is None


def test_wheels() -> None:
    assert "sm_120" in KNOWN.torch_architectures(Version("2.8.0+cu128"), Version("12.8"))
    assert "sm_70" not in KNOWN.torch_architectures(Version("2.11.0"), Version("12.8"))
    assert KNOWN.torch_architectures(Version("2.11.0"), Version("11.8")) == ()
    newest = KNOWN.torch_wheels()[0]
    assert newest.index == f"https://download.pytorch.org/whl/{newest.tag}"
    assert newest.cuda == max(wheel.cuda for wheel in KNOWN.torch_wheels() if wheel.release == newest.release)


def test_onnx_ceilings() -> None:
    def asked(version: str, kind: str, wanted: int) -> tuple[int | None, Basis]:
        answer = KNOWN.onnx_ceiling(Version(version), kind, wanted)
        return answer.value, answer.basis

    assert asked("1.20.1", "onnx-ir", 99) == (10, Basis.EXACT)
    assert asked("1.32.0", "onnx-opset", 99) == (28, Basis.EXACT)
    assert asked("1.14.1", "onnx-opset", 18) == (None, Basis.UNKNOWN)
    assert asked("1.99", "onnx-ir", 3) == asked("1.99", "onnx-ir", 99) == (14, Basis.NEWEST_ROW)
    assert asked("1.0", "onnx-ir", 3) == (None, Basis.UNKNOWN)
    assert asked("1.0", "onnx-ir", 9) == (8, Basis.EXACT)
    assert asked("1.20", "gguf", 3) == (None, Basis.UNKNOWN)
    assert KNOWN.onnxruntime_for("onnx-ir", 11) == Version("1.23")
    assert KNOWN.onnxruntime_for("onnx-ir", 99) is None


def test_ceilings_never_fall() -> None:
    table = sorted(rows("onnx", "onnxruntime", onnx.OnnxRuntimeCeiling), key=lambda row: row.release)
    assert [row.ir for row in table] == sorted(row.ir for row in table)


def test_glibc_and_numpy() -> None:
    names = [release.name for release in KNOWN.glibc_releases(Version("2.35"))]
    assert names[:2] == ["Ubuntu 22.04", "Debian 12"]
    assert KNOWN.glibc_releases(Version("9.9")) == ()
    assert KNOWN.numpy2_release("torch") == Version("2.3.0")
    assert KNOWN.numpy2_release("nobody") is None


@pytest.mark.parametrize(
    ("driver", "cuda_version"), [("535.104.05", "12.2"), ("535", "12.2"), ("525.60.13", "12.0"), ("470.57.02", "11.4")]
)
def test_cuda_of_driver(driver: str, cuda_version: str) -> None:
    assert KNOWN.cuda_of_driver(Version(driver)).value == Version(cuda_version)


def test_compiler_with() -> None:
    release = KNOWN.compiler_with(Version("3.4.29"))
    assert release is not None
    assert release.gcc == Version("11.1.0")
    assert KNOWN.compiler_with(cxxabi=Version("1.3.14")) is not None
    assert KNOWN.compiler_with(Version("3.5")) is None


def test_companions_of_torch() -> None:
    assert KNOWN.torch_for("torchvision", Version("0.21.0+cu124")).value == Version("2.6")
    assert KNOWN.companion_of("torchvision", Version("2.5.1")) == Version("0.20")
    assert KNOWN.torch_for("torchvision", Version("9.9")).value is None


def test_instructions_of_wheels() -> None:
    assert KNOWN.instructions_of("tensorflow", Version("1.5")).basis is Basis.UNKNOWN
    assert KNOWN.instructions_of("tensorflow", Version("1.6.1")).basis is Basis.EXACT
    wheel = KNOWN.instructions_of("tensorflow", Version("2.5.1")).value
    assert wheel is not None
    assert wheel.instructions == ("avx",)


def test_datatypes() -> None:
    for spelling in ("BF16", "torch.bfloat16", "bfloat16"):
        row = datatypes.datatype(spelling)
        assert row is not None
        assert (row.name, row.capability) == ("bfloat16", Version("8.0"))
    assert datatypes.datatype("FP32") is None
    assert datatypes.datatype("INT8") is None


@pytest.mark.parametrize(
    ("model_type", "installed", "knows"),
    [
        ("bert", "4.30.0", True),
        ("bert", "4.10.0", None),  # older than the table
        ("qwen3", "4.51.0", True),
        ("qwen3", "4.50.0", False),
        ("glm4", "4.51.3", None),  # came between two rows
        ("qwen3", "4.50.3", None),
        ("internlm2", "4.57.0", None),
    ],
)
def test_model_types_of_transformers(model_type: str, installed: str, knows: bool | None) -> None:
    assert KNOWN.knows_model_type(model_type, Version(installed)).value is knows


def test_floors_of_a_library() -> None:
    def asked(version: str) -> set[tuple[str, str]]:
        return {(f.format, f.minimum.text) for f in KNOWN.floors("transformers", Version(version)).value or ()}

    assert asked("4.51.3") == set()
    assert asked("4.57.0") == {
        ("", "2.1"),
        ("pytorch", "2.6"),
    }
    assert asked("5.1.0") == {
        ("", "2.2"),
        ("pytorch", "2.6"),
    }


def test_modules_that_moved() -> None:
    module = KNOWN.moved_module("numpy._core.multiarray._reconstruct")
    assert module is not None
    assert (module.distribution, module.since) == ("numpy", Version("1.26.1"))
    assert KNOWN.moved_module("numpy._corex.y") is None
    assert KNOWN.moved_module("numpy.core.multiarray") is None


def test_stand_ins_are_listed_once() -> None:
    names = [name for library in KNOWN.libraries() for name in library.distributions]
    assert len(names) == len(set(names))
    assert "onnxruntime-gpu" in KNOWN.same_module_distributions("onnxruntime")
    assert KNOWN.same_module_distributions("requests") == ()
