"""Names → members, imported on use."""

from __future__ import annotations

import pytest

from airworthy.core.errors import UnknownName
from airworthy.core.registry import Registry

FAMILY: Registry[object] = Registry("part", {"join": "posixpath:join", "split": "posixpath:split", "no": "nowhere:x"})


def test_members_are_imported_on_use() -> None:
    import posixpath

    assert FAMILY.names() == ("join", "split", "no")
    assert FAMILY.get("join") is posixpath.join
    with pytest.raises(ModuleNotFoundError):
        FAMILY.get("no")


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="no part named 'joim'") as caught:
        FAMILY.get("joim")
    assert "`join`" in caught.value.way_out
    with pytest.raises(UnknownName) as caught:
        FAMILY.get("zzz")
    assert "join, split, no" in caught.value.way_out


def test_order_is_kept() -> None:
    family: Registry[object] = Registry("part", {"split": "posixpath:split", "join": "posixpath:join"})
    assert [member.__name__ for member in family] == ["split", "join"]  # type: ignore[attr-defined]
