"""Environments as broken as those that stop deployments, each with what names it and what ends it.

Old wheels of frameworks are not installed: their metadata stands in, with the requirements that collide, and the case
says so. Files, records, headers of libraries, locks and advisories are made for real.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from airworthy.core.packages import InstalledPackage
from airworthy.environment.uv import write_stub
from elf_files import make_elf
from environments import environment, package, write


class Case(NamedTuple):
    """One environment."""

    name: str
    """Its name."""
    title: str
    """What is wrong."""
    stands_in: bool
    """Whether metadata alone stands in for wheels that can't be installed any more."""
    make: Callable[[Path], None]
    """Writes it into a folder of packages."""
    named: str
    """A pattern for a line of output that names the fault: the package and what is wrong with it."""
    words: tuple[str, ...] = ()
    """Further options of `airworthy deps`."""
    releases: tuple[InstalledPackage, ...] = ()
    """Releases from which a solution is made."""
    solution: tuple[str, ...] = ()
    """The changes that end it, `numpy 2.1.0 -> 1.26.4`; none where another command ends it."""


def _packages(*packages: InstalledPackage) -> Callable[[Path], None]:
    return lambda site: void(environment(site, packages))


def void(_: object) -> None:
    """Nothing."""


P = package
TENSORFLOW = P(
    "tensorflow", "2.15.1", "numpy<2.0.0,>=1.23.5", "protobuf!=4.21.0,<5.0.0dev,>=3.20.3", "keras<2.16,>=2.15.0"
)
KERAS = P("keras", "2.15.0")


def _tensorflow_without_cuda(site: Path) -> None:
    environment(site, [P("numpy", "1.26.4"), P("protobuf", "4.25.3"), KERAS])
    needs = ("libcudart.so.12", "libcublas.so.12", "libc.so.6")
    files = {
        "tensorflow/__init__.py": b"",
        "tensorflow/python/_pywrap_tensorflow_internal.cpython-311-x86_64-linux-gnu.so": make_elf(needs),
    }
    write(site, TENSORFLOW, files)


def _numpy_1_extension(site: Path) -> None:
    environment(site, [P("numpy", "2.1.0")])
    code = make_elf(("libc.so.6",)) + b"\0numpy.core._multiarray_umath\0"
    write(
        site,
        P("oldext", "1.0", "numpy"),
        {"oldext/_core.cpython-311-x86_64-linux-gnu.so": code, "oldext/__init__.py": b""},
    )


def _patched(site: Path) -> None:
    write(site, P("server", "1.0"), {"server/__init__.py": b"LIMIT = 10\n", "server/app.py": b"timeout = 30\n"})
    (site / "server/app.py").write_bytes(b"timeout = 99\n")


def _shared(site: Path) -> None:
    write(site, P("opencv-python", "4.10.0.84"), {"cv2/__init__.py": b"full\n"})
    write(site, P("opencv-python-headless", "4.11.0.86"), {"cv2/__init__.py": b"headless\n"})


def _half_removed(site: Path) -> None:
    files = {"tokens/__init__.py": b"", "tokens/_fast.cpython-311-x86_64-linux-gnu.so": make_elf(("libc.so.6",))}
    write(site, P("tokens", "0.15.0"), files)
    next((site / "tokens").glob("_fast*")).unlink()


