"""Limits, rights, containers, the C++ library, and libraries that others hide."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.facts import Absent, Known, Unknown
from airworthy.core.version import Version
from airworthy.probes.host import access, container, limits
from airworthy.probes.host.container import engine_of_groups
from airworthy.probes.host.limits import parse_limits
from airworthy.probes.linker import binaries, libstdcxx, shadows
from airworthy.probes.linker.elf import read_elf
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import HostError, Interpreter, Permissions
from airworthy.probes.seam.local import LocalHost
from airworthy.probes.seam.recording import record
from elf_files import make_elf

SITE = "/venv/lib/python3.11/site-packages"
PYTHON = Interpreter("3.11.9", "/venv/bin/python", "/venv", (SITE,))
TABLE = """Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max processes             128                  128                  processes
Max open files            1024                 1048576              files
Max locked memory         unlimited            unlimited            bytes
"""


def test_limits() -> None:
    facts = gather(FakeHost({"/proc/self/limits": TABLE}), [limits.PROBE], strict=True)
    assert facts.value(keys.LIMIT_FILES) == 1024
    assert facts.value(keys.LIMIT_FILES_HARD) == 1048576
    assert facts.value(keys.LIMIT_PROCESSES) == 128
    assert isinstance(facts.fact(keys.LIMIT_LOCKED), Absent)


def test_limits_that_are_not_told() -> None:
    facts = gather(FakeHost({"/proc/self/limits": "Max cpu time  1 2 s\n"}), [limits.PROBE], strict=True)
    assert isinstance(facts.fact(keys.LIMIT_FILES), Unknown)
    windows = gather(FakeHost(uname=("Windows", "11", "AMD64")), [limits.PROBE], strict=True)
    assert isinstance(windows.fact(keys.LIMIT_FILES), Absent)


@given(st.text(max_size=300))
def test_any_text_is_parsed(text: str) -> None:
    assert all(name.startswith("Max ") for name in parse_limits(text))
    assert isinstance(engine_of_groups(text), str)


def test_rights_of_places_and_nodes() -> None:
    machine = FakeHost(
        {
            "/home/dana/x": "",
            "/tmp/x": "",
            "/work/x": "",
            "/dev/nvidia0": "",
            "/dev/null": "",
            "/dev/dri/renderD128": "",
        },
        env={"HOME": "/home/dana", "CUDA_VISIBLE_DEVICES": "1"},
        rights={
            "/dev/nvidia0": Permissions(0o660, "root", "video", readable=False, writable=False),
            "/tmp": HostError("stale file handle"),
        },
    )
    facts = gather(machine, [access.PROBE], strict=True)
    assert facts.value(keys.CUDA_VISIBLE) == "1"
    assert [(each.use, each.writable) for each in facts.value(keys.ACCESS_PLACES)] == [("work", True), ("home", True)]
    assert "stale" in facts.source(keys.ACCESS_PLACES)
    nodes = facts.value(keys.ACCESS_DEVICES)
    assert [each.path for each in nodes] == ["/dev/nvidia0", "/dev/dri/renderD128"]
    assert (nodes[0].mode, nodes[0].group, nodes[0].readable) == ("0660", "video", False)


@pytest.mark.skipif(sys.platform == "win32", reason="asks for POSIX permission bits")
def test_rights_on_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    path.chmod(0o640)
    rights = LocalHost().permissions(str(path))
    assert rights.mode == 0o640
    assert rights.readable
    assert rights.owner in {"root", str(os.getuid())}
    with pytest.raises(HostError):
        LocalHost().permissions(str(tmp_path / "none"))


def test_rights_survive_a_recording() -> None:
    machine = FakeHost(
        {"/dev/nvidia0": "", "/work/x": ""},
        rights={
            "/dev/nvidia0": Permissions(0o660, "root", "video", readable=False, writable=False),
            "/work": HostError("no"),
        },
    )
    again = FakeHost.from_json(machine.to_json())
    assert again.permissions("/dev/nvidia0").group == "video"
    with pytest.raises(HostError):
        again.permissions("/work")
    recorded, facts = record(machine, [access.PROBE])
    assert gather(recorded, [access.PROBE]).fact(keys.ACCESS_DEVICES) == facts.fact(keys.ACCESS_DEVICES)


@pytest.mark.parametrize(
    ("files", "env", "engine"),
    [
        ({"/.dockerenv": ""}, {}, "docker"),
        ({"/run/.containerenv": ""}, {}, "podman"),
        ({}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"/proc/self/cgroup": "0::/kubepods.slice/pod1\n"}, {}, "kubernetes"),
        ({"/proc/self/cgroup": "4:memory:/docker/1f\n"}, {}, "docker"),
        ({"/proc/self/cgroup": "0::/machine.slice/libpod-7c.scope\n"}, {}, "podman"),
    ],
)
def test_inside_of_a_container(files: dict[str, str], env: dict[str, str], engine: str) -> None:
    facts = gather(FakeHost(files, env=env), [container.PROBE], strict=True)
    assert facts.value(keys.CONTAINER_ENGINE) == engine
    assert isinstance(facts.fact(keys.CONTAINER_GPU_SUPPORT), Absent)


def test_outside_of_a_container() -> None:
    user = {"/proc/self/cgroup": "0::/user.slice/user-1000.slice\n"}
    facts = gather(FakeHost(user), [container.PROBE], strict=True)
    assert isinstance(facts.fact(keys.CONTAINER_ENGINE), Absent)
    assert isinstance(facts.fact(keys.CONTAINER_GPU_SUPPORT), Absent)
    bare = gather(FakeHost({**user, "/usr/bin/docker": ""}), [container.PROBE], strict=True)
    assert bare.value(keys.CONTAINER_GPU_SUPPORT) == ()
    ready = FakeHost({**user, "/usr/bin/docker": "", "/etc/cdi/nvidia.yaml": "", "/var/run/cdi/nvidia.yaml": ""})
    assert gather(ready, [container.PROBE], strict=True).value(keys.CONTAINER_GPU_SUPPORT) == ("cdi",)


def test_what_the_image_demands() -> None:
    env = {"NVIDIA_REQUIRE_CUDA": "cuda>=12.4", "NVIDIA_VISIBLE_DEVICES": "all"}
    facts = gather(FakeHost(env=env), [container.PROBE], strict=True)
    assert facts.value(keys.CONTAINER_REQUIRE) == "cuda>=12.4"
    assert facts.value(keys.CONTAINER_VISIBLE) == "all"
    off = gather(FakeHost(env={**env, "NVIDIA_DISABLE_REQUIRE": "1"}), [container.PROBE], strict=True)
    assert isinstance(off.fact(keys.CONTAINER_REQUIRE), Absent)


def library(*versions: str) -> bytes:
    return make_elf(("libc.so.6",), soname="libstdc++.so.6", defines=("libstdc++.so.6", *versions))


def test_versions_that_a_library_provides() -> None:
    data = library("GLIBCXX_3.4.9", "GLIBCXX_3.4.30", "GLIBCXX_3.4.29", "CXXABI_1.3.13", "CXXABI_TM_1")
    elf = read_elf(lambda offset, size: data[offset : offset + size])
    assert elf.defines == (("CXXABI", "1.3.13"), ("GLIBCXX", "3.4.30"))


def test_the_cpp_library_is_the_environments_own_or_the_loaders() -> None:
    system = {"/usr/lib/libstdc++.so.6": library("GLIBCXX_3.4.30", "CXXABI_1.3.13")}
    facts = gather(FakeHost(system, interpreter=PYTHON), [libstdcxx.PROBE], strict=True)
    assert facts.value(keys.LIBSTDCXX) == Version("3.4.30")
    assert facts.value(keys.LIBSTDCXX_ABI) == Version("1.3.13")
    conda = {**system, "/venv/lib/libstdc++.so.6": library("GLIBCXX_3.4.26")}
    facts = gather(FakeHost(conda, interpreter=PYTHON), [libstdcxx.PROBE], strict=True)
    assert facts.value(keys.LIBSTDCXX) == Version("3.4.26")
    assert isinstance(facts.fact(keys.LIBSTDCXX_ABI), Unknown)
    none = gather(FakeHost(), [libstdcxx.PROBE], strict=True)
    assert isinstance(none.fact(keys.LIBSTDCXX), Absent)
    broken = gather(FakeHost({"/usr/lib/libstdc++.so.6": b"x"}), [libstdcxx.PROBE], strict=True)
    assert isinstance(broken.fact(keys.LIBSTDCXX), Unknown)


def package(name: str, files: dict[str, bytes]) -> dict[str, bytes | str]:
    info = f"{SITE}/{name.replace('-', '_')}-1.0.dist-info"
    listed = "".join(f"{path},,{len(data)}\n" for path, data in files.items())
    return {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/RECORD": listed,
        **{f"{SITE}/{path}": data for path, data in files.items()},
    }


def test_needs_of_the_cpp_library() -> None:
    needs = {"libstdc++.so.6": ("GLIBCXX_3.4.29", "GLIBCXX_3.4.9", "CXXABI_1.3.11"), "libc.so.6": ("GLIBC_2.17",)}
    shared = make_elf(("libstdc++.so.6", "libc.so.6"), versions=needs)
    own = make_elf(("libstdc++.so.6",), versions={"libstdc++.so.6": ("GLIBCXX_3.4.32",)}, runpath="$ORIGIN")
    machine = FakeHost(
        {
            "/usr/lib/libstdc++.so.6": b"",
            "/usr/lib/libc.so.6": b"",
            **package("a", {"a/x.so": shared}),
            **package("b", {"b/y.so": own, "b/libstdc++.so.6": library("GLIBCXX_3.4.32")}),
        },
        interpreter=PYTHON,
    )
    told = {each.distribution: each for each in gather(machine, [binaries.PROBE], strict=True).value(keys.BINARIES)}
    assert told["a"].glibcxx == Version("3.4.29")
    assert told["a"].cxxabi == Version("1.3.11")
    assert told["a"].glibc == Version("2.17")
    assert "b" not in told, "what brings its own library has no need of the shared one"


def hidden(path: str, *, rpath: str = "", runpath: str = "$ORIGIN/../nvidia") -> FakeHost:
    asks = make_elf(("libnvJitLink.so.12",), rpath=rpath, runpath=runpath)
    return FakeHost(
        {
            "/opt/cuda/lib64/libnvJitLink.so.12.1.105": b"",
            **package("nvidia-nvjitlink-cu12", {"nvidia/libnvJitLink.so.12": make_elf()}),
            **package("torch", {"torch/libtorch_cuda.so": asks}),
        },
        links={"/opt/cuda/lib64/libnvJitLink.so.12": "/opt/cuda/lib64/libnvJitLink.so.12.1.105"},
        env={"LD_LIBRARY_PATH": path} if path else {},
        interpreter=PYTHON,
    )


def test_a_library_that_the_variable_hides() -> None:
    facts = gather(hidden("/opt/cuda/lib64"), [shadows.PROBE], strict=True)
    (shadow,) = facts.value(keys.LOADER_SHADOWED)
    assert shadow.soname == "libnvJitLink.so.12"
    assert shadow.used == "/opt/cuda/lib64/libnvJitLink.so.12.1.105"
    assert (shadow.meant_by, shadow.distribution) == ("nvidia-nvjitlink-cu12", "torch")


def test_libraries_that_nothing_hides() -> None:
    for machine in (
        hidden(""),
        hidden("/opt/other"),
        hidden(f"{SITE}/nvidia"),
        hidden("/opt/cuda/lib64", rpath="$ORIGIN/../nvidia", runpath=""),  # comes before the variable
    ):
        fact = gather(machine, [shadows.PROBE], strict=True).fact(keys.LOADER_SHADOWED)
        assert isinstance(fact, Known)
        assert fact.value == ()
