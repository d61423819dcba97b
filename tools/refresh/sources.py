"""The pages that tables are refreshed from: where each is, and how its rows are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airworthy.knowledge import ascend, builds, cuda, devices, libraries, onnx, published, rocm, transformers
from airworthy.knowledge import tables as knowledge_tables
from refresh.differ import Row
from refresh.reader import PageError, cells, the_table

_NUMBER = r"\d{1,4}(?:\.\d{1,5}){0,3}"


@dataclass(frozen=True)
class Source:
    """A page that a table's section is refreshed from."""

    page: str
    """Its address."""
    read: Callable[[str], list[Row]]
    """Reads the rows that it tells; a `PageError` where it holds something else."""
    row: type[knowledge_tables.Row]
    """What a row is."""
    key: tuple[str, ...]
    """The fields by which a row of the page and one of the table are the same."""
    about: Callable[[Row], bool] = lambda _: True
    """Whether a row of the table is one that the page speaks of."""
    newest_first: bool = True
    """Where new rows are put."""


def _version(text: str) -> str:
    found = re.search(_NUMBER, text)
    return found[0] if found else ""


def _some(rows: Iterable[Row], what: str) -> list[Row]:
    found = list(rows)
    if not found:
        raise PageError(f"the page has the table and no {what} in it")
    return found


def shipped_drivers(text: str) -> list[Row]:
    """The driver that each CUDA toolkit brings, from the toolkit's release notes."""
    table = the_table(text, "CUDA Toolkit", "Linux")

    def rows() -> Iterator[Row]:
        for name, linux, windows in cells(table, "CUDA Toolkit", "Linux", "Windows"):
            release = re.search(rf"CUDA ({_NUMBER})(?: Update (\d{{1,2}}))?", name)
            driver = re.search(rf">=\s{{0,3}}({_NUMBER})", linux)
            if release is None or driver is None:
                continue
            numbers = release[1].split(".")
            toolkit = ".".join([*[*numbers, "0"][:2], release[2] or (numbers[2] if len(numbers) > 2 else "0")])
            if int(numbers[0]) < 11:
                toolkit = ".".join(numbers[:2])  # its third number is the build of that time
            here = re.search(rf">=\s{{0,3}}({_NUMBER})", windows)
            yield {"toolkit": toolkit, "linux": driver[1], **({"windows": here[1]} if here else {})}

    return _some(rows(), "toolkit with its driver")


def driver_floors(text: str) -> list[Row]:
    """The oldest driver of each major series of CUDA, from the page on minor-version compatibility."""
    table = the_table(text, "CUDA Toolkit", "Linux", "Windows")

    def rows() -> Iterator[Row]:
        for name, linux, windows in cells(table, "CUDA Toolkit", "Linux", "Windows"):
            series = re.search(r"(?:CUDA )?(\d{2})\.x", name)
            if series and _version(linux) and _version(windows):
                yield {"major": int(series[1]), "linux": _version(linux), "windows": _version(windows)}

    return _some(rows(), "series of CUDA")


def capabilities(text: str) -> list[Row]:
    """The toolkits that make code for each compute capability, from NVIDIA's matrix."""
    table = the_table(text, "CUDA Capabilit", "First CUDA Toolkit", "Last CUDA Toolkit")

    def rows() -> Iterator[Row]:
        for listed, first, last in cells(table, "CUDA Capabilit", "First CUDA Toolkit", "Last CUDA Toolkit"):
            names = re.findall(r"\d{1,2}\.\d", listed)
            firsts, lasts = re.findall(_NUMBER, first), re.findall(r"CUDA (\d{1,2})|(?i:(ongoing))", last)
            for place, name in enumerate(names):
                if firsts:
                    since = firsts[min(place, len(firsts) - 1)]
                    until = lasts[min(place, len(lasts) - 1)][0] if lasts else ""
                    yield {"capability": name, "first": since, **({"last": int(until)} if until else {})}

    return _some(rows(), "compute capability")


_KINDS = (("Data ?Cent", "datacentre"), ("Workstation|Consumer", "workstation"), ("Jetson", "jetson"))


