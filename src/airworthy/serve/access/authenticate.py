"""The second stage: who makes a request. Whatever can't be read as an identity is none."""

from __future__ import annotations

from airworthy.core.settings import ServeSettings
from airworthy.serve.access.admin_key import AdminKey
from airworthy.serve.access.principal import Credentials, Principal, Role
from airworthy.serve.access.rate_limits import name_of

OPEN_ROLE = Role.DEVELOPER
"""What every caller may do: the service has a key for the administrator alone."""


class Authenticator:
    """Makes a principal of what a request says of its caller."""

    def __init__(self, settings: ServeSettings, key: AdminKey) -> None:
        self._key = key
        self.caller_header = settings.callers.header.lower().encode("latin-1")
        """The header, in lower case, in which something trusted names the caller; empty for none."""
        self.anonymous = Principal("", OPEN_ROLE)
        """The caller of whom nothing has to be known."""

    def authenticate(self, credentials: Credentials, needed: Role) -> Principal:
        """The caller.

        Args:
            credentials: what the request says.
            needed: the role that the request needs; a key is examined only where every caller's does not suffice.
        """
        named = credentials.named if self.caller_header else None
        role = OPEN_ROLE
        if needed > OPEN_ROLE and self._key.matches(credentials.authorization):
            role = Role.ADMIN
        return Principal(name_of(credentials.address, named), role, name_of("", named) if named else "")
