"""Reading `tests/causes/*.toml`: what each cause must say about facts and about logs."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

from airworthy.core.facts import Absent, Fact, Facts, Known, Unknown, convert
from airworthy.core.keys import KEYS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "causes"
AGREED = Path(__file__).parent / "unit" / "causes" / "agreed_slugs.toml"
CORPUS = Path(__file__).resolve().parents[1].parent / "shared" / "corpus"


class Case(NamedTuple):
    """One `[fails.x]`, `[passes.x]` or `[skips.x]`."""

    slug: str
    name: str
    data: dict[str, Any]

    @property
    def facts(self) -> Facts:
        known: dict[str, Fact] = {
            n: Known(convert(KEYS[n], v, "case"), "case") for n, v in self.data.get("facts", {}).items()
        }
        absent = {n: Absent(why) for n, why in self.data.get("absent", {}).items()}
        unknown = {n: Unknown(why) for n, why in self.data.get("unknown", {}).items()}
        misspelt = [name for name in (*absent, *unknown) if name not in KEYS]
        assert not misspelt, misspelt
        return Facts({**known, **absent, **unknown}, taken="2026-11-20T00:00:00+00:00")


@functools.cache
def files() -> dict[str, dict[str, Any]]:
    """All files by slug."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


def cases(kind: str) -> list[Case]:
    """All cases of a kind: `fails`, `passes`, `skips`."""
    return [Case(slug, name, data) for slug, file in files().items() for name, data in file.get(kind, {}).items()]


def logs(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """All logs of a kind, `is_it` or `is_not`, with the slug whose file holds them."""
    return [(slug, entry) for slug, file in files().items() for entry in file.get(kind, [])]


def agreed_slugs() -> dict[str, str]:
    """The agreed slugs with their families."""
    table = tomllib.loads(AGREED.read_text(encoding="utf-8"))
    return {slug: family for family, slugs in table.items() for slug in slugs}
