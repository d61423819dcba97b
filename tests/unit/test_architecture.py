"""The walks of docs/architecture.md: each file exists, and holds the name that stands after it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SOURCE = ROOT / "src" / "airworthy"


def test_each_file_exists_and_holds_its_name() -> None:
    text = " ".join(PAGE.split())
    pairs = re.findall(r"`([\w/]+\.py)`(?: `(\w+)`)?", text)
    assert len(pairs) > 40
    for path, name in pairs:
        content = (SOURCE / path).read_text(encoding="utf-8")
        assert not name or re.search(rf"^ *(?:class|def|async def) {name}\b", content, re.MULTILINE), f"{path}: {name}"


def test_each_folder_exists() -> None:
    folders = re.findall(r"`((?!tests)[\w/]+/)`", PAGE)
    assert len(folders) > 8
    for folder in folders:
        assert (SOURCE / folder.replace("src/airworthy/", "")).is_dir(), folder


def test_every_room_is_in_the_map() -> None:
    rooms = {each.name for each in SOURCE.iterdir() if (each / "__init__.py").is_file()}
    block = PAGE.partition("```text")[2].partition("```")[0]
    assert {room for room in rooms if not re.search(rf"\b{room}\b", block)} == set()
