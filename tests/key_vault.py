"""A key service for tests."""

from __future__ import annotations


class Vault:
    """A key service of a test: one key, and a cipher that is none."""

    def wrap(self, key: str, secret: bytes) -> bytes:
        if key != "model":
            raise PermissionError(f"no key {key}")
        return bytes(each ^ 0x5A for each in secret)

    def unwrap(self, key: str, wrapped: bytes) -> bytes:
        return self.wrap(key, wrapped)
