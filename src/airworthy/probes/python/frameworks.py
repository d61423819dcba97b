"""Installed frameworks and what they were built for, from their files and names, without importing them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator

from airworthy.core.facts import Known
from airworthy.core.keys import FRAMEWORKS
from airworthy.core.values import FrameworkBuild
from airworthy.core.version import Version
from airworthy.probes.interface import Probe, Reading
from airworthy.probes.linker.objects import shared_objects
from airworthy.probes.python.distributions import Installed, InstalledPackages, environment
from airworthy.probes.seam.host import Host, HostError

TEXT_LIMIT = 256 * 1024
LARGEST = 128 * 1024 * 1024
"""Bytes of a library that are searched for its device architectures."""
CHUNK = 8 * 1024 * 1024

_ONNXRUNTIME = {
    "onnxruntime": "cpu",
    "onnxruntime-gpu": "cuda",
    "onnxruntime-rocm": "rocm",
    "onnxruntime-migraphx": "rocm",
    "onnxruntime-openvino": "openvino",
    "onnxruntime-directml": "directml",
    "onnxruntime-qnn": "qnn",
    "onnxruntime-cann": "npu",
    "onnxruntime-training": "cuda",
}
_TENSORFLOW = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-rocm",
    "tensorflow-intel",
    "tensorflow-macos",
)
_PADDLE = ("paddlepaddle", "paddlepaddle-gpu", "paddlepaddle-xpu", "paddlepaddle-dcu")
_MINDSPORE = {"mindspore": "", "mindspore-gpu": "cuda", "mindspore-ascend": "npu"}
_TORCH_PARTNERS = {
    "torch-npu": "npu",
    "torch-musa": "musa",
    "torch-mlu": "mlu",
    "torch-directml": "directml",
    "intel-extension-for-pytorch": "xpu",
}


def read(host: Host) -> Reading:
    """Read what each installed framework was built for."""
    found = environment(host)
    builds = tuple(build for reader in _READERS for build in reader(host, found))
    yield FRAMEWORKS, Known(builds, "files of installed packages")


def _text(host: Host, path: str) -> str:
    try:
        return host.read(path, TEXT_LIMIT).decode("utf-8", "replace")
    except HostError:
        return ""


def _assigned(text: str, name: str) -> str | None:
    """The text assigned to a module's variable; empty for None and False, None where it is not assigned."""
    match = re.search(
        rf"(?m)^{name}\s*(?::[^=\n]{{1,80}})?=\s*(?:'([^'\n]{{0,100}})'|\"([^\"\n]{{0,100}})\"|None|False)", text
    )
    return (match[1] or match[2] or "") if match else None


def _number(text: str | None) -> Version | None:
    try:
        return Version(text) if text else None
    except ValueError:
        return None


def from_local_tag(local: str) -> tuple[str, Version | None]:
    """Accelerator and its version in the local part of a version: `cu124`, `rocm6.2`, `cpu`, `xpu`."""
    match = re.match(r"cu(?:da)?(\d{2,3})(?!\d)", local)
    if match:
        return "cuda", Version(f"{match[1][:-1]}.{match[1][-1]}")
    match = re.match(r"rocm(\d{1,2}(?:\.\d{1,3}){0,3})", local)
    if match:
        return "rocm", Version(match[1])
    match = re.match(r"(cpu|xpu)\b", local)
    return (match[1], None) if match else ("", None)


def parse_torch_version(text: str) -> tuple[str, Version | None]:
    """Accelerator and its version in torch's `version.py`; empty where the text gives nothing."""
    for name, accelerator in (("cuda", "cuda"), ("hip", "rocm"), ("xpu", "xpu")):
        value = _assigned(text, name)
        if value:
            return accelerator, _number(value)
    return ("cpu", None) if _assigned(text, "cuda") is not None else ("", None)