def nvidia_devices(text: str) -> list[Row]:
    """The devices of each compute capability, from NVIDIA's list."""
    table = the_table(text, "Compute Capability", "Data ?Cent", "Workstation|Consumer")
    found: dict[tuple[str, str], list[str]] = {}
    for capability, *columns in cells(table, "Compute Capability", *(title for title, _ in _KINDS)):
        if not re.fullmatch(r"\d{1,2}\.\d", capability):
            continue
        for (_, kind), cell in zip(_KINDS, columns, strict=True):
            for name in re.split(r"\n|(?=NVIDIA )|(?=GeForce )|(?=Jetson )", cell):
                plain = re.sub(r"^NVIDIA |\(.*\)| {2,}", " ", name).strip()
                if plain:
                    own = "geforce" if plain.startswith(("GeForce", "GTX")) else kind
                    found.setdefault((capability, own), []).append(plain.removeprefix("GeForce ").strip())
    rows = ({"vendor": "nvidia", "kind": kind, "capability": at, "names": names} for (at, kind), names in found.items())
    return _some(rows, "device")


def ascend_pairs(text: str) -> list[Row]:
    """Which torch-npu goes with which PyTorch and CANN, from its compatibility page."""
    table = the_table(text, "TorchNPU|Extension", "PyTorch", "CANN")

    def rows() -> Iterator[Row]:
        for package, torch, cann in cells(
            table,
            "TorchNPU.{0,20}(?:pack|安装包|version)|Extension",
            "^PyTorch|支持的PyTorch|Supported PyTorch",
            "CANN",
        ):
            own, made_for = re.search(r"\d[\w.]{1,30}", package), _version(torch)
            goes_with = re.search(r"\d{1,2}\.\d[\w.]{0,20}", cann)
            if own and made_for and goes_with:
                yield {"torch_npu": own[0], "torch": made_for, "cann": goes_with[0]}

    return _some(rows(), "release of torch-npu")


def rocm_drivers(text: str) -> list[Row]:
    """The user space that AMD tested with each kernel driver, from its matrix."""
    table = the_table(text, "KMD|KFD", "Tested user")

    def rows() -> Iterator[Row]:
        for driver, listed in cells(table, "KMD|KFD", "Tested user"):
            releases = sorted(
                re.findall(r"\d{1,2}\.\d{1,2}", listed), key=lambda text: [int(n) for n in text.split(".")]
            )
            if re.match(r"\d{1,2}\.\d{1,2}\.x$", driver) and releases:
                yield {"driver": _two(driver), "oldest": releases[0], "newest": releases[-1]}

    return _some(rows(), "kernel driver")


def torchvision(text: str) -> list[Row]:
    """Which torchvision goes with which PyTorch, from its README."""
    table = the_table(text, "^torch$", "^torchvision$")
    pairs = ((_version(torch), _version(own)) for torch, own in cells(table, "^torch$", "^torchvision$"))
    rows = ({"package": "torchvision", "version": own, "torch": torch} for torch, own in pairs if torch and own)
    return _some(rows, "release")


def gcc_symbols(text: str) -> list[Row]:
    """The newest symbols of each GCC's C++ library, from the manual's page on its ABI."""
    found = re.findall(
        r"GCC (\d{1,2}\.\d{1,2}\.\d{1,2}): {1,3}GLIBCXX_(3\.4\.\d{1,2}), CXXABI_(1\.3\.\d{1,2})", text[:4_000_000]
    )
    rows = (
        {"glibcxx": symbols, "cxxabi": abi, "gcc": gcc} for gcc, symbols, abi in found if int(gcc.split(".")[0]) > 4
    )
    return _some(rows, "release of GCC")


def onnx_formats(text: str) -> list[Row]:
    """The newest ONNX format that each ONNX Runtime reads, from its page on compatibility."""
    table = the_table(text, "ONNX Runtime", "opset", "IR version")

    def rows() -> Iterator[Row]:
        for release, opset, ir in cells(table, "ONNX Runtime", "ONNX opset", "IR version"):
            for each in re.findall(r"\d{1,2}\.\d{1,2}(?=\.\d|\b)", release):
                if re.fullmatch(r"\d{1,3}", opset) and re.fullmatch(r"\d{1,3}", ir):
                    yield {"release": each, "ir": int(ir), "opset": int(opset)}

    return _some(_by_release(rows()), "release of ONNX Runtime")


def _by_release(rows: Iterable[Row]) -> list[Row]:
    """One row a release, the first: pages list patch releases apart."""
    kept: dict[str, Row] = {}
    for row in rows:
        kept.setdefault(row["release"], row)
    return list(kept.values())


