"""The first stage: a request's head is in proportion. Bodies are bounded where they are read."""

from __future__ import annotations

from itertools import chain

from airworthy.core.settings import ServeSettings
from airworthy.serve import errors
from airworthy.serve.http.messages import Request

MAX_HEADER_COUNT = 100
"""Headers that a request may have."""


class HeadLimits:
    """The bounds of a request's URL and headers; the connection below has already bounded both in memory."""

    def __init__(self, settings: ServeSettings) -> None:
        self._max_url = settings.limits.max_url
        self._max_headers = settings.limits.max_headers

    def check(self, request: Request) -> None:
        """Refuse a head that is out of proportion.

        Raises:
            UrlTooLong: its URL is longer than `serve.limits.max_url` bytes.
            HeadersTooLarge: its headers are more, or larger, than `serve.limits.max_headers` allows.
        """
        if len(request.target) > self._max_url:
            raise errors.UrlTooLong(most=self._max_url)
        headers, most = request.headers, self._max_headers
        is_large = request.most_head > most and sum(map(len, chain.from_iterable(headers))) > most
        if is_large or len(headers) > MAX_HEADER_COUNT:
            raise errors.HeadersTooLarge(most=most, count=MAX_HEADER_COUNT)
