"""What a key service is: something that keeps keys by name and wraps a private key with one of them."""

from __future__ import annotations

from typing import Protocol


class KeyService(Protocol):
    """A keeper of keys: a vault, a cloud's key management, a hardware module.

    Another package brings one by an entry point of the group `airworthy.keys`; the entry's name is the `NAME` in
    `service:NAME:KEY`. A call must end by itself: it is given no time limit.
    """

    def wrap(self, key: str, secret: bytes) -> bytes:
        """Encrypt the 32 bytes of a private key with a key of the service, at most `MOST_WRAPPED` bytes.

        Any exception says why not; its text is shown, so it must not hold secrets.
        """

    def unwrap(self, key: str, wrapped: bytes) -> bytes:
        """The 32 bytes again, or an exception."""
