"""The third stage: whether a caller's role allows what it asks for."""

from __future__ import annotations

from airworthy.serve import errors
from airworthy.serve.access.admin_key import AdminKey
from airworthy.serve.access.principal import Principal, Role


def authorise(principal: Principal, needed: Role, key: AdminKey) -> None:
    """Refuse a caller whose role does not reach.

    Raises:
        AdminOff: only an administrator may, and this service has no administrator.
        Unauthorized: the caller showed no key for this role, or a wrong one.
    """
    if principal.role >= needed:
        return
    if needed is Role.ADMIN and not key.is_set:
        raise errors.AdminOff
    raise errors.Unauthorized