def _torch(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:
    torch = found.get("torch")
    if torch is not None:
        path = f"{torch.distribution.location}/torch/version.py"
        accelerator, runtime = parse_torch_version(_text(host, path))
        version = torch.distribution.version
        if not accelerator:
            path = torch.info
            accelerator, runtime = from_local_tag(version.local)
        if not accelerator:
            accelerator = _torch_by_files(host)
        architectures = _torch_architectures(host, torch) if accelerator in {"cuda", "rocm"} else ()
        yield FrameworkBuild(
            name="torch",
            version=version,
            accelerator=accelerator,
            runtime=runtime,
            architectures=architectures,
            origin=path,
        )
    for name, accelerator in _TORCH_PARTNERS.items():
        partner = found.get(name)
        if partner is not None:
            yield _plain(partner, accelerator)


def _plain(package: Installed, accelerator: str, runtime: Version | None = None) -> FrameworkBuild:
    distribution = package.distribution
    return FrameworkBuild(
        name=distribution.name,
        version=distribution.version,
        accelerator=accelerator,
        runtime=runtime,
        origin=package.info,
    )


def _brought(host: Host, name: str) -> tuple[str, ...]:
    objects = (each for each in shared_objects(host) if each.owner.distribution.name == name)
    return tuple(posixpath.basename(each.file.path) for each in objects)


def _torch_by_files(host: Host) -> str:
    names = _brought(host, "torch")
    by_file = (
        ("libtorch_cuda.so", "cuda"),
        ("libtorch_hip.so", "rocm"),
        ("libtorch_xpu.so", "xpu"),
        ("libtorch_cpu.so", "cpu"),
    )
    return next((accelerator for file, accelerator in by_file if file in names), "unknown")


# A single gfx target may be any literal of the library; several in a row are the list.
_ARCHITECTURES = re.compile(
    rb"\0((?:sm|compute)_\d{2,3}[af]?(?: (?:sm|compute)_\d{2,3}[af]?){0,40}"
    rb"|gfx[0-9a-f]{3,4}(?: gfx[0-9a-f]{3,4}){1,40})\0"
)


def find_architectures(data: bytes) -> tuple[str, ...]:
    """The list that `torch.cuda.get_arch_list()` returns, as it stands in the library: `sm_80 sm_90`."""
    match = _ARCHITECTURES.search(data)
    return tuple(match[1].decode().split()) if match else ()


def _torch_architectures(host: Host, torch: Installed) -> tuple[str, ...]:
    path = f"{torch.distribution.location}/torch/lib/libtorch_python.so"
    tail, offset = b"", 0
    while offset < LARGEST:
        try:
            chunk = host.read(path, CHUNK, offset)
        except HostError:
            return ()
        found = find_architectures(tail + chunk)
        if found or len(chunk) < CHUNK:
            return found
        tail, offset = chunk[-1024:], offset + len(chunk)
    return ()


def _onnxruntime(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:
    for name, accelerator in _ONNXRUNTIME.items():
        package = found.get(name)
        if package is None:
            continue
        # Two of these lie over each other in one directory; the file reports the one that was installed last.
        path = f"{package.distribution.location}/onnxruntime/capi/build_and_package_info.py"
        text = _text(host, path)
        owned = _assigned(text, "package_name") == name
        runtime = _number(_assigned(text, "cuda_version") or _assigned(text, "rocm_version")) if owned else None
        if name == "onnxruntime-training" and owned and runtime is None:
            accelerator = "cpu"  # noqa: PLW2901 - that name stands for both builds
        yield FrameworkBuild(
            name=name,
            version=package.distribution.version,
            accelerator=accelerator,
            runtime=runtime,
            origin=path if owned else package.info,
        )


def parse_tensorflow_build(text: str) -> tuple[str, Version | None, tuple[str, ...]]:
    """Accelerator, its version and the architectures in TensorFlow's `build_info.py`."""
    if re.search(r"[\"']is_rocm_build[\"']\s*[,:]\s*True", text):
        return "rocm", None, ()
    match = re.search(r"[\"']is_cuda_build[\"']\s*[,:]\s*(True|False)", text)
    if match is None:
        return "", None, ()
    if match[1] == "False":
        return "cpu", None, ()
    version = re.search(r"[\"']cuda_version[\"']\s*[,:]\s*[\"'](\d[\d.]{0,20})[\"']", text)
    listed = re.search(r"[\"']cuda_compute_capabilities[\"']\s*[,:]\s*\[([^\]]{0,400})\]", text)
    architectures = tuple(re.findall(r"(?:sm|compute)_\d{2,3}[af]?", listed[1])) if listed else ()
    return "cuda", _number(version[1]) if version else None, architectures


def _tensorflow(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:
    for name in _TENSORFLOW:
        package = found.get(name)
        if package is None:
            continue
        path = f"{package.distribution.location}/tensorflow/python/platform/build_info.py"
        accelerator, runtime, architectures = parse_tensorflow_build(_text(host, path))
        if not accelerator and name == "tensorflow":
            continue  # an empty package that stands for a platform's own, or files that are gone
        yield FrameworkBuild(
            name=name,
            version=package.distribution.version,
            accelerator=accelerator or {"tensorflow-gpu": "cuda", "tensorflow-rocm": "rocm"}.get(name, "cpu"),
            runtime=runtime,
            architectures=architectures,
            origin=path if accelerator else package.info,
        )


def _jax(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:  # noqa: ARG001 - one signature for all readers
    jaxlib = found.get("jaxlib")
    if jaxlib is None:
        return
    accelerator, runtime = from_local_tag(jaxlib.distribution.version.local.replace("cuda12", "cu12").partition(".")[0])
    origin = jaxlib.info
    for each in found.installed:
        match = re.fullmatch(r"jax-(cuda|rocm)(\d{1,3})-plugin", each.distribution.name)
        if match:
            number = match[2] if match[1] == "cuda" else f"{match[2][:-1]}.{match[2][-1]}"
            accelerator, runtime, origin = match[1], Version(number), each.info
        elif each.distribution.name in {"libtpu", "jax-metal"}:
            accelerator, runtime, origin = each.distribution.name.rpartition("-")[2], None, each.info
    yield FrameworkBuild(
        name="jaxlib",
        version=jaxlib.distribution.version,
        accelerator=accelerator.removeprefix("lib") or "cpu",
        runtime=runtime,
        origin=origin,
    )


def _paddle(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:
    for name in _PADDLE:
        package = found.get(name)
        if package is None:
            continue
        path = f"{package.distribution.location}/paddle/version/__init__.py"
        text = _text(host, path)
        runtime = _number(_known(_assigned(text, "cuda_version")))
        accelerator = {"paddlepaddle-xpu": "xpu", "paddlepaddle-dcu": "dcu"}.get(name, "")
        if not accelerator:
            accelerator = "cuda" if runtime or name == "paddlepaddle-gpu" else "cpu"
        yield FrameworkBuild(
            name=name,
            version=package.distribution.version,
            accelerator=accelerator,
            runtime=runtime,
            origin=path if text else package.info,
        )


def _known(text: str | None) -> str:
    """A version that a build wrote down; some write `False` or `Unknown` as text."""
    return text if text and text[0].isdigit() else ""


def _mindspore(host: Host, found: InstalledPackages) -> Iterator[FrameworkBuild]:
    for name, accelerator in _MINDSPORE.items():
        package = found.get(name)
        if package is None:
            continue
        brought = " ".join(_brought(host, name))
        by_file = "npu" if "libmindspore_ascend" in brought else "cuda" if "libmindspore_gpu" in brought else "cpu"
        yield _plain(package, accelerator or by_file)


_READERS: tuple[Callable[[Host, InstalledPackages], Iterator[FrameworkBuild]], ...] = (
    _torch,
    _onnxruntime,
    _tensorflow,
    _jax,
    _paddle,
    _mindspore,
)

PROBE = Probe("frameworks", (FRAMEWORKS,), read)
"""Frameworks and their builds."""
