"""The packages and native libraries of a described machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.values import (
    Binary,
    Distribution,
    NumpyUse,
    SharedLibrary,
)
from airworthy.core.version import Version
from airworthy.flows.described.description import KNOWN, NONE, PROGRAM, SOURCE, Description, version
from airworthy.knowledge.pytorch import cuda_of_tag


def packages_of(described: Description) -> Iterator[Distribution]:
    """The installed packages."""
    seen = set()
    if described.framework:
        seen.add(described.framework)
        yield Distribution(name=described.framework, version=described.framework_version(), tags=_tags(described))
    if described.get("torch") and "torch" not in seen:
        seen.add("torch")
        yield Distribution(name="torch", version=version(described.get("torch")))
    for name, text in described.given.get("packages", {}).items():
        normal = re.sub(r"[-_.]+", "-", name).lower()
        if normal in seen or not re.search(r"\d", text):
            continue
        seen.add(normal)
        yield Distribution(name=normal, version=version(text), tags=_tags(described) if not described.framework else ())
    if not seen and _tags(described):
        yield Distribution(name=PROGRAM, version=Version("0"), tags=_tags(described))
    cudnn = described.number("cudnn")
    if cudnn is not None:
        major = (described.number("cuda_runtime") or cuda_of_tag(described.tag) or Version("12")).major
        yield Distribution(name=f"nvidia-cudnn-cu{major}", version=cudnn)


def _tags(described: Description) -> tuple[str, ...]:
    tag = described.get("wheel_tag")
    if not tag:
        return ()
    return (tag if tag.count("-") >= 2 else f"py3-none-{tag}",)


def numpy_uses_of(described: Description, packages: tuple[Distribution, ...]) -> Iterator[NumpyUse]:
    """Which packages hold extensions, and the NumPy they were built for."""
    for package in packages:
        first = KNOWN.numpy2_release(package.name, windows=described.os == "windows")
        if first is not None and package.version.text != "0":
            built = "1" if package.version < first else "any"
            yield NumpyUse(distribution=package.name, version=package.version, built_for=built, origin=SOURCE)


def binaries_of(described: Description, packages: tuple[Distribution, ...]) -> Iterator[Binary]:
    """The native libraries of the packages, as far as tables know them."""
    required = described.number("built_for_glibc")
    owner = described.framework or next(iter(described.given.get("packages", {})), "") or PROGRAM
    if required is not None:
        yield Binary(path=say("its shared objects"), distribution=owner, glibc=required)
    yield from _compiled_here(described)
    for package in packages:
        yield from _published(described, package)
    need = (
        KNOWN.gpu_need(described.framework, described.framework_version(), described.get("index"))
        if described.framework
        else None
    )
    if need is None or described.accelerator(None)[0] != "cuda":
        return
    missing: list[str] = []
    there = described.number("cuda_runtime")
    if there is not None and there.major != need.cuda:
        missing += [_cudart(need.cuda), f"libcublasLt.so.{need.cuda}"]
    cudnn = described.number("cudnn")
    if cudnn is not None and need.cudnn is not None and cudnn.major != need.cudnn:
        missing.append(f"libcudnn.so.{need.cudnn}")
    if there is not None or cudnn is not None:
        yield Binary(
            path=say("its CUDA part"),
            distribution=described.framework,
            needed=(_cudart(need.cuda), *((f"libcudnn.so.{need.cudnn}",) if need.cudnn else ())),
            missing=tuple(missing),
        )


def _compiled_here(described: Description) -> Iterator[Binary]:
    """What a compiler on the machine makes of packages from source: it may ask for its own C++ library's newest."""
    gcc = re.search(r"\d{1,2}(?:\.\d{1,2}){0,2}", described.get("gcc"))
    row = KNOWN.glibcxx_of_compiler(Version(gcc[0])) if gcc else None
    if row is None:
        return
    for name, text in described.given.get("packages", {}).items():
        if "source" in text.lower():
            path = say("what GCC {gcc} made of it", gcc=gcc[0] if gcc else "")
            yield Binary(path=path, distribution=name, glibcxx=row.glibcxx)


def _published(described: Description, package: Distribution) -> Iterator[Binary]:
    """What the shared objects of a published wheel ask for, beyond what its tag says."""
    if described.os not in {"linux", ""} or "source" in described.get("install").lower():
        return
    for need in KNOWN.binary_needs(package.name, package.version):
        if not (need.cpu_only and described.vendor):
            yield Binary(
                path=say("its shared objects"),
                distribution=package.name,
                glibc=need.glibc,
                glibcxx=need.glibcxx,
            )


def libraries_of(described: Description) -> Iterator[SharedLibrary]:
    """Libraries that the loader finds."""
    package = described.get("cuda_compat_package")
    if package.lower() not in NONE:
        folder = f"cuda-{package}" if re.match(r"\d", package) else "cuda"
        path = f"/usr/local/{folder}/compat/libcuda.so.1"
        yield SharedLibrary(soname="libcuda.so.1", path=path, found_by="LD_LIBRARY_PATH")


def _cudart(major: int) -> str:
    return "libcudart.so.11.0" if major == 11 else f"libcudart.so.{major}"
