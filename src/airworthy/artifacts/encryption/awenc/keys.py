"""The key of an old container, by the name of a key that it was encrypted for."""

from __future__ import annotations

import contextlib

from airworthy.artifacts.encryption.awenc import primitives
from airworthy.artifacts.encryption.awenc.header import X25519, ContainerHeader, Service
from airworthy.artifacts.encryption.errors import HeaderChanged, KeyUnreadable, ServiceFailed, WrongKey
from airworthy.artifacts.encryption.keys import ask, service_of, text
from airworthy.core.messages import say


def secret_of(header: ContainerHeader, reference: str, path: object) -> bytes:
    """The model's key, by the key that is named.

    Raises:
        KeyUnreadable: the key can't be read, or is of another kind.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
        WrongKey: the model was not encrypted for that key.
        HeaderChanged: it was, and what was wrapped is not what is there.
    """
    if reference.startswith("service:"):
        service, key = service_of(reference)
        for each in header.recipients:
            if isinstance(each, Service) and (each.service, each.id) == (service, key):
                found = ask(service, key, each.wrapped, wrap=False)
                if len(found) != primitives.KEY:
                    reason = say("it answered with {size} bytes", size=len(found))
                    raise ServiceFailed(service=service, key=key, reason=reason)
                return found
        raise WrongKey(path=path, key=reference, recipients=header.ids)
    try:
        private = primitives.read_private(text(reference))
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
