"""The answer of `up` and `serve`."""

from __future__ import annotations

from typing import Any, Optional

from airworthy.core.report import VerbAnswer


class ServingAnswer(VerbAnswer, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `up` and `serve`."""

    models: Optional[list[str]] = None
    """The names of the models that were served; left out where nothing was started."""
    url: Optional[str] = None
    """The service's base URL."""
    load_failure: Optional[dict[str, Any]] = None
    """A model that did not load: `model`, `path`, `engine`, `error`, `message`, `output`, `exit_status`, `log`."""
    unknown: Optional[dict[str, Any]] = None
    """What its output says where no entry knows it: `line`, `text`, `template`, `guesses`."""
