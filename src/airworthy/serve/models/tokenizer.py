"""Texts to token ids; the one file that imports the tokenizer library."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from airworthy.core.errors import InputUnreadable
from airworthy.core.messages import say

if TYPE_CHECKING:
    from tokenizers import Tokenizer

INLINE_CHARACTERS = 2000
"""Texts of up to so many characters are tokenised at once; a hop to another thread costs more than they do."""
_TRIES = 4

Pair = tuple[list[int], list[int]]
"""The token ids of two texts, and for each of them 0 or 1: the first text or the second."""


class TextCodec:
    """A model's tokenizer, with truncation and padding off: lengths are checked, and batches padded, elsewhere."""

    def __init__(self, path: str, content: bytes | None = None) -> None:
        """Load a `tokenizer.json`.

        Args:
            path: the file.
            content: what it holds, where it lies on no disk as it is.

        Raises:
            InputUnreadable: it is missing or damaged.
        """
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Tokenizer = (
                Tokenizer.from_file(path) if content is None else Tokenizer.from_buffer(content)
            )
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise InputUnreadable(path=path, reason=str(error)) from None
        padding = self._tokenizer.padding or {}
        self.pad_id: int = padding.get("pad_id", 0)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cutting: Tokenizer | None = None
        self.vocabulary: int = self._tokenizer.get_vocab_size(with_added_tokens=True)
        # One thread: the tokenizer is not shared between threads, and large inputs are rare.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tokenize")

    async def encode(self, texts: Sequence[str], *, most: int | None = None, side: str = "right") -> list[list[int]]:
        """The token ids of texts, with the model's special tokens; large ones off the event loop.

        Args:
            texts: the texts.
            most: tokens that a text may have; it is cut to fit. None leaves it whole.
            side: the side that is cut: `right` keeps a text's beginning, `left` its end.
        """
        if most is not None:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._encode_cut, texts, most, side)
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return self._encode(texts)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._encode, texts)

    def encode_inline(self, text: str) -> list[int]:
        """The token ids of one short text, at once."""
        return self._encode((text,))[0]

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if len(texts) == 1:
            return [self._tokenizer.encode(texts[0]).ids]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def _encode_cut(self, texts: Sequence[str], most: int, side: str) -> list[list[int]]:
        # Its own tokenizer, used by one thread alone: how much is cut is a setting of the whole tokenizer.
        if self._cutting is None:
            from tokenizers import Tokenizer

            self._cutting = Tokenizer.from_str(self._tokenizer.to_str())
        least = self._cutting.num_special_tokens_to_add(is_pair=False) + 1
        self._cutting.enable_truncation(max(most, least), direction=side)
        return [encoding.ids for encoding in self._cutting.encode_batch(list(texts))]

    async def encode_pairs(
        self, first: str, seconds: Sequence[str], *, most: int | None = None, most_second: int | None = None
    ) -> list[Pair]:
        """The token ids of one text with each of others, and which of the two each token belongs to.

        Args:
            first: the text that stands first in every pair.
            seconds: the other texts.
            most: tokens that a pair may have; the second text is cut to fit. None leaves it whole.
            most_second: tokens that the second text may have; it is cut to fit. None leaves it whole.
        """
        if len(first) * len(seconds) + sum(map(len, seconds)) <= INLINE_CHARACTERS:
            return [self._encode_pair(first, second, most, most_second) for second in seconds]
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: [self._encode_pair(first, second, most, most_second) for second in seconds]
        )

    def _encode_pair(self, first: str, second: str, most: int | None, most_second: int | None) -> Pair:
        encoding = self._tokenizer.encode(first, second)
        for _ in range(_TRIES):
            ids = encoding.ids
            own = [place for place, which in enumerate(encoding.sequence_ids) if which == 1]
            keep = len(own)
            if most is not None:
                keep = min(keep, len(own) - (len(ids) - most))
            if most_second is not None:
                keep = min(keep, most_second)
            if keep >= len(own) or keep < 1:
                break
            # A text that was cut may come out as other tokens at its end, seldom as more of them.
            second = second[: encoding.offsets[own[keep - 1]][1]]
            encoding = self._tokenizer.encode(first, second)
        return encoding.ids, encoding.type_ids

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
