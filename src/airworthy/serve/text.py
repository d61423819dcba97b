"""Texts to token ids; the one file that imports the tokenizer library."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from airworthy.core.errors import InputUnreadable
from airworthy.core.words import say

if TYPE_CHECKING:
    from tokenizers import Tokenizer

INLINE_CHARACTERS = 2000
"""Texts of up to so many characters are tokenised at once; a hop to another thread costs more than they do."""


class TextCodec:
    """A model's tokenizer, with truncation and padding off: lengths are checked, and batches padded, elsewhere."""

    def __init__(self, path: str) -> None:
        """Load a `tokenizer.json`.

        Raises:
            InputUnreadable: it is missing or damaged.
        """
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Tokenizer = Tokenizer.from_file(path)
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise InputUnreadable(path=path, reason=str(error)) from None
        padding = self._tokenizer.padding or {}
        self.pad_id: int = padding.get("pad_id", 0)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.vocabulary: int = self._tokenizer.get_vocab_size(with_added_tokens=True)
        # One thread: the tokenizer is not shared between threads, and large inputs are rare.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tokenize")

    async def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of texts, with the model's special tokens; large ones off the event loop."""
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return self._encode(texts)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._encode, texts)

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if len(texts) == 1:
            return [self._tokenizer.encode(texts[0]).ids]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def check_ids(self, ids: Sequence[int]) -> str:
        """What is wrong with token ids that a client sent; empty where nothing is."""
        if not ids:
            return say("a list of token ids is empty")
        wrong = next((number for number in ids if not 0 <= number < self.vocabulary), None)
        if wrong is None:
            return ""
        return say("token id {id} is outside 0…{last}", id=wrong, last=self.vocabulary - 1)

    def close(self) -> None:
        """Stop the thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def int64(values: Sequence[int]) -> bytes:
    """Integers as INT64 data."""
    return array("q", values).tobytes()
