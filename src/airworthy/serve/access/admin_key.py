"""The key of the administrator, without which no model can be loaded or unloaded over the network."""

from __future__ import annotations

import hashlib
import hmac

from airworthy.core.errors import SettingInvalid
from airworthy.core.messages import say
from airworthy.core.settings import ServeSettings

SHORTEST_KEY = 16
"""Characters that an admin key has at least; shorter ones can be guessed."""
_MOST_KEY = 4096


class AdminKey:
    """Holds the digest of the admin key, never the key."""

    def __init__(self, settings: ServeSettings) -> None:
        """Read the key where the interface is on.

        Raises:
            SettingInvalid: the key is missing or unusable.
        """
        self._expected: bytes | None = None
        if settings.admin.enabled:
            self._expected = _digest(_key(settings))

    @property
    def is_set(self) -> bool:
        """Whether there is an admin interface."""
        return self._expected is not None

    def matches(self, authorization: str | bytes | None) -> bool:
        """Whether a header `Authorization` carries the key; digests are compared, in constant time."""
        if self._expected is None:
            return False
        given = authorization.encode(errors="replace") if isinstance(authorization, str) else authorization or b""
        scheme, _, key = given.partition(b" ")
        return hmac.compare_digest(_digest(key.strip()), self._expected) and scheme.lower() == b"bearer"


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _key(settings: ServeSettings) -> bytes:
    key, source = settings.admin.key.strip(), "serve.admin.key"
    if settings.admin.key_file:
        if key:
            problem = say("`serve.admin.key` and `serve.admin.key_file` are both set")
            raise SettingInvalid(source="serve.admin.key_file", problem=problem, suggestion=say("set one of them"))
        source = settings.admin.key_file
        try:
            with open(source, encoding="utf-8") as file:  # noqa: PTH123 - its size is bounded by what is read
                key = file.read(_MOST_KEY + 1).strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            problem = say("the admin key cannot be read: {reason}", reason=reason)
            suggestion = say("name a readable file in `serve.admin.key_file`")
            raise SettingInvalid(source=source, problem=problem, suggestion=suggestion) from None
    if not key:
        problem = say("`serve.admin.enabled` is on and there is no admin key")
        suggestion = say("name a file with the key in `serve.admin.key_file`, or set AIRWORTHY_SERVE_ADMIN_KEY")
        raise SettingInvalid(source=source, problem=problem, suggestion=suggestion)
    if not SHORTEST_KEY <= len(key) <= _MOST_KEY or any(character.isspace() for character in key):
        problem = say("the admin key is no single word of {least} to {most} characters", least=SHORTEST_KEY, most=4096)
        suggestion = say("make one with `openssl rand -hex 32`")
        raise SettingInvalid(source=source, problem=problem, suggestion=suggestion)
    return key.encode()
