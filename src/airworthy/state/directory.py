"""The state directory: where everything lies that is kept between runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airworthy.core.settings import Settings


def state_directory(settings: Settings) -> Path:
    """The state directory of these settings; that of the user where they name none."""
    if settings.state.directory:
        return Path(settings.state.directory).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "airworthy"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "airworthy"
