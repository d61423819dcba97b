"""Keys by what a person calls them: a file, `env:NAME`, or `service:NAME:KEY`. Only names travel, never the keys."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from airworthy.artifacts.encryption.awenc import primitives
from airworthy.artifacts.encryption.errors import HeaderChanged, KeyUnreadable, ServiceFailed, WrongKey
from airworthy.artifacts.encryption.awenc.header import MOST_WRAPPED, X25519, Header, Recipient, Service
from airworthy.artifacts.encryption.registry import KEY_SERVICES
from airworthy.core.messages import say

MOST_KEY = 64 * 1024
"""Bytes of a key file."""


def recipient(reference: str, secret: bytes, ephemeral: bytes) -> Recipient:
    """A model's key wrapped for who is named.

    Args:
        reference: a public key, or a private one whose public half is taken.
        secret: the model's key.
        ephemeral: 32 random bytes for this recipient alone.

    Raises:
        KeyUnreadable: the key can't be read, or is of another kind.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
    """
    if (named := _service(reference)) is not None:
        service, key = named
        wrapped = _ask(service, key, secret, wrap=True)
        if len(wrapped) > MOST_WRAPPED:
            reason = say("it answered with {size:bytes}", size=len(wrapped))
            raise ServiceFailed(service=service, key=key, reason=reason)
        return Service(id=key, service=service, wrapped=wrapped)
    try:
        public = primitives.read_public(_text(reference))
        own, wrapped = primitives.wrap(secret, public, ephemeral)
    except primitives.NotAKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None
    return X25519(id=primitives.key_id(public), ephemeral=own, wrapped=wrapped)


def secret_of(header: Header, reference: str, path: object) -> bytes:
    """The model's key, by the key that is named.

    Raises:
        KeyUnreadable: the key can't be read, or is of another kind.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
        WrongKey: the model was not encrypted for that key.
        HeaderChanged: it was, and what was wrapped is not what is there.
    """
    if (named := _service(reference)) is not None:
        service, key = named
        for each in header.recipients:
            if isinstance(each, Service) and (each.service, each.id) == (service, key):
                found = _ask(service, key, each.wrapped, wrap=False)
                if len(found) != primitives.KEY:
                    reason = say("it answered with {size} bytes", size=len(found))
                    raise ServiceFailed(service=service, key=key, reason=reason)
                return found
        raise WrongKey(path=path, key=reference, recipients=header.ids)
    try:
        private = primitives.read_private(_text(reference))
    except primitives.NotAKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None
    own = primitives.key_id(primitives.public_of(private))
    ours = [each for each in header.recipients if isinstance(each, X25519) and each.id == own]
    for each in ours:
        with contextlib.suppress(primitives.DoesNotOpen):
            return primitives.unwrap(each.wrapped, each.ephemeral, private)
    if ours:
        raise HeaderChanged(path=path, reason=say("what was wrapped for {id} does not open", id=own))
    raise WrongKey(path=path, key=own, recipients=header.ids)


def _service(reference: str) -> tuple[str, str] | None:
    if not reference.startswith("service:"):
        return None
    _, service, key = (*reference.split(":", 2), "", "")[:3]
    if not service or not key:
        raise KeyUnreadable(source=reference, reason=say("a key of a service is named service:NAME:KEY"))
    return service, key


def _ask(service: str, key: str, data: bytes, *, wrap: bool) -> bytes:
    member = KEY_SERVICES.get(service)
    try:
        answer = member.wrap(key, data) if wrap else member.unwrap(key, data)
    except Exception as error:  # noqa: BLE001 - whatever another package raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ServiceFailed(service=service, key=key, reason=reason) from None
    if not isinstance(answer, bytes):
        raise ServiceFailed(service=service, key=key, reason=say("it answered with something else than bytes"))
    return answer


def _text(reference: str) -> bytes:
    if reference.startswith("env:"):
        value = os.environ.get(reference[4:])
        if value is None:
            raise KeyUnreadable(source=reference, reason=say("the environment has no such variable"))
        return value.replace("\\n", "\n").encode(errors="replace")
    path = Path(reference.removeprefix("file:"))
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_KEY + 1)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise KeyUnreadable(source=reference, reason=reason) from None
    if len(data) > MOST_KEY:
        raise KeyUnreadable(source=reference, reason=say("it is too large"))
    return data
