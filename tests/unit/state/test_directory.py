"""Where the state directory lies."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from airworthy.core.settings import Settings, StateSettings
from airworthy.state.directory import state_directory
from airworthy.state.errors import NoHome


@pytest.mark.parametrize("named", ["", "~/kept"])
def test_a_user_without_a_home_directory_learns_which_setting_to_give(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_account(number: int) -> NoReturn:
        raise KeyError(number)

    for variable in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", no_account)
    with pytest.raises(NoHome) as caught:
        state_directory(Settings(state=StateSettings(directory=named)))
    assert "AIRWORTHY_STATE_DIRECTORY" in caught.value.way_out
    assert state_directory(Settings(state=StateSettings(directory="/srv/kept"))) == Path("/srv/kept")