def torch_pythons(text: str) -> list[Row]:
    """The interpreters of each PyTorch, from the matrix of its releases."""
    table = the_table(text, "PyTorch version", "Python")
    return _pythons("torch", ((release, python) for release, python in cells(table, "PyTorch version", "^Python")))


def tensorflow_pythons(text: str) -> list[Row]:
    """The interpreters of each TensorFlow, from its tested builds."""
    table = the_table(text, "^Version", "Python version", "CUDA")
    pairs = (
        (name, python) for name, python in cells(table, "^Version", "Python version") if name.startswith("tensorflow-")
    )
    return _pythons("tensorflow", pairs)


def tensorflow_needs(text: str) -> list[Row]:
    """The CUDA and cuDNN that each TensorFlow looks for, from its tested builds."""
    table = the_table(text, "^Version", "cuDNN", "CUDA")
    found = []
    for name, cudnn, toolkit in cells(table, "^Version", "cuDNN", "^CUDA"):
        if name.startswith("tensorflow") and _version(cudnn) and _version(toolkit):
            fields = {"cuda": int(_version(toolkit).split(".")[0]), "cudnn": int(_version(cudnn).split(".")[0])}
            found.append({"package": "tensorflow", "release": _two(_version(name)), **fields})
    return _some(found, "tested build")


