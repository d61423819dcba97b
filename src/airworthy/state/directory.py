"""The state directory: where everything lies that is kept between runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airworthy.core.messages import say
from airworthy.core.settings import Settings
from airworthy.state.errors import NoHome


def state_directory(settings: Settings) -> Path:
    """The state directory of these settings; that of the user where they name none.

    Raises:
        NoHome: it would lie in a home directory, and this user has none.
    """
    try:
        if settings.state.directory:
            return Path(settings.state.directory).expanduser()
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "airworthy"
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "airworthy"
    except RuntimeError:  # HOME is unset, and the user has no entry among the accounts, as in many containers
        raise NoHome(directory=settings.state.directory or say("the state directory")) from None
