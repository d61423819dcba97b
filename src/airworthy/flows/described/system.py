"""The operating system, C libraries and processor of a described machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.core import keys
from airworthy.core.facts import Absent, Fact, Known
from airworthy.core.keys import Key
from airworthy.core.messages import say
from airworthy.core.version import Version
from airworthy.flows.described.description import KNOWN, NONE, SOURCE, Description, version

_X86_64_V4 = (
    *("sse3", "ssse3", "sse4_1", "sse4_2", "popcnt", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"),
    *("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
)


def system_facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    """System, C libraries, processor."""
    name = described.get("os")
    kernel = {"linux": "Linux", "windows": "Windows", "macos": "Darwin"}.get(described.os)
    if kernel:
        wsl = " microsoft-standard-WSL2" if "wsl" in name.lower() else ""
        yield keys.OS_KERNEL, Known(kernel + wsl, SOURCE)
        yield keys.OS_NAME, Known(name, SOURCE)
    if described.get("arch"):
        machine = (
            described.get("arch")
            .lower()
            .replace("amd64", "x86_64")
            .replace("x64", "x86_64")
            .replace("arm64", "aarch64")
        )
        yield keys.CPU_ARCHITECTURE, Known(machine, SOURCE)
    if described.get("python"):
        yield keys.PYTHON_VERSION, Known(version(described.get("python")), SOURCE)
    release = KNOWN.glibc_of(name) if name else None
    if described.get("glibc"):
        yield keys.LIBC_NAME, Known("glibc", SOURCE)
        yield keys.LIBC_VERSION, Known(version(described.get("glibc")), SOURCE)
    elif release is not None:
        yield keys.LIBC_NAME, Known("glibc", say("{release} has it", release=release.name))
        yield keys.LIBC_VERSION, Known(release.glibc, release.source)
    elif "alpine" in name.lower():
        yield keys.LIBC_NAME, Known("musl", say("{release} has it", release=name))
    yield from _cpp_library(described, name)
    if described.get("cpu"):
        yield keys.CPU_MODEL, Known(described.get("cpu"), SOURCE)
    missing = tuple(flag.lower().replace(".", "_") for flag in described.given.get("cpu_flags_missing", ()))
    if missing:
        # What is missing was said; the rest of a present-day processor is taken to be there.
        gone = {each for each in _X86_64_V4 if any(each.startswith(flag) for flag in missing)} | set(missing)
        if "avx" in gone:
            gone |= {"f16c", "fma"}
        there = tuple(each for each in _X86_64_V4 if each not in gone)
        yield keys.CPU_INSTRUCTIONS, Known(there, say("given: all but {flags}", flags=missing))
        yield keys.CPU_ARCHITECTURE, Known(described.get("arch") or "x86_64", say("given: cpu_flags_missing"))


def _cpp_library(described: Description, system: str) -> Iterator[tuple[Key[Any], Fact]]:
    """The newest symbols of the C++ library: as given, else the distribution's, which a conda environment hides."""
    told = re.search(r"3\.4\.\d{1,2}", described.get("libstdcxx"))
    if told:
        yield keys.LIBSTDCXX, Known(Version(told[0]), SOURCE)
        return
    row = KNOWN.glibcxx_of_system(system) if system else None
    if row is not None and "conda" not in described.get("env_manager").lower():
        yield keys.LIBSTDCXX, Known(row.glibcxx, row.source)
        yield keys.LIBSTDCXX_ABI, Known(row.cxxabi, row.source)


def container_facts(described: Description) -> Iterator[tuple[Key[Any], Fact]]:
    """The container, and what hands devices to it."""
    require = described.get("nvidia_require_cuda")
    if require:
        yield keys.CONTAINER_REQUIRE, Known(require, SOURCE)
    elif "container" in described.given:
        yield keys.CONTAINER_REQUIRE, Absent(say("given without nvidia_require_cuda"))
    if described.given.get("container"):
        yield keys.CONTAINER_ENGINE, Known("docker", SOURCE)
    if "nvidia_container_toolkit" in described.given:
        gone = described.get("nvidia_container_toolkit").lower() in NONE
        yield keys.CONTAINER_GPU_SUPPORT, Known(() if gone else ("nvidia-container-toolkit",), SOURCE)
        if gone and described.given.get("container"):
            yield keys.ACCESS_DEVICES, Known((), say("given: nothing hands devices to the container"))
            yield keys.CONTAINER_VISIBLE, Known("all", SOURCE)