def _two(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _pythons(package: str, pairs: Iterable[tuple[str, str]]) -> list[Row]:
    found = []
    for release, pythons in pairs:
        versions = sorted(re.findall(r"3\.\d{1,2}", pythons), key=lambda each: int(each[2:]))
        if _version(release) and versions:
            fields = {"lowest": versions[0], "highest": versions[-1]}
            found.append({"package": package, "release": _two(_version(release)), **fields})
    return _some(found, "release")


def pypi_pythons(text: str) -> list[Row]:
    """The interpreters that a package's releases have wheels for, from the index's JSON about it."""
    try:
        told = json.loads(text)
        name, releases = re.sub(r"[-_.]+", "-", str(told["info"]["name"])).lower(), dict(told["releases"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PageError("not an index's JSON about a package: give https://pypi.org/pypi/NAME/json") from None
    found: dict[str, set[int]] = {}
    for release, files in releases.items():
        if re.fullmatch(r"\d{1,4}(?:\.\d{1,4}){1,2}", release) and isinstance(files, list):
            # What one patch release has, the series has.
            found.setdefault(_two(release), set()).update(_minors(files))
    rows = (
        {"package": name, "release": release, "lowest": f"3.{min(minors)}", "highest": f"3.{max(minors)}"}
        for release, minors in found.items()
        if minors
    )
    return _some(rows, "release with wheels")


def _minors(files: list[Any]) -> set[int]:
    """Interpreters, 3.x, of a release's wheels: the oldest and the newest are among them."""
    minors: set[int] = set()
    for file in files:
        if not isinstance(file, dict) or file.get("yanked"):
            continue
        tag = re.search(r"-cp3(\d{1,2})-(abi3|cp3)", str(file.get("filename", ""))[:300])
        if tag is None:
            continue
        if tag[2] != "abi3":
            minors.add(int(tag[1]))
            continue
        # Such a wheel is for all newer interpreters; the package itself says where it ends.
        asked = str(file.get("requires_python") or "")
        last, first = re.search(r"<\s?3\.(\d{1,2})", asked), re.search(r">=\s?3\.(\d{1,2})", asked)
        if last is not None:
            minors |= {int(last[1]) - 1, max(int(tag[1]), int(first[1]) if first else 0)}
    return minors


def model_types(text: str) -> list[Row]:
    """The model types that a release of transformers knows and none before did, from its list of configurations."""
    release = re.search(r'__version__ = "(\d{1,2}\.\d{1,3}\.\d{1,3})"', text)
    named = re.search(r"CONFIG_MAPPING_NAMES\b.{0,80}?\(\s{0,20}[\[{](.*?)\n\s{0,8}[\]}]\n?\s{0,8}\)", text, re.DOTALL)
    types = re.findall(r'\("([\w.-]{1,80})", ?"\w{1,120}"\)', named[1]) if named else []
    if release is None or not types:
        raise PageError(
            "no list of configurations with the release before it: put transformers/__init__.py and "
            "models/auto/configuration_auto.py of one release one after the other"
        )
    table = knowledge_tables.rows("model_types", "release", transformers.TransformersRelease)
    known = {each for row in table if row.version.text != release[1] for each in row.types}
    fresh = sorted({*types} - known)
    return [{"version": release[1], "types": fresh}] if fresh else []


def _of(package: str) -> Callable[[Row], bool]:
    """Rows about one package that no system narrows, and that no page tells."""
    return lambda row: (
        row.get("package") == package and not row.get("platform") and not row.get("machine") and "post" not in row
    )


_CUDA = "https://docs.nvidia.com"
_TF = "https://www.tensorflow.org/install/source"
_PYPI = ("onnxruntime", "onnxruntime-gpu", "tensorflow", "torch", "torch-npu", "vllm", "vllm-ascend")
SOURCES: dict[str, dict[str, list[Source]]] = {
    "cuda_drivers": {
        "shipped": [
            Source(f"{_CUDA}/cuda/cuda-toolkit-release-notes/index.html", shipped_drivers, cuda.Shipped, ("toolkit",))
        ],
        "floor": [
            Source(
                f"{_CUDA}/deploy/cuda-compatibility/minor-version-compatibility.html",
                driver_floors,
                cuda.DriverFloor,
                ("major",),
                newest_first=False,
            )
        ],
    },
    "cuda_architectures": {
        "capability": [
            Source(
                f"{_CUDA}/datacenter/tesla/drivers/cuda-toolkit-driver-and-architecture-matrix.html",
                capabilities,
                cuda.Capability,
                ("capability",),
                newest_first=False,
            )
        ],
    },
    "devices": {
        "device": [
            Source(
                "https://developer.nvidia.com/cuda-gpus",
                nvidia_devices,
                devices.Model,
                ("vendor", "kind", "capability"),
                about=lambda row: row.get("vendor") == "nvidia",
            )
        ],
    },
    "ascend": {
        "pair": [
            Source(
                "https://gitcode.com/Ascend/pytorch/raw/master/COMPATIBILITY.en.md",
                ascend_pairs,
                ascend.Pair,
                ("torch_npu", "cann"),
            )
        ],
    },
    "rocm_drivers": {
        "driver": [
            Source(
                "https://rocm.docs.amd.com/projects/install-on-linux/en/latest/reference/user-kernel-space-compat-matrix.html",
                rocm_drivers,
                rocm.Driver,
                ("driver",),
            )
        ],
    },
    "torch_companions": {
        "companion": [
            Source(
                "https://raw.githubusercontent.com/pytorch/vision/main/README.md",
                torchvision,
                builds.Companion,
                ("package", "version"),
                about=lambda row: row.get("package") == "torchvision",
                newest_first=False,
            )
        ],
    },
    "libstdcxx": {
        "release": [
            Source(
                "https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html",
                gcc_symbols,
                libraries.Compiler,
                ("glibcxx",),
                newest_first=False,
            )
        ],
    },
    "onnx": {
        "onnxruntime": [
            Source(
                "https://onnxruntime.ai/docs/reference/compatibility.html",
                onnx_formats,
                onnx.OnnxRuntimeCeiling,
                ("release",),
                newest_first=False,
            )
        ],
    },
    "python_support": {
        "support": [
            Source(
                "https://raw.githubusercontent.com/pytorch/pytorch/main/RELEASE.md",
                torch_pythons,
                published.PublishedWheels,
                ("release",),
                about=_of("torch"),
            ),
            Source(_TF, tensorflow_pythons, published.PublishedWheels, ("release",), about=_of("tensorflow")),
            *(
                Source(
                    f"https://pypi.org/pypi/{name}/json",
                    pypi_pythons,
                    published.PublishedWheels,
                    ("release",),
                    about=_of(name),
                )
                for name in _PYPI
            ),
        ],
    },
    "gpu_needs": {
        "need": [
            Source(
                _TF,
                tensorflow_needs,
                published.SystemLibraries,
                ("release",),
                about=lambda row: row.get("package") == "tensorflow",
            )
        ],
    },
    "model_types": {
        "release": [
            Source(
                "https://raw.githubusercontent.com/huggingface/transformers/main/src/transformers/models/auto/configuration_auto.py",
                model_types,
                transformers.TransformersRelease,
                ("version",),
                newest_first=False,
            )
        ],
    },
}
"""The sections that a page is there for, by table."""
