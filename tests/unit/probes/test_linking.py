"""What the loader maps, worked out on made-up files and held against `ldd` on this machine's."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from airworthy.core.keys import BINARIES, LINK_FAULTS, LOADER_SHADOWED
from airworthy.core.values import LinkFault
from airworthy.probes.linker import binaries, link_faults, shadows
from airworthy.probes.linker.elf import NotElf
from airworthy.probes.linker.linking import closure
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter
from airworthy.probes.seam.local import LocalHost
from elf_files import make_cache, make_elf

SITE = "/v/lib/python3.11/site-packages"
PYTHON = Interpreter("3.11.9", "/v/bin/python", "/v", (SITE,))
AARCH64 = 183
EXTENSION = "x/_x.cpython-311-x86_64-linux-gnu.so"


def installed(packages: dict[str, dict[str, bytes]], *, env: dict[str, str] | None = None, **files: bytes) -> FakeHost:
    """A host with packages, name → files in site-packages, and other files by path."""
    content: dict[str, bytes | str] = dict(files)
    for name, brought in packages.items():
        info = f"{SITE}/{name}-1.0.dist-info"
        content[f"{info}/METADATA"] = f"Name: {name}\nVersion: 1.0\n\n"
        content[f"{info}/RECORD"] = "".join(f"{path},sha256=x,{len(data)}\n" for path, data in brought.items())
        content |= {f"{SITE}/{path}": data for path, data in brought.items()}
    return FakeHost(content, interpreter=PYTHON, env=env)


def faults(host: FakeHost) -> tuple[LinkFault, ...]:
    return gather(host, [link_faults.PROBE], strict=True).value(LINK_FAULTS)


def test_what_a_library_needs_is_searched_on_the_rpath_of_those_that_brought_it_in() -> None:
    first = make_elf(("liba.so.1",), rpath="$ORIGIN/../lib")
    host = FakeHost(
        {"/app/bin/x.so": first, "/app/lib/liba.so.1": make_elf(("libb.so.1",)), "/app/lib/libb.so.1": make_elf(())}
    )
    found = closure(host, "/app/bin/x.so")
    assert {name: at.path for name, at in found.items() if at} == {
        "liba.so.1": "/app/lib/liba.so.1",
        "libb.so.1": "/app/lib/libb.so.1",
    }
    host.files["/app/bin/x.so"] = make_elf(("liba.so.1",), runpath="$ORIGIN/../lib")
    assert closure(host, "/app/bin/x.so")["libb.so.1"] is None, "a run path is the asker's alone"
    host.files["/app/bin/x.so"] = first
    host.files["/app/lib/liba.so.1"] = make_elf(("libb.so.1",), runpath="/elsewhere")
    assert closure(host, "/app/bin/x.so")["libb.so.1"] is None, "who has a run path of its own inherits none"


def test_a_library_that_was_mapped_under_its_own_name_is_taken_from_there() -> None:
    host = FakeHost(
        {
            "/app/x.so": make_elf(("libreal.so", "libb.so.1"), runpath="/app"),
            "/app/libreal.so": make_elf((), soname="liba.so.1"),
            "/app/libb.so.1": make_elf(("liba.so.1",)),
        }
    )
    assert closure(host, "/app/x.so")["liba.so.1"] == closure(host, "/app/x.so")["libreal.so"]


def test_a_file_of_another_architecture_and_a_link_that_leads_nowhere_are_passed_over() -> None:
    host = FakeHost(
        {
            "/app/x.so": make_elf(("liba.so.1", "libb.so.1"), runpath="/one:/two"),
            "/one/liba.so.1": make_elf((), machine=AARCH64),
            "/two/liba.so.1": make_elf(()),
            "/two/libb.so.1": make_elf(()),
        },
        links={"/one/libb.so.1": "gone.so"},
    )
    assert {name: at.path for name, at in closure(host, "/app/x.so").items() if at} == {
        "liba.so.1": "/two/liba.so.1",
        "libb.so.1": "/two/libb.so.1",
    }


def test_a_ring_of_libraries_ends() -> None:
    host = FakeHost({f"/app/lib{n}.so": make_elf((f"lib{(n + 1) % 3}.so",), runpath="$ORIGIN") for n in range(3)})
    assert set(closure(host, "/app/lib0.so")) == {"lib0.so", "lib1.so", "lib2.so"}


def test_no_elf_file_has_no_closure() -> None:
    with pytest.raises(NotElf):
        closure(FakeHost({"/x.so": "INPUT(libx.so.1)"}), "/x.so")


def test_a_missing_library_is_told_with_the_package_that_has_it() -> None:
    host = installed({"x": {EXTENSION: make_elf(("liby.so.2",))}, "y": {"y/lib/liby.so.2": make_elf(())}})
    (fault,) = faults(host)
    assert (fault.kind, fault.distribution, fault.soname) == ("missing", "x", "liby.so.2")
    assert (fault.held_by, fault.held) == ("y", f"{SITE}/y/lib/liby.so.2")


def test_a_library_that_a_record_lists_and_that_is_gone_is_missing() -> None:
    """The record alone does not bring a library into the process."""
    host = installed({"x": {EXTENSION: make_elf(("libz-1a2b.so.1",)), "x.libs/libz-1a2b.so.1": make_elf(())}})
    assert faults(host) == (), "the package loads its own libraries by their paths"
    del host.files[f"{SITE}/x.libs/libz-1a2b.so.1"]
    assert [fault.soname for fault in faults(host)] == ["libz-1a2b.so.1"]


def test_an_older_copy_on_the_variable_is_refused_for_its_versions() -> None:
    needs = make_elf(("libssl.so.3",), versions={"libssl.so.3": ("OPENSSL_3.0.0", "OPENSSL_3.2.0")})
    libraries = {
        "/opt/old/libssl.so.3": make_elf((), defines=("OPENSSL_3.0.0",)),
        "/usr/lib/libssl.so.3": make_elf((), defines=("OPENSSL_3.0.0", "OPENSSL_3.2.0")),
        "/etc/ld.so.cache": make_cache({"libssl.so.3": "/usr/lib/libssl.so.3"}),
    }
    host = installed({"x": {EXTENSION: needs}}, env={"LD_LIBRARY_PATH": "/opt/old"}, **libraries)
    (fault,) = faults(host)
    assert (fault.kind, fault.version, fault.used) == ("version", "OPENSSL_3.2.0", "/opt/old/libssl.so.3")
    assert fault.found_by == "LD_LIBRARY_PATH"
    assert faults(installed({"x": {EXTENSION: needs}}, **libraries)) == ()


def test_a_library_without_versions_is_taken_with_a_warning_only() -> None:
    needs = make_elf(("libssl.so.3",), versions={"libssl.so.3": ("OPENSSL_3.2.0",)})
    assert faults(installed({"x": {EXTENSION: needs}}, **{"/usr/lib/libssl.so.3": make_elf(())})) == ()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x/_y.abi3.so", True),
        ("x/_y.cpython-311-x86_64-linux-gnu.so", True),
        ("x/_y.cpython-311-aarch64-linux-gnu.so", False),
        ("x/tools/attach_linux_arm64.so", False),
        ("x/linux_arm64/_y.abi3.so", False),
    ],
)
def test_an_extension_for_another_architecture_among_native_ones(name: str, told: bool) -> None:
    """Its name has to be one that is imported here: packages carry tools for several machines."""
    host = installed({"x": {EXTENSION: make_elf(()), name: make_elf((), machine=AARCH64)}})
    found = faults(host)
    assert [fault.machine for fault in found] == (["aarch64"] if told else [])


def test_a_library_that_only_lies_there_for_another_architecture_is_named() -> None:
    files = {"/usr/lib/liby.so.1": make_elf((), machine=AARCH64)}
    (fault,) = faults(installed({"x": {EXTENSION: make_elf(("liby.so.1",))}}, **files))
    assert (fault.kind, fault.soname, fault.used) == ("architecture", "liby.so.1", "/usr/lib/liby.so.1")


def test_the_interpreters_own_rpath_counts_for_extensions() -> None:
    """Conda's interpreter has one, and its packages rely on it."""
    host = installed(
        {"x": {EXTENSION: make_elf(("libmkl.so.2",))}},
        **{"/v/bin/python": make_elf((), rpath="$ORIGIN/../lib"), "/v/lib/libmkl.so.2": make_elf(())},
    )
    assert faults(host) == ()
    assert gather(host, [binaries.PROBE], strict=True).value(BINARIES) == ()


