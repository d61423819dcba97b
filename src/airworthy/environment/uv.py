"""uv, the resolver: the one file that runs it. Its wheel brings the program; one on PATH does as well.

https://docs.astral.sh/uv/reference/cli/
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from airworthy.core.errors import AirworthyError, ExtraMissing
from airworthy.core.messages import say
from airworthy.core.packages import InstalledPackage
from airworthy.environment.changes import Resolution, Resolved
from airworthy.probes.python.distributions import normalise_name

LIMIT = 120.0
"""Seconds that a resolution has."""
SOLVE_LIMIT = 60.0
"""Seconds that all resolutions for one change have together."""
MOST_OUTPUT = 200_000
"""Characters of what it prints that are kept."""
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_NO_SOLUTION = "No solution found"
_OFFLINE = "because the network was disabled"


class ResolverFailed(AirworthyError):
    """uv could not do its work, for a reason other than that there is no solution."""

    code = "resolver-failed"
    message = "uv could not {job}: {reason}"
    hint = "check the index and the network, or work offline from --find-links DIR or --wheelhouse DIR"


class Indexes(msgspec.Struct, frozen=True, kw_only=True):
    """Where packages come from; what is empty here is as uv's own settings and variables say."""

    offline: bool = False
    """Whether nothing is fetched: uv's cache and local folders must do."""
    no_index: bool = False
    """Whether only `find_links` is read."""
    find_links: tuple[str, ...] = ()
    """Folders or pages with distributions."""
    index: str = ""
    """The index in place of the default one."""
    torch_backend: str = ""
    """The accelerator for which PyTorch's packages are chosen, by uv's names: `cpu`, `cu126`, `rocm6.3`."""

    def words(self) -> list[str]:
        """Uv's options."""
        words = ["--offline"] if self.offline else []
        words += ["--no-index"] if self.no_index else []
        words += [word for each in self.find_links for word in ("--find-links", each)]
        words += ["--default-index", self.index] if self.index else []
        return words + (["--torch-backend", self.torch_backend] if self.torch_backend else [])


class UvRun(msgspec.Struct, frozen=True):
    """A run of uv."""

    status: int
    """Its exit status."""
    output: str
    """Standard output."""
    errors: str
    """Standard error."""


@functools.lru_cache(maxsize=1)
def find_uv() -> str:
    """The program, from its wheel or from PATH.

    Raises:
        ExtraMissing: there is none.
    """
    try:
        import uv
    except ImportError:
        pass
    else:
        try:
            return str(uv.find_uv_bin())
        except FileNotFoundError:
            pass
    found = shutil.which("uv")
    if found is None:
        raise ExtraMissing(job=say("resolving"), library="uv", extra="env")
    return found


@functools.lru_cache(maxsize=1)
def version() -> str:
    """Uv's version, `0.13.9`."""
    return ([*run(["--version"], limit=20).output.split(), "", ""])[1]


