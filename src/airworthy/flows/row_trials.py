"""What trial runs found of models' rows, kept between starts."""

from __future__ import annotations

from airworthy.core.settings import Settings
from airworthy.serve.workers.row_checks import TrialOutcome
from airworthy.state import profiles
from airworthy.state.directory import state_directory


class KeptTrials:
    """Outcomes by key, beside the profiles of models; a `serve.models.joining.TrialStore`."""

    def __init__(self, settings: Settings) -> None:
        self._directory = state_directory(settings)

    def get(self, key: str) -> TrialOutcome | None:
        """What was found under a key; None where nothing is kept that can be read."""
        return profiles.load(self._directory, _name(key), TrialOutcome)

    def put(self, key: str, outcome: TrialOutcome) -> None:
        """Keep what was found. A directory that can't be written to is passed over: the next start tries again."""
        profiles.keep(self._directory, _name(key), outcome)


def _name(key: str) -> str:
    return f"rows-{key}"
