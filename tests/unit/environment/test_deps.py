"""`airworthy deps` on environments in a folder, through the function and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recorded_hosts
from airworthy.cli.main import main
from airworthy.environment.uv import Indexes, write_stub
from airworthy.flows.deps import above, deps
from airworthy.probes.linker.native import bundled
from airworthy.probes.python.descriptions import parse_description, read_installed
from airworthy.probes.python.elsewhere import NotAnEnvironment
from airworthy.probes.registry import PROBES
from airworthy.probes.runner import gather
from airworthy.probes.seam.fake import FakeHost
from airworthy.probes.seam.host import Interpreter
from elf_files import make_elf
from environments import CONFLICT, environment, package, write

NOWHERE = Indexes(no_index=True)


def causes(folder: Path, **options: object) -> list[tuple[str, str]]:
    report = deps(folder, indexes=NOWHERE, **options)
    return [(finding.cause, finding.subject) for finding in report.findings]


def test_a_conflict_with_the_change_that_was_tried(tmp_path: Path) -> None:
    index = tmp_path / "index"
    index.mkdir()
    write_stub(index, package("driver", "1.4", "shared>=1.2"))
    site = environment(tmp_path / "site", CONFLICT)
    report = deps(site, indexes=Indexes(no_index=True, find_links=(str(index),)))
    (finding,) = report.findings
    assert report.answer.verdict == "fails"
    assert finding.message == (
        "no version of shared satisfies all: tool 1.0 > driver 1.3 wants shared>=2; "
        "app 1.0 > middle 1.0 > below 1.0 wants shared<2; 1.5 is installed"
    )
    assert finding.remedies[0].commands[0].endswith("-m pip install driver==1.4")


def test_a_healthy_environment(tmp_path: Path) -> None:
    environment(tmp_path, [package("a", "1", "b"), package("b")])
    report = deps(tmp_path, indexes=NOWHERE, files=True)
    assert (report.answer.verdict, report.findings, report.answer.roots) == ("works", (), ("a",))


def test_what_else_is_wrong(tmp_path: Path) -> None:
    environment(
        tmp_path,
        [
            package("onnxruntime", "1.20.0"),
            package("onnxruntime-gpu", "1.20.0"),
            package("old", "1", requires_python="<3"),
            package("needy", "1", "absent>=3"),
            package("twice", "1.0"),
            package("twice", "2.0"),
        ],
    )
    write(tmp_path, package("nameless")).joinpath("METADATA").write_text("Version: 1\n")
    assert set(causes(tmp_path)) == {
        ("conflicting-package-variants", "onnxruntime"),
        ("python-version-unsupported", "old"),
        ("package-missing", "absent"),
        ("installation-damaged", "twice"),
        ("installation-damaged", f"{tmp_path}/nameless-1.0.dist-info"),
    }


def test_origins_and_installers(tmp_path: Path) -> None:
    environment(tmp_path, [package("here", url="file:///src", editable=True), package("other", installer="conda")])
    answer = deps(tmp_path, indexes=NOWHERE).answer
    assert [(each.package, each.editable) for each in answer.origins] == [("here", True)]
    assert answer.installers == {"pip": 1, "conda": 1}


@pytest.mark.parametrize("name", ["none", "file", "empty"])
def test_what_is_no_environment(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotAnEnvironment, match=name):
        deps(tmp_path / name)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = environment(tmp_path / "site", CONFLICT)
    assert main(["deps", "--python", str(site), "--no-index", "--why", "Shared"]) == 1
    text = capsys.readouterr().out
    assert "from app: app 1.0 > middle 1.0 > below 1.0 wants shared<2" in text
    assert "no releases of these packages go together" in text
    assert main(["deps", "--python", str(site), "--no-solve", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["conflicts"][0]["unmet"][0]["steps"][-1]["requires"] == "shared>=2"
    assert main(["deps", "--python", str(site), "--why", "nothing"]) == 2


def test_this_environment_with_native_libraries() -> None:
    answer = deps(native=True, solve=False).answer
    assert answer.libraries
    evidence = {each.evidence for each in answer.libraries}
    assert evidence == {"sbom", "elf"}
    assert all(each.provider in {"package", "system", "driver", "missing"} for each in answer.libraries)


@given(st.text(max_size=400))
def test_any_metadata_is_read(text: str) -> None:
    found = parse_description(text)
    assert all(len(each) <= 1000 for each in found.requires)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_files_of_a_description(metadata: bytes, origin: bytes) -> None:
    info = "/site/x-1.0.dist-info"
    files: dict[str, bytes | str] = {
        f"{info}/METADATA": b"Name: x\nVersion: 1.0\n" + metadata,
        f"{info}/direct_url.json": origin,
    }
    files[f"{info}/sboms/a.json"] = origin
    host = FakeHost(files, interpreter=Interpreter("3.11.9", "/v/bin/python", "/v", ("/site",)))
    found = read_installed(host)
    assert len(found.packages) + len(found.unread) == 1
    for package_ in found.packages:
        assert all(each.evidence == "sbom" for each in bundled(host, package_))


def test_a_list_of_what_a_wheel_bundles() -> None:
    bill = {
        "components": [
            {"name": "libgomp", "purl": "pkg:rpm/almalinux/libgomp@8.5.0"},
            {"name": 7},
            "x",
            {"name": "zlib"},
        ]
    }
    info = "/site/x-1.0.dist-info"
    files = {f"{info}/METADATA": "Name: x\nVersion: 1.0\n", f"{info}/sboms/auditwheel.cdx.json": json.dumps(bill)}
    host = FakeHost(files, interpreter=Interpreter("3.11.9", "/v/bin/python", "/v", ("/site",)))
    (found,) = read_installed(host).packages
    libraries = list(bundled(host, found))
    assert [(each.soname, each.component) for each in libraries] == [
        ("libgomp", "pkg:rpm/almalinux/libgomp@8.5.0"),
        ("zlib", ""),
    ]


def test_where_each_native_library_comes_from(tmp_path: Path) -> None:
    needs = ("libcudart.so.12", "libcublas.so.12", "libown-1a.so.1", "libc.so.6")
    files = {"big/_c.abi3.so": make_elf(needs, runpath="$ORIGIN/../big.libs"), "big.libs/libown-1a.so.1": make_elf(())}
    write(tmp_path, package("big"), files)
    runtime = {"nvidia/cuda_runtime/lib/libcudart.so.12": make_elf((), soname="libcudart.so.12")}
    write(tmp_path, package("nvidia-cuda-runtime-cu12", "12.6"), runtime)
    answer = deps(tmp_path, native=True, solve=False).answer
    assert answer.libraries is not None
    found = {each.soname: (each.provider, each.owner, each.found) for each in answer.libraries if each.by == "big"}
    assert found["libcudart.so.12"] == ("package", "nvidia-cuda-runtime-cu12", False)
    assert found["libcublas.so.12"] == ("missing", "", True)
    assert found["libc.so.6"][0] == "system"
    assert "libown-1a.so.1" not in found


def test_commands_for_a_folder_name_a_program(tmp_path: Path) -> None:
    environment(tmp_path, [package("a", "1", "b>=2"), package("b", "1")])
    (finding,) = deps(tmp_path, solve=False).findings
    assert finding.remedies[0].commands == ("python -m pip install 'b>=2'",)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("h100-server", {"nvidia-driver", "cuda-of-driver", "nvidia.devices.0"}),
        ("ascend-910b-openeuler", {"npu-driver", "cann", "ascend.devices.0"}),
        ("driver-library-mismatch", {"nvidia-driver"}),
    ],
)
def test_what_stands_above_the_libraries_of_recorded_machines(name: str, wanted: set[str]) -> None:
    probes = [PROBES.get(each) for each in ("nvidia", "amd", "ascend", "cuda-toolkit")]
    found = above(gather(recorded_hosts.host(name), probes))
    assert wanted <= found.keys()
    assert all(found.values())
