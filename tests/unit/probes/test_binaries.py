"""ELF headers, the loader's search, and what is told of installed binaries."""

from __future__ import annotations

import contextlib
import random
import struct
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airworthy.core import keys
from airworthy.core.values import Binary, SharedLibrary
from airworthy.core.version import Version
from airworthy.probes.linker import binaries, libraries
from airworthy.probes.linker.elf import Elf, NotElf, read_elf
from airworthy.probes.linker.loader import DynamicLoader, parse_cache
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter
from elf_files import PAGE, make_cache, make_elf

SITE = "/venv/lib/python3.11/site-packages"
PYTHON = Interpreter("3.11.9", "/venv/bin/python", "/venv", (SITE,))


def parse(data: bytes) -> Elf:
    return read_elf(lambda offset, size: data[offset : offset + size])


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_headers_of_either_width_and_order(wide: bool, order: str) -> None:
    versions = {"libm.so.6": ("GLIBC_2.2.5",), "libc.so.6": ("GLIBC_2.9", "GLIBC_2.28", "GLIBC_PRIVATE")}
    data = make_elf(
        ("libc.so.6", "libcudart.so.12"),
        runpath="$ORIGIN/../lib:/opt/lib",
        soname="libx.so.1",
        versions=versions,
        wide=wide,
        order=order,
    )
    elf = parse(data)
    assert elf == Elf(
        machine="x86_64",
        bits=64 if wide else 32,
        soname="libx.so.1",
        interpreter="",
        needed=("libc.so.6", "libcudart.so.12"),
        rpath=(),
        runpath=("$ORIGIN/../lib", "/opt/lib"),
        glibc="2.28",
        wants=(("libm.so.6", ("GLIBC_2.2.5",)), ("libc.so.6", ("GLIBC_2.9", "GLIBC_2.28", "GLIBC_PRIVATE"))),
        end=len(data),
    )


def test_run_path_hides_rpath_and_other_libraries_versions_do_not_count() -> None:
    assert parse(make_elf(("a",), rpath="/r", runpath="/run")).rpath == ()
    assert parse(make_elf(("a",), rpath="/r")).rpath == ("/r",)
    assert parse(make_elf(("a",), versions={"libother.so": ("GLIBC_9.9",)})).glibc == ""
    assert parse(make_elf((), machine=9999)).machine == "machine-9999"


@pytest.mark.skipif(sys.platform != "linux", reason="reads this interpreter's own file")
def test_this_interpreter() -> None:
    elf = parse(Path(sys.executable).resolve().read_bytes())
    assert elf.bits == 64
    assert "ld-" in elf.interpreter
    assert any(name.startswith(("libc.", "libpython")) for name in elf.needed)


