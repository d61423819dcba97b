"""Making a lock: uv resolves for all platforms at once; the edges between packages are filled in."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from airworthy.core.messages import say
from airworthy.environment import uv
from airworthy.environment.lockfile import edges_of_requirements, with_dependencies
from airworthy.environment.relaxations import Contradiction, contradiction
from airworthy.environment.requirement_files import WantedRequirements

EXPLAIN_LIMIT = 60.0
"""Seconds for which a contradiction is made smaller."""
ACCELERATORS = {
    "cpu": "cpu",
    "cuda118": "cu118",
    "cuda124": "cu124",
    "cuda126": "cu126",
    "cuda128": "cu128",
    "cuda129": "cu129",
    "cuda130": "cu130",
    "rocm6": "rocm6.4",
    "rocm7": "rocm7.0",
    "xpu": "xpu",
    "ascend": "cpu",
}
"""Accelerators by our name, with uv's name for the builds of PyTorch; Ascend's `torch-npu` stands on the CPU build."""


class Locked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of locking."""

    pylock: str = ""
    """The text of `pylock.toml`; empty where there is no solution."""
    requirements: str = ""
    """The text of `requirements.txt`, with hashes."""
    contradiction: Contradiction | None = None
    """Why there is no solution."""


def lock(
    wanted: WantedRequirements,
    indexes: uv.Indexes,
    *,
    python: str,
    python_version: str,
    universal: bool = True,
    previous: str = "",
    upgrade: Sequence[str] = (),
    constraints: Sequence[str] = (),
    explain: bool = True,
) -> Locked:
    """Resolve requirements to a lock.

    Args:
        wanted: what has to be installed.
        indexes: where packages come from.
        python: the interpreter that uv asks about the platform.
        python_version: the oldest Python that the lock is for.
        universal: whether it is for all platforms; else for the interpreter's own.
        previous: the hashed list of the lock that is there, whose versions are kept where they fit.
        upgrade: packages whose newest version is taken all the same; `all` for everything.
        constraints: versions that hold beside the requirements, `jinja2==3.1.6`.
        explain: whether the smallest contradicting set is worked out where there is no solution.

    Raises:
        ExtraMissing: uv is not installed.
        ResolverFailed: uv could not resolve for another reason than that there is no solution.
    """
    with tempfile.TemporaryDirectory(prefix="airworthy-lock-") as folder:
        place = Path(folder)
        given, listed, locked = place / "requirements.in", place / "requirements.txt", place / "pylock.toml"
        if previous:
            listed.write_text(previous, encoding="utf-8")
        common = ["pip", "compile", str(given), "--quiet", "--no-header", "--python", python, *indexes.words()]
        common += ["--python-version", python_version, *(["--universal"] if universal else [])]
        if constraints:
            limits = place / "constraints.txt"
            limits.write_text("\n".join(constraints) + "\n", encoding="utf-8")
            common += ["--constraint", str(limits)]
        fresh = (
            ["--upgrade"] if "all" in upgrade else [word for each in upgrade for word in ("--upgrade-package", each)]
        )

        def compile_list(lines: Sequence[str], words: Sequence[str]) -> uv.UvRun:
            given.write_text("\n".join([*wanted.options, *lines]) + "\n", encoding="utf-8")
            source = Path(wanted.source)
            # Relative paths in options are those of the file that holds them.
            return uv.run([*common, *words], cwd=str(source.parent.absolute()) if source.is_file() else None)

        hashed = ["--generate-hashes", "--annotation-style", "split", "--output-file", str(listed), *fresh]
        done = compile_list(wanted.lines, hashed)
        if done.status != 0:
            if not uv.is_no_solution(done):
                raise uv.ResolverFailed(job=say("lock"), reason=uv.last_words(done))
            if not explain:
                return Locked(contradiction=Contradiction(explanation=uv.explanation_of(done.errors)))
            return Locked(contradiction=_why(wanted, uv.explanation_of(done.errors), compile_list, place))
        text = listed.read_text(encoding="utf-8")
        pins = place / "pins.txt"
        pins.write_text(text, encoding="utf-8")
        done = compile_list(
            wanted.lines, ["--format", "pylock.toml", "--constraint", str(pins), "--output-file", str(locked)]
        )
        if done.status != 0:
            raise uv.ResolverFailed(job=say("write the lock"), reason=uv.last_words(done))
        head = 'created-by = "airworthy"'
        pylock = locked.read_text(encoding="utf-8").replace('created-by = "uv"', head, 1)
        return Locked(pylock=with_dependencies(pylock, edges_of_requirements(text)), requirements=text)


def _why(wanted: WantedRequirements, explanation: str, compile_list: object, place: Path) -> Contradiction:
    """The smallest contradicting set, by resolving parts of the requirements."""
    output = place / "attempt.txt"

    def attempt(lines: Sequence[str]) -> dict[str, str] | None:
        output.unlink(missing_ok=True)
        assert callable(compile_list)
        done: uv.UvRun = compile_list(lines, ["--no-annotate", "--output-file", str(output)])
        if done.status == 0:
            return uv.pins(output.read_text(encoding="utf-8"))
        if not uv.is_no_solution(done):
            raise uv.ResolverFailed(job=say("lock"), reason=uv.last_words(done))
        return None

    end = time.monotonic() + EXPLAIN_LIMIT
    return contradiction(wanted.lines, explanation, attempt, stop=lambda: time.monotonic() > end)
