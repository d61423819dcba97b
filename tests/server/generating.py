"""A service whose language model does what the prompt says, for tests of each dialect."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import language_models
from server.running import Running, running

SETTINGS = {"AIRWORTHY_SERVE_GENERATION_SLOTS": "2"}


@contextlib.contextmanager
def generating(folder: Path) -> Iterator[Running]:
    """The null generator as `tiny`."""
    path = language_models.tiny(folder / "tiny.gguf")
    with running("serve", path, "--engine", "null-generator", env=SETTINGS) as started:
        yield started
        assert started.stop() == 0
