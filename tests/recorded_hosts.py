"""The recorded hosts under tests/hosts, by name."""

from __future__ import annotations

from pathlib import Path

from airworthy.probes.seam.fake import FakeHost

FOLDER = Path(__file__).parent / "hosts"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def host(name: str) -> FakeHost:
    return FakeHost.from_json((FOLDER / f"{name}.json").read_bytes())
