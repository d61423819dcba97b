"""The tuning of one model: the profile that its runs follow, and the search for it where none is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from airworthy.core.settings import ServeSettings
from airworthy.serve.scheduling import tuning_runs
from airworthy.serve.scheduling.model_runtime import ModelRuntime
from airworthy.serve.scheduling.scheduler import Limits
from airworthy.serve.scheduling.tuner import Profile
from airworthy.serve.workers.wire import Ready

DEFAULT_BATCH_TOKENS = 256
"""Tokens of a batch until tuning has found better."""
MIN_BATCH_TOKENS = 64
"""The least tokens of a batch, whatever tuning has found: texts shorter than those tried gain from company."""

KeepProfile = Callable[[Profile], None]
"""Keeps a profile; blocking."""


class ModelTuning:
    """How one model runs best."""

    def __init__(
        self, settings: ServeSettings, limits: Limits, profile: Profile | None, *, is_text: bool, longest: int | None
    ) -> None:
        """Plan it.

        Args:
            settings: the service's settings, which bound what a profile may change.
            limits: the bounds of a batch without a profile.
            profile: what was found before.
            is_text: whether a row is a text.
            longest: tokens of the longest text that the model takes; None for any.
        """
        self._settings = settings
        self.limits = limits
        """The bounds of a batch without a profile."""
        self._profile = profile
        self._is_text = is_text
        self._longest = longest
        self._search: asyncio.Task[None] | None = None

    def join(self, runtime: ModelRuntime, *, rows: bool, padding: bool) -> None:
        """Let requests share runs in these ways.

        Args:
            runtime: what runs the model.
            rows: whether rows of several requests may run together.
            padding: whether texts of unlike length may.
        """
        self.limits = replace(self.limits, rows=self._settings.batching.max_rows if rows else 1, padding=padding)
        runtime.join(self.limits)

    def apply(self, runtime: ModelRuntime) -> bool:
        """Let a runtime follow the profile; whether there is one."""
        if self._profile is None:
            return False
        limits = self.limits
        if self._is_text and not self._settings.batching.max_tokens:
            limits = replace(limits, tokens=max(MIN_BATCH_TOKENS, self._profile.batch))
        runtime.take_profile(self._profile, limits)
        return True

    def start(self, runtime: ModelRuntime, ready: Ready, keep: KeepProfile) -> None:
        """Search for a profile while no client asks for anything.

        Args:
            runtime: what runs the model; it follows the profile once that is found.
            ready: what its first worker said.
            keep: keeps the profile.
        """
        self._search = asyncio.get_running_loop().create_task(self._find(runtime, ready, keep))

    def stop(self) -> None:
        """Search no more."""
        if self._search is not None:
            self._search.cancel()

    async def _find(self, runtime: ModelRuntime, ready: Ready, keep: KeepProfile) -> None:
        most_rows = self._settings.batching.max_rows
        found = await tuning_runs.find(
            runtime, ready, is_text=self._is_text, most_rows=most_rows, longest=self._longest
        )
        if found is not None:
            self._profile = found
            self.apply(runtime)
            await asyncio.get_running_loop().run_in_executor(None, keep, found)
