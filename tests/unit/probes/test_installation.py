"""Packages that are not whole, and modules that a file of one's own hides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airworthy.core.keys import DISTRIBUTIONS_DAMAGED, HIDDEN_MODULES
from airworthy.core.values import Damage, HiddenModule
from airworthy.probes.python import hidden_modules, installation
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import HostError, Interpreter
from elf_files import make_elf

SITE = "/v/lib/python3.11/site-packages"
PYTHON = Interpreter("3.11.9", "/v/bin/python", "/v", ("/v/lib/python3.11", SITE))


def host(listed: dict[str, bytes | str], lost: tuple[str, ...] = (), requires: str = "", **more: object) -> FakeHost:
    """A host with one package `x` whose record lists the files, of which some are lost, and a package beside it."""
    record = "".join(f"{path},sha256=x,{len(data)}\n" for path, data in listed.items())
    content: dict[str, bytes | str] = {
        f"{SITE}/x-1.0.dist-info/METADATA": "Name: x\nVersion: 1.0\n",
        f"{SITE}/x-1.0.dist-info/RECORD": record + "x-1.0.dist-info/RECORD,,\n",
        f"{SITE}/beside-1.0.dist-info/METADATA": f"Name: beside\nVersion: 1.0\n{requires}",
        f"{SITE}/beside.py": "",
        **{f"{SITE}/{path}": data for path, data in listed.items() if path not in lost},
    }
    return FakeHost({**content, **more.pop("files", {})}, interpreter=PYTHON, **more)  # type: ignore[arg-type, dict-item]


def damages(machine: FakeHost) -> tuple[Damage, ...]:
    return gather(machine, [installation.PROBE], strict=True).value(DISTRIBUTIONS_DAMAGED)


FILES: dict[str, bytes | str] = {
    "x/__init__.py": "import x._x",
    "x/util.py": "pass",
    "x/deep/er/test_it.py": "pass",
    "x/_x.abi3.so": make_elf(("libx-1a.so.1",), runpath="$ORIGIN/../x.libs"),
    "x.libs/libx-1a.so.1": make_elf(()),
}


def test_a_whole_package_has_no_damage() -> None:
    assert damages(host(FILES)) == ()


@pytest.mark.parametrize(
    ("lost", "kind", "imported", "path"),
    [
        (tuple(FILES), "gone", True, "x/__init__.py"),
        (("x/_x.abi3.so",), "files", True, "x/_x.abi3.so"),
        (("x/util.py",), "files", False, "x/util.py"),
        (("x.libs/libx-1a.so.1",), "files", True, "x.libs/libx-1a.so.1"),
    ],
)
def test_what_is_lost(lost: tuple[str, ...], kind: str, imported: bool, path: str) -> None:
    (damage,) = damages(host(FILES, lost))
    assert (damage.kind, damage.imported, damage.path) == (kind, imported, f"{SITE}/{path}")


def test_a_lost_library_is_told_with_who_asks_for_it() -> None:
    (damage,) = damages(host(FILES, ("x.libs/libx-1a.so.1",)))
    assert damage.needed_by == f"{SITE}/x/_x.abi3.so"


def test_what_images_leave_out_is_no_damage() -> None:
    assert damages(host(FILES, ("x/deep/er/test_it.py",))) == ()


def test_a_library_that_is_shorter_than_its_headers_say() -> None:
    """Loading it stops with `file too short`, or ends the process."""
    machine = host(FILES)
    machine.files[f"{SITE}/x/_x.abi3.so"] = make_elf(())[:-1]
    (damage,) = damages(machine)
    assert (damage.kind, damage.path) == ("cut-short", f"{SITE}/x/_x.abi3.so")


@pytest.mark.parametrize("text", ["", "Name: y\n", "\x00\x00", "Version: 1.0\n\nName: y"])
def test_a_description_that_names_nothing(text: str) -> None:
    files = {f"{SITE}/y-1.0.dist-info/METADATA": text}
    (damage,) = damages(host(FILES, requires="Requires-Dist: Y>=1\n", files=files))
    assert (damage.kind, damage.distribution, damage.imported) == ("metadata", "y", True)
    (damage,) = damages(host(FILES, files=files))
    assert damage.imported is False, "nobody asks for it"


def test_a_directory_that_can_not_be_listed_claims_nothing() -> None:
    machine = host(FILES, tuple(FILES), directories={f"{SITE}/x": HostError("permission denied")})
    assert all(damage.path != f"{SITE}/x/__init__.py" for damage in damages(machine))


@given(st.text(max_size=200))
def test_any_record_is_read(record: str) -> None:
    machine = host(FILES)
    machine.files[f"{SITE}/x-1.0.dist-info/RECORD"] = record
    assert isinstance(damages(machine), tuple)


def hidden(**files: str) -> tuple[HiddenModule, ...]:
    content = {f"/work/{name}": text for name, text in files.items()}
    content |= {f"{SITE}/torch/__init__.py": "", f"{SITE}/six.py": "", f"{SITE}/google/protobuf/__init__.py": ""}
    machine = FakeHost(content, interpreter=PYTHON, cwd="/work", directories={"/work": ()})
    return gather(machine, [hidden_modules.PROBE], strict=True).value(HIDDEN_MODULES)


def names(*paths: str) -> list[str]:
    return [each.module for each in hidden(**dict.fromkeys(paths, ""))]


def test_modules_that_a_file_of_ones_own_hides() -> None:
    assert names("random.py", "six.py", "main.py") == ["random", "six"]
    assert names("torch/__init__.py") == ["torch"]
    assert hidden(**{"random.py": ""})[0].path == "/work/random.py"


def test_what_hides_nothing() -> None:
    assert names("torch/notes.txt", "random/data.csv") == [], "a folder without __init__.py gives way"
    assert names("google/__init__.py") == [], "a namespace of several packages"
    assert names("sys.py", "time.py", "test/__init__.py") == [], "built in, or missed by nobody"
    assert names("pyproject.toml", "torch/__init__.py") == [], "a project's own folder"
    assert names("pyproject.toml", "random.py") == ["random"], "also in a project's folder"


def test_the_folder_of_packages_itself_hides_nothing() -> None:
    machine = FakeHost({f"{SITE}/six.py": "", f"{SITE}/random.py": ""}, interpreter=PYTHON, cwd=SITE)
    assert gather(machine, [hidden_modules.PROBE], strict=True).value(HIDDEN_MODULES) == ()
