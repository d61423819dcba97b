"""Texts that end an answer: found wherever they begin, and never shown in part."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Passes an answer's pieces on, and holds back what may be the beginning of a text that ends it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = False
        """Whether one of the texts came; nothing is passed on after it."""

    def feed(self, piece: str) -> str:
        """What of the answer so far can be shown now."""
        if self.found:
            return ""
        text = self._held + piece
        at = min((at for at in map(text.find, self._stops) if at >= 0), default=-1)
        if at >= 0:
            self.found, self._held = True, ""
            return text[:at]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :] if keep else ""
        return text[: len(text) - keep]

    def end(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many of the text's last characters are the first ones of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
