"""A catalogue's texts in one search: literals first, and an entry only when one of its literals was met."""

from __future__ import annotations

import functools

from airworthy.causes.catalogue import Catalogue
from airworthy.recognition.literals import LiteralSearch

READY = (
    "Application startup complete",
    "Uvicorn running on",
    "server is listening on",
    "Started HTTPService at",
    "Started GRPCInferenceService at",
    "The server is fired up and ready to roll",
    "Starting vLLM API server",
    "Listening on [::]:",
    "Booting worker with pid",
    "Model loaded successfully",
    "Running on local URL:",
    "Running gRPC ModelServer at",
    "Exporting HTTP/REST API at",
)
"""What servers print when they have come up: what went wrong before that was recovered from."""

ALARMS = (
    "Error: ",
    "ERROR",
    "Exception: ",
    "Error(s)",
    "FATAL",
    "CRITICAL",
    "panic",
    "error: ",
    "Aborted",
    " failed",
    "Killed",
    "Error response from daemon",
    "terminate called after",
    "Failure: ",
)
"""What lines say that something is wrong, whatever it is; for logs in which nothing is recognised."""


class TextIndex:
    """All literals of a catalogue in one search, with those that report a start and of a failure."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        owners: dict[bytes, list[str]] = {}
        for slug, texts in catalogue.literals.items():
            for text in texts:
                owners.setdefault(text.encode(), []).append(slug)
        self.ready = frozenset(range(len(owners), len(owners) + len(READY)))
        self.alarms = frozenset(range(len(owners) + len(READY), len(owners) + len(READY) + len(ALARMS)))
        self.owners: tuple[tuple[str, ...], ...] = (
            *map(tuple, owners.values()),
            *((),) * (len(READY) + len(ALARMS)),
        )
        self.literals = (*owners, *(text.encode() for text in (*READY, *ALARMS)))
        self.search = LiteralSearch(self.literals)


@functools.lru_cache(maxsize=4)
def text_index(catalogue: Catalogue) -> TextIndex:
    """The index of a catalogue; kept for the last few, since making one takes longer than searching a page of log."""
    return TextIndex(catalogue)
