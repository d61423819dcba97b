"""An answer made of token ids, for engines that give ids: text of whole code points, stop texts, log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airworthy.engines.generation import Emit, Finished, FinishReason, GenerationRequest, TextDelta, TokenLogprob
from airworthy.engines.stop_texts import StopTexts

Decode = Callable[[Sequence[int]], str]
"""The text of token ids, special tokens left out."""
_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
_LONGEST_CHARACTER = 4
"""Bytes of a code point in UTF-8: after so many tokens without a whole one the bytes are no text, and are shown."""


class TokenAnswer:
    """One answer. A token's text depends on the ones before it, so a short tail is decoded again with each."""

    def __init__(self, request: GenerationRequest, prompt_tokens: int, limit: int, decode: Decode, emit: Emit) -> None:
        """Begin an answer.

        Args:
            request: the request; its stop texts end the answer.
            prompt_tokens: tokens of its prompt.
            limit: the most tokens of the answer.
            decode: the tokenizer's.
            emit: takes the pieces.
        """
        self._prompt_tokens, self._limit = prompt_tokens, limit
        self._decode, self._emit = decode, emit
        self._stops = StopTexts(request.stop)
        self._tail: list[int] = []
        """Tokens that are decoded together: those already shown, which give the next ones their context, and those."""
        self._shown = 0
        self._logprobs: list[TokenLogprob] = []
        self._reason: FinishReason | None = None
        self._tokens = 0

    def feed(self, token: int, logprob: TokenLogprob | None = None) -> bool:
        """Take the next token; whether the answer goes on."""
        self._tokens += 1
        self._tail.append(token)
        if logprob is not None:
            self._logprobs.append(logprob)
        self._show(self._new_text())
        if self._reason is None and self._tokens >= self._limit:
            self._reason = "length"
        return self._reason is None

    def end(self) -> None:
        """The model ended the answer: its last token is counted, and not shown."""
        self._tokens += 1
        self._reason = self._reason or "stop"

    def cancel(self) -> None:
        """No client wants the rest."""
        self._reason = "cancelled"

    def finished(self) -> Finished:
        """The last event, after what was held back."""
        if self._reason not in ("cancelled", None) and not self._stops.found:
            self._show(self._new_text(is_last=True), is_last=True)
        assert self._reason is not None
        return Finished(self._reason, self._prompt_tokens, self._tokens)

    def _new_text(self, *, is_last: bool = False) -> str:
        before, text = self._decode(self._tail[: self._shown]), self._decode(self._tail)
        waits = len(self._tail) - self._shown
        if text.endswith(_INCOMPLETE) and waits < _LONGEST_CHARACTER and not is_last:
            return ""
        new = text[len(before) :]
        # Of the tokens shown a few are enough as context for the next.
        self._tail = self._tail[-max(waits, _LONGEST_CHARACTER) :]
        self._shown = len(self._tail)
        return new

    def _show(self, text: str, *, is_last: bool = False) -> None:
        shown = self._stops.feed(text)
        if self._stops.found:
            self._reason = "stop"
        elif is_last:
            shown += self._stops.end()
        if not (shown or (self._logprobs and not self._stops.found)):
            return
        logprobs, self._logprobs = tuple(self._logprobs), []
        if not self._emit(TextDelta(shown, logprobs)) and not is_last:
            self._reason = "cancelled"
