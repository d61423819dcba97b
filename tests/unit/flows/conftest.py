"""What tests of flows share."""

from __future__ import annotations

import pytest

from airworthy.artifacts.encryption.registry import KEY_SERVICES
from key_vault import Vault


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key service of the name `vault`."""
    monkeypatch.setitem(KEY_SERVICES._targets, "vault", "")
    monkeypatch.setitem(KEY_SERVICES._loaded, "vault", Vault())