def run(words: Sequence[str], *, given: str = "", limit: float = LIMIT, cwd: str | None = None) -> UvRun:
    """Run uv and wait for it.

    Raises:
        ExtraMissing: uv is not installed.
        ResolverFailed: it could not be run, or did not end in time.
    """
    environment = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    environment |= {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    try:
        done = subprocess.run(
            [find_uv(), *words],
            input=given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=limit,
            env=environment,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired:
        reason = say("it did not end within {limit:seconds}", limit=limit)
        raise ResolverFailed(job=" ".join(words[:2]), reason=reason) from None
    except OSError as error:
        raise ResolverFailed(job=" ".join(words[:2]), reason=error.strerror or str(error)) from None
    return UvRun(
        done.returncode, done.stdout[:MOST_OUTPUT] if done.returncode else done.stdout, done.stderr[:MOST_OUTPUT]
    )


def explanation_of(errors: str) -> str:
    """Uv's derivation as one paragraph, without the headline and the hints."""
    text = errors.partition(_NO_SOLUTION)[2].partition("\nhint:")[0].partition("\n")[2]
    text = re.sub(r"^\s*(?:cause:|╰─▶|hint:)\s*", "", text.strip())
    return " ".join(text.split())


def interpreter(path: str) -> str:
    """The interpreter that uv asks about the platform: one that has a path, else this program's own."""
    return path if Path(path).is_absolute() else sys.executable


def is_no_solution(done: UvRun) -> bool:
    """Whether uv found that there is no solution, and not that it could not ask."""
    return _NO_SOLUTION in done.errors and _OFFLINE not in done.errors


def last_words(done: UvRun) -> str:
    """Why uv stopped, as one line."""
    if _NO_SOLUTION in done.errors:
        return explanation_of(done.errors)[:400]
    return " ".join(line.strip() for line in done.errors.splitlines() if line.strip())[:400]


def pins(text: str) -> dict[str, str]:
    """The versions in a compiled list, by normalised name."""
    return {normalise_name(name): number for name, number in _PIN.findall(text)}


@contextmanager
def resolver(
    indexes: Indexes, *, python: str = "", python_version: str = "", known: Iterable[InstalledPackage] = ()
) -> Iterator[Resolver]:
    """A resolver by uv while the block runs.

    Args:
        indexes: where packages come from.
        python: the interpreter to resolve for; this program's own if empty.
        python_version: its version.
        known: installed packages, which can stay at their versions though no index has them.
    """
    with tempfile.TemporaryDirectory(prefix="airworthy-resolve-") as folder:
        place = Path(folder)
        stubs = place / "installed"
        stubs.mkdir()
        for package in known:
            write_stub(stubs, package)
        yield Resolver(place, indexes, interpreter(python), python_version)


def write_stub(folder: Path, package: InstalledPackage) -> None:
    """A wheel that is nothing but a package's metadata, for a resolver to read."""
    stem = f"{package.name.replace('-', '_')}-{package.version.replace('-', '_')}"
    metadata = f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n"
    metadata += f"Requires-Python: {package.requires_python}\n" if package.requires_python else ""
    metadata += "".join(f"Provides-Extra: {each}\n" for each in package.extras)
    metadata += "".join(f"Requires-Dist: {each}\n" for each in package.requires)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", metadata)
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


class Resolver:
    """Answers questions by `uv pip compile`; first without the network, then with it where it is allowed."""

    def __init__(self, folder: Path, indexes: Indexes, python: str, python_version: str) -> None:
        self._folder, self._indexes, self._python, self._python_version = folder, indexes, python, python_version
        self._end = time.monotonic() + SOLVE_LIMIT

    def __call__(self, question: Resolution) -> Resolved:
        """Resolve; what keeps uv from answering is `unavailable` and not `no solution`."""
        try:
            answer = self._ask(question, msgspec.structs.replace(self._indexes, offline=True))
            if answer.unavailable and not self._indexes.offline and not self._indexes.no_index:
                answer = self._ask(question, self._indexes)
        except ExtraMissing as error:
            return Resolved(unavailable=f"{error.text}; {error.way_out}")
        except ResolverFailed as error:
            return Resolved(unavailable=error.text)
        return answer

    def _ask(self, question: Resolution, indexes: Indexes) -> Resolved:
        wanted, held, kept = (self._folder / name for name in ("wanted.in", "held.txt", "kept.txt"))
        wanted.write_text("\n".join(question.requirements) + "\n", encoding="utf-8")
        held.write_text("\n".join(question.constraints) + "\n", encoding="utf-8")
        kept.write_text("\n".join(question.preferences) + "\n", encoding="utf-8")
        words = ["pip", "compile", str(wanted), "--constraint", str(held), "--output-file", str(kept), "--quiet"]
        words += ["--no-header", "--no-annotate", "--no-build", "--find-links", str(self._folder / "installed")]
        words += ["--python", self._python, *indexes.words()]
        words += ["--python-version", self._python_version] if self._python_version else []
        left = self._end - time.monotonic()
        if left <= 0:
            return Resolved(unavailable=say("the time of {limit:seconds} for it is over", limit=SOLVE_LIMIT))
        done = run(words, limit=min(LIMIT, left))
        how = say("uv {version}", version=version()) + (say(", offline") if indexes.offline else "")
        if done.status == 0:
            return Resolved(versions=pins(kept.read_text(encoding="utf-8")), how=how)
        if is_no_solution(done):
            return Resolved(explanation=explanation_of(done.errors), how=how)
        return Resolved(unavailable=say("uv could not resolve: {reason}", reason=last_words(done)), how=how)