CASES = (
    Case(
        "tensorflow-cuda",
        "TensorFlow 2.15 whose libcudart.so.12 is nowhere",
        True,
        _tensorflow_without_cuda,
        r"libcudart\.so\.12",
        ("--native",),
    ),
    Case(
        "torch-transformers",
        "torch 2.0 below transformers 4.26 and a torchvision of torch 1.13",
        True,
        _packages(
            P("torch", "2.0.0"),
            P("torchvision", "0.14.1", "torch==1.13.1", "numpy"),
            P("transformers", "4.26.1", "tokenizers!=0.11.3,<0.14,>=0.11.1", "numpy>=1.17"),
            P("tokenizers", "0.15.0"),
            P("numpy", "1.24.0"),
        ),
        r"torch==1\.13\.1|tokenizers.*<0\.14",
        (),
        (P("torchvision", "0.15.1", "torch==2.0.0", "numpy"), P("tokenizers", "0.13.3")),
        ("tokenizers 0.15.0 -> 0.13.3", "torchvision 0.14.1 -> 0.15.1"),
    ),
    Case(
        "numpy-abi",
        "NumPy 2 with an extension that was built for NumPy 1",
        False,
        _numpy_1_extension,
        r"oldext.*NumPy 1|NumPy 1.*oldext|numpy-abi",
        ("--native",),
    ),
    Case(
        "protobuf",
        "protobuf between a TensorFlow that wants 4 and a tool that wants 5",
        True,
        _packages(
            TENSORFLOW,
            KERAS,
            P("numpy", "1.26.4"),
            P("grpcio-tools", "1.66.0", "protobuf<6.0dev,>=5.26.1"),
            P("protobuf", "5.28.0"),
        ),
        r"protobuf.*<5\.0\.0",
        (),
        (P("protobuf", "4.25.3"), P("grpcio-tools", "1.62.3", "protobuf<5.0dev,>=4.21.6")),
        ("grpcio-tools 1.66.0 -> 1.62.3", "protobuf 5.28.0 -> 4.25.3"),
    ),
    Case(
        "two-onnxruntimes",
        "onnxruntime and onnxruntime-gpu hide each other",
        True,
        _packages(P("onnxruntime", "1.20.0"), P("onnxruntime-gpu", "1.20.0"), P("embedder", "1.0", "onnxruntime")),
        r"onnxruntime(?!-gpu).*onnxruntime-gpu",
    ),
    Case(
        "pydantic",
        "an application of pydantic 1 beside one of pydantic 2, three steps from a root",
        True,
        _packages(
            P("api", "1.0", "fastapi"),
            P("fastapi", "0.99.0", "pydantic!=1.8,!=1.8.1,<2.0.0,>=1.7.4"),
            P("agent", "1.0", "chain"),
            P("chain", "0.3.0", "pydantic>=2.7.4"),
            P("pydantic", "2.9.0"),
        ),
        r"pydantic.*<2\.0\.0",
        (),
        (P("fastapi", "0.100.0", "pydantic!=1.8,>=1.7.4"),),
        ("fastapi 0.99.0 -> 0.100.0",),
    ),
    Case(
        "other-python",
        "a package that is made for an older Python",
        True,
        _packages(P("legacy", "1.0", requires_python=">=3.6,<3.8")),
        r"legacy.*3\.8",
    ),
    Case("patched", "a file that was changed on the server", False, _patched, r"server.*app\.py|app\.py", ("--files",)),
    Case("shared-files", "two packages that own one file", False, _shared, r"cv2/__init__\.py", ("--files",)),
    Case(
        "half-removed", "a library of a package was deleted", False, _half_removed, r"tokens.*_fast|_fast", ("--files",)
    ),
    Case(
        "twice",
        "two descriptions of one package in one folder",
        False,
        _packages(P("urllib3", "1.26.20"), P("urllib3", "2.2.3")),
        r"urllib3.*(twice|multiple|1\.26\.20.*2\.2\.3)",
    ),
    Case(
        "missing",
        "a requirement far below a root is not installed",
        False,
        _packages(P("app", "1.0", "middle"), P("middle", "1.0", "absent>=2")),
        r"absent",
    ),
)
"""The environments of one kind each. A lock of another platform and an advisory whose fix a parent blocks are no
environments; they have cases of their own in `tests/unit/environment/`."""


def index(folder: Path, case: Case) -> Path:
    """A folder with the metadata of the releases from which a solution is made."""
    folder.mkdir(exist_ok=True)
    for each in case.releases:
        write_stub(folder, each)
    return folder


def names(case: Case, lines: list[str]) -> list[str]:
    """The lines that name a case's fault."""
    return [line for line in lines if re.search(case.named, line, re.IGNORECASE)]