@given(st.binary(max_size=3000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for candidate in (data, b"\x7fELF\x02\x01" + data, b"\x7fELF\x01\x02" + data):
        with contextlib.suppress(NotElf):
            assert isinstance(parse(candidate), Elf)


def test_damaged_files_are_read_or_refused_quickly() -> None:
    whole = make_elf(("libc.so.6",) * 5, runpath="$ORIGIN", versions={"libc.so.6": ("GLIBC_2.28",) * 3})
    rng = random.Random(7)
    start = time.monotonic()
    outcomes = set()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            place = rng.choice([rng.randrange(200), rng.randrange(4096, len(data))])
            data[place] = rng.choice([0, 0xFF, rng.randrange(256)])
        try:
            parse(bytes(data[: rng.choice([len(data), rng.randrange(len(data))])]))
            outcomes.add("read")
        except NotElf:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
    assert time.monotonic() - start < 10


def test_file_that_chains_versions_for_ever_is_refused() -> None:
    data = make_elf(("libc.so.6",), versions={"libc.so.6": ("GLIBC_2.28",)})
    library = data.rindex(b"libc.so.6\0") - PAGE
    at = data.index(struct.pack("<HHIII", 1, 1, library, 16, 0))
    chain = struct.pack("<IHHII", 0, 0, 2, library, 16) * 0xFFFF
    head = struct.pack("<HHIII", 1, 0xFFFF, library, len(data) - at, 0)
    with pytest.raises(NotElf, match="more versions"):
        parse(data[:at] + head + data[at + len(head) :] + chain)


@pytest.mark.parametrize("old", [True, False])
def test_loader_cache(old: bool) -> None:
    data = make_cache({"libcuda.so.1": "/usr/lib/libcuda.so.1", "libz.so.1": "/usr/lib/libz.so.1"}, old=old)
    assert parse_cache(data, "x86_64") == {
        "libcuda.so.1": "/usr/lib/libcuda.so.1",
        "libz.so.1": "/usr/lib/libz.so.1",
    }
    assert parse_cache(data, "aarch64") == {}, "entries of another architecture"
    assert parse_cache(b"ld.so-1.7.0" + bytes(100), "x86_64") == {}


@given(st.binary(max_size=400))
def test_any_cache_is_read(data: bytes) -> None:
    for candidate in (data, b"glibc-ld.so.cache1.1" + data, make_cache({"a": "/a"})[: len(data)] + data):
        assert all(soname and path for soname, path in parse_cache(candidate, "x86_64").items())


@pytest.mark.skipif(not Path("/etc/ld.so.cache").exists(), reason="this machine has no loader cache")
def test_this_machines_cache() -> None:
    from airworthy.probes.seam.local import LocalHost

    loader = DynamicLoader(LocalHost())
    found = loader.find("libc.so.6")
    assert found is not None
    assert Path(found.path).exists()


def test_search_order() -> None:
    host = FakeHost(
        {
            "/app/lib/liba.so.1": "",
            "/env/liba.so.1": "",
            "/run/liba.so.1": "",
            "/run/libb.so.1": "",
            "/usr/lib/libc.so.6": "",
            "/usr/lib/libd.so.1": "",
            "/etc/ld.so.cache": make_cache(
                {"libc.so.6": "/usr/lib/libc.so.6", "libgone.so.1": "/usr/lib/libgone.so.1"}
            ),
        },
        env={"LD_LIBRARY_PATH": "/env:/nowhere"},
    )
    loader = DynamicLoader(host)
    ways = [
        ("liba.so.1", parse(make_elf(rpath="$ORIGIN/../lib")), "RPATH"),
        ("liba.so.1", parse(make_elf(runpath="/run")), "LD_LIBRARY_PATH"),
        ("libb.so.1", parse(make_elf(runpath="/run")), "RUNPATH"),
        ("libc.so.6", None, "ld.so.cache"),
        ("libd.so.1", None, "default path"),
    ]
    for soname, elf, found_by in ways:
        found = loader.find(soname, "/app/bin/x.so", elf)
        assert found is not None, soname
        assert found.found_by == found_by
    assert loader.find("libgone.so.1") is None, "the cache is older than the directory"
    assert loader.find("libnone.so.1", "/app/bin/x.so", parse(make_elf(runpath="/run"))) is None


def environment(packages: dict[str, tuple[tuple[str, ...], dict[str, bytes]]], **more: object) -> FakeHost:
    """A host with packages: name → (requirements, files by path in site-packages)."""
    content: dict[str, bytes | str] = {"/usr/lib/libc.so.6": b"", "/usr/lib/libm.so.6": b""}
    content |= more.pop("files", {})  # type: ignore[arg-type]
    for name, (requires, brought) in packages.items():
        info = f"{SITE}/{name.replace('-', '_')}-1.0.dist-info"
        lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
        content[f"{info}/METADATA"] = f"Name: {name}\nVersion: 1.0\n{lines}\n"
        content[f"{info}/RECORD"] = "".join(f"{path},sha256=x,{len(data)}\n" for path, data in brought.items())
        content |= {f"{SITE}/{path}": data for path, data in brought.items()}
    return FakeHost(content, interpreter=PYTHON, **more)  # type: ignore[arg-type]


def told(host: FakeHost) -> dict[str, Binary]:
    facts = gather(host, [binaries.PROBE], strict=True)
    return {binary.path.rpartition("/")[2]: binary for binary in facts.value(keys.BINARIES)}


def test_missing_library_is_told_and_one_in_a_required_package_is_found() -> None:
    cublas = {"nvidia/cublas/lib/libcublas.so.12": make_elf(("libc.so.6",))}
    needs = make_elf(("libcublas.so.12", "libc.so.6"))
    found = told(
        environment(
            {
                "nvidia-cublas-cu12": ((), cublas),
                "torch": (('nvidia-cublas-cu12==12.4.5.8; platform_system == "Linux"',), {"torch/lib/libt.so": needs}),
                "onnxruntime-gpu": (("numpy",), {"onnxruntime/libprovider.so": needs}),
            }
        )
    )
    assert set(found) == {"libprovider.so"}
    assert found["libprovider.so"].missing == ("libcublas.so.12",)
    assert found["libprovider.so"].distribution == "onnxruntime-gpu"


def test_of_each_package_the_one_with_the_highest_glibc_is_told() -> None:
    def with_glibc(version: str) -> bytes:
        return make_elf(("libc.so.6",), versions={"libc.so.6": (f"GLIBC_{version}",)})

    found = told(
        environment(
            {
                "a": (
                    (),
                    {"a/one.so": with_glibc("2.9"), "a/two.so": with_glibc("2.34"), "a/three.so": with_glibc("2.17")},
                ),
                "b": ((), {"b/four.so": make_elf(("libc.so.6",))}),
            }
        )
    )
    assert {name: binary.glibc for name, binary in found.items()} == {"two.so": Version("2.34")}


def test_package_for_another_architecture_is_told_once() -> None:
    arm = make_elf(("libnothere.so.1",), machine=183, versions={"libc.so.6": ("GLIBC_2.99",)})
    found = told(environment({"a": ((), {"a/x.so": arm, "a/y.so": arm})}))
    assert list(found) == ["x.so"]
    assert (found["x.so"].machine, found["x.so"].missing, found["x.so"].glibc) == ("aarch64", (), None)


def test_what_is_no_elf_file_or_gone_is_passed_over() -> None:
    host = environment({"a": ((), {"a/script.so": b"INPUT(libx.so.1)", "a/empty.so": b""})})
    del host.files[f"{SITE}/a/empty.so"]
    assert told(host) == {}


def test_cuda_libraries_by_place() -> None:
    host = environment(
        {"nvidia-cublas-cu12": ((), {"nvidia/cublas/lib/libcublas.so.12": b"", "nvidia/other.so": b""})},
        files={
            "/etc/ld.so.cache": make_cache(
                {
                    "libcuda.so.1": "/usr/lib/libcuda.so.1",
                    "libnccl.so.2": "/gone/libnccl.so.2",
                    "libz.so.1": "/usr/lib/libz.so.1",
                }
            ),
            "/usr/lib/libcuda.so.550.54.14": b"",
            "/opt/cuda/libcudart.so.12": b"",
            "/opt/cuda/libcudart.so": b"",
            "/opt/cuda/libcudart.so.12.4.127": b"",
            "/usr/local/cuda-11.8/lib64/libcudart.so.11.0": b"",
        },
        links={"/usr/lib/libcuda.so.1": "libcuda.so.550.54.14"},
        env={"LD_LIBRARY_PATH": "/opt/cuda"},
    )
    found = gather(host, [libraries.PROBE], strict=True).value(keys.LIBRARIES)
    assert found == (
        SharedLibrary(soname="libcudart.so.12", path="/opt/cuda/libcudart.so.12", found_by="LD_LIBRARY_PATH"),
        SharedLibrary(soname="libcuda.so.1", path="/usr/lib/libcuda.so.550.54.14", found_by="ld.so.cache"),
        SharedLibrary(
            soname="libcublas.so.12", path=f"{SITE}/nvidia/cublas/lib/libcublas.so.12", found_by=libraries.WHEEL
        ),
        SharedLibrary(
            soname="libcudart.so.11.0",
            path="/usr/local/cuda-11.8/lib64/libcudart.so.11.0",
            found_by=libraries.OUTSIDE,
        ),
    )


@given(st.binary(max_size=600))
@settings(max_examples=60)
def test_any_record_is_read(record: bytes) -> None:
    host = environment({"a": ((), {})})
    host.files[f"{SITE}/a-1.0.dist-info/RECORD"] = record + b"\na/../x.so,sha256=x,12\n"
    assert isinstance(told(host), dict)
