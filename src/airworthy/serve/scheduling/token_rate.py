"""How many tokens a second a model gets through, learnt from answers. Plain arithmetic without a clock."""

from __future__ import annotations

from collections import deque

WINDOW = 32
"""Answers over which the rate is taken."""
MIN_ANSWERS = 3
"""Answers below which nothing is foretold."""


class TokenRate:
    """Tokens of prompts and answers together, over the time in which there was anything to do."""

    def __init__(self) -> None:
        self._ended: deque[tuple[float, int]] = deque(maxlen=WINDOW)
        self._busy = 0.0
        self._since: float | None = None

    def is_busy(self, busy: bool, now: float) -> None:
        """Whether anything is being answered from now on, on the caller's clock."""
        if busy and self._since is None:
            self._since = now
        elif not busy and self._since is not None:
            self._busy += now - self._since
            self._since = None

    def learn(self, tokens: int, now: float) -> None:
        """Take in an answer of so many tokens, those of its prompt included, that ended now."""
        busy = self._busy + (now - self._since if self._since is not None else 0.0)
        self._ended.append((busy, tokens))

    @property
    def per_second(self) -> float:
        """Tokens a second while it was busy; 0 where too little is known."""
        if len(self._ended) < MIN_ANSWERS:
            return 0.0
        first, last = self._ended[0][0], self._ended[-1][0]
        # The first answer's tokens were written before the span begins.
        return (sum(tokens for _, tokens in self._ended) - self._ended[0][1]) / (last - first) if last > first else 0.0

    def seconds(self, tokens: int, requests: int) -> float:
        """How long waiting requests take; 0 where too little is known.

        Args:
            tokens: the most that they may take in all; answers mostly end earlier.
            requests: how many they are.
        """
        rate = self.per_second
        if not rate:
            return 0.0
        usual = sum(each for _, each in self._ended) / len(self._ended)
        return min(tokens, requests * usual) / rate
