"""The texts of OpenVINO's token ids: from the vocabulary's bytes, as a call of the detokenizer takes a millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_SAMPLE = "Fit to fly, é 零 🛫  twice.\n\tdef f(x): return x"


class TokenTexts:
    """A tokenizer's vocabulary."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        by_bytes: dict[bytes, int] = tokenizer.get_vocab()
        self._bytes = {int(token): text for text, token in by_bytes.items()}
        self.vocabulary = max(self._bytes, default=-1) + 1
        """Its size."""
        self._shown: dict[int, bytes] = {}
        ids = [int(token) for token in tokenizer.encode(_SAMPLE, add_special_tokens=False).input_ids.data[0]]
        # A vocabulary whose entries are not the bytes of the text (SentencePiece marks blanks) is left to the library.
        self._is_plain = self._joined(ids) == str(tokenizer.decode(ids))

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        return self._joined(ids) if self._is_plain else str(self._tokenizer.decode(list(ids)))

    def piece(self, token: int) -> str:
        """One token, special or not."""
        return self._bytes.get(token, b"").decode(errors="replace")

    def _joined(self, ids: Sequence[int]) -> str:
        return b"".join(map(self._visible, ids)).decode(errors="replace")

    def _visible(self, token: int) -> bytes:
        shown = self._shown.get(token)
        if shown is None:
            # A special token has a name in the vocabulary, and no text.
            is_special = not self._tokenizer.decode([token])
            shown = self._shown[token] = b"" if is_special else self._bytes.get(token, b"")
        return shown