def test_a_library_in_front_of_a_packages_own_is_a_shadow() -> None:
    """Also one that is not of CUDA: the run path counts only after the variable."""
    host = installed(
        {
            "x": {
                EXTENSION: make_elf(("libonnxruntime.so.1",), runpath="$ORIGIN"),
                "x/libonnxruntime.so.1": make_elf(()),
            }
        },
        env={"LD_LIBRARY_PATH": "/opt/old"},
        **{"/opt/old/libonnxruntime.so.1": make_elf(())},
    )
    (shadow,) = gather(host, [shadows.PROBE], strict=True).value(LOADER_SHADOWED)
    assert (shadow.used, shadow.meant_by) == ("/opt/old/libonnxruntime.so.1", "x")


def _ldd(path: str) -> dict[str, str | None] | None:
    done = subprocess.run(["ldd", path], capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        return None  # not for this machine, or no shared object
    found = re.findall(r"^\s+(\S+) => (not found|/\S+)", done.stdout, re.MULTILINE)
    return {name: None if at == "not found" else os.path.realpath(at) for name, at in found}


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("ldd") is None, reason="needs Linux's ldd")
def test_it_is_what_ldd_says() -> None:
    folders = [sysconfig.get_path("platlib"), f"{sysconfig.get_path('stdlib')}/lib-dynload", "/usr/lib"]
    files = sorted(str(path) for folder in folders for path in Path(folder).rglob("*.so*") if not path.is_symlink())
    random.Random(3).shuffle(files)
    compared = 0
    for path in files[:30]:
        theirs = _ldd(path)
        if theirs is not None:
            ours = {
                name: at and os.path.realpath(at.path)
                for name, at in closure(LocalHost(), path).items()
                if not name.startswith("ld-")  # ldd gives the loader itself another line
            }
            assert ours == theirs, path
            compared += 1
    assert compared > 5
