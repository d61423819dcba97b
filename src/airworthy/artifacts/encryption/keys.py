"""Keys by what a person calls them: a file, `env:NAME`, or a public key as it is; never a private key itself.

A file of private keys is what `age-keygen` writes, such a file encrypted with a passphrase, an SSH key, a PEM file of
the kind X25519, or a key that a key service keeps wrapped. A file of public keys is a recipients file of age, or the
public half of any of these.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airworthy.artifacts.encryption import age, bech32
from airworthy.artifacts.encryption.age_header import is_age
from airworthy.artifacts.encryption.errors import KeyUnreadable, ServiceFailed
from airworthy.artifacts.encryption.registry import KEY_SERVICES
from airworthy.core.messages import say

MOST_KEY = 64 * 1024
"""Bytes of a key file."""
MOST_WRAPPED = 16 * 1024
"""Bytes that a key service may make of a key."""
WRAPPED = "AIRWORTHY-WRAPPED-KEY"
"""How a line begins whose key a service has wrapped: the service's name for it and the Base64 follow."""
_KEY = 32
_RAW = re.compile(rb"[A-Za-z0-9+/]{43}=")


def text(reference: str) -> bytes:
    """What is written in a key's place.

    Raises:
        KeyUnreadable: it can't be read.
    """
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


def recipients(reference: str) -> list[Any]:
    """Those who are named by one reference.

    Raises:
        KeyUnreadable: it names none, or can't be read.
    """
    if reference.startswith("service:"):
        template = "a service opens no file itself; `airworthy keygen FILE --service {name}` makes a key that it guards"
        raise KeyUnreadable(source=reference, reason=say(template, name=reference))
    try:
        if reference.startswith(("age1", "ssh-")):
            return [age.recipient(reference)]
        return [age.recipient(each) for each in _public_lines(reference, text(reference))]
    except age.NotAnAgeKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None


def identities(reference: str, password: str = "") -> list[Any]:
    """What decrypts, by one reference.

    Args:
        reference: a file or `env:NAME`.
        password: where the passphrase of that key stands: a file or `env:NAME`; empty where it has none.

    Raises:
        KeyUnreadable: it holds no private key, or can't be read.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
    """
    if reference.startswith("service:"):
        template = (
            "a service opens age files by a key file that it has wrapped: `airworthy keygen FILE --service {name}`"
        )
        raise KeyUnreadable(source=reference, reason=say(template, name=reference))
    try:
        return [age.identity(each) for each in _secret_lines(reference, text(reference), password)]
    except age.NotAnAgeKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None


def secret(reference: str) -> str:
    """A passphrase from a file's first line or a variable.

    Raises:
        KeyUnreadable: it can't be read, or is empty.
    """
    found = text(reference).decode(errors="replace").splitlines()
    if not found or not found[0]:
        raise KeyUnreadable(source=reference, reason=say("there is no passphrase in it"))
    return found[0]


def wrapped(reference: str, key: str) -> str:
    """The line of a key file whose key a service has wrapped.

    Raises:
        KeyUnreadable: the reference is not `service:NAME:KEY`.
        UnknownName: there is no such key service.
        ServiceFailed: the key service refused.
    """
    service, name = service_of(reference)
    made = ask(service, name, bech32.decode(key)[1], wrap=True)
    if len(made) > MOST_WRAPPED:
        reason = say("it answered with {size:bytes}", size=len(made))
        raise ServiceFailed(service=service, key=name, reason=reason)
    return f"{WRAPPED} {reference} {base64.b64encode(made).decode()}"


def service_of(reference: str) -> tuple[str, str]:
    """The service and the key in `service:NAME:KEY`.

    Raises:
        KeyUnreadable: it is written in another way.
    """
    _, service, key = (*reference.split(":", 2), "", "")[:3]
    if not reference.startswith("service:") or not service or not key:
        raise KeyUnreadable(source=reference, reason=say("a key of a service is named service:NAME:KEY"))
    return service, key


def ask(service: str, key: str, data: bytes, *, wrap: bool) -> bytes:
    """What a key service makes of some bytes.

    Raises:
        UnknownName: there is no such key service.
        ServiceFailed: it refused.
    """
    member = KEY_SERVICES.get(service)
    try:
        answer = member.wrap(key, data) if wrap else member.unwrap(key, data)
    except Exception as error:  # noqa: BLE001 - whatever another package raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ServiceFailed(service=service, key=key, reason=reason) from None
    if not isinstance(answer, bytes):
        raise ServiceFailed(service=service, key=key, reason=say("it answered with something else than bytes"))
    return answer


def _public_lines(reference: str, data: bytes) -> Iterator[str]:
    if is_age(data):
        raise age.NotAnAgeKey(say("it is protected by a passphrase; name the public key"))
    if b"PUBLIC KEY-----" in data or _RAW.fullmatch(data.strip()):
        from airworthy.artifacts.encryption.awenc import primitives

        yield bech32.encode(age.PUBLIC, _pem(primitives.read_public, data))
        return
    if b"BEGIN PRIVATE KEY" in data:
        yield age.public_of(_from_pem(data))
        return
    if b"-----BEGIN" in data:
        raise KeyUnreadable(
            source=reference, reason=say("it is a private SSH key; name its public half, the .pub file")
        )
    found = list(_lines(data))
    for line in found:
        if line.startswith(WRAPPED):
            raise KeyUnreadable(source=reference, reason=say("its key is wrapped; name the public key"))
        yield _public(reference, line)
    if not found:
        raise KeyUnreadable(source=reference, reason=say("there is no key in it"))


def _public(reference: str, line: str) -> str:
    try:
        return age.public_of(line) if line.startswith("AGE-SECRET-KEY-1") else line
    except age.NotAnAgeKey as error:
        raise KeyUnreadable(source=reference, reason=str(error)) from None


def _secret_lines(reference: str, data: bytes, password: str) -> Iterator[str]:
    if is_age(data):
        if not password:
            template = "it is protected by a passphrase; give it with --password-file or --password-env, or {setting}"
            raise age.NotAnAgeKey(say(template, setting="`[serve.decryption] password`"))
        data = age.unprotect(data, secret(password))
    if b"PUBLIC KEY-----" in data or data.lstrip().startswith((b"age1", b"ssh-")):
        raise age.NotAnAgeKey(say("it is a public key, and a private one is needed"))
    if b"BEGIN PRIVATE KEY" in data or _RAW.fullmatch(data.strip()):
        yield _from_pem(data)
        return
    if b"-----BEGIN" in data:
        yield data.decode(errors="replace")
        return
    found = list(_lines(data))
    if not found:
        raise age.NotAnAgeKey(say("there is no key in it"))
    for line in found:
        yield _unwrapped(reference, line) if line.startswith(WRAPPED) else line


def _unwrapped(reference: str, line: str) -> str:
    _, name, body = (*line.split(" "), "", "")[:3]
    try:
        made = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnreadable(source=reference, reason=say("its wrapped key is no Base64")) from None
    service, key = service_of(name)
    raw = ask(service, key, made, wrap=False)
    if len(raw) != _KEY:
        raise ServiceFailed(service=service, key=key, reason=say("it answered with {size} bytes", size=len(raw)))
    return age.secret_of(raw)


def _from_pem(data: bytes) -> str:
    from airworthy.artifacts.encryption.awenc import primitives

    return age.secret_of(_pem(primitives.read_private, data))


def _pem(read: Any, data: bytes) -> bytes:
    from airworthy.artifacts.encryption.awenc import primitives

    with primitives.needed():
        try:
            return bytes(read(data))
        except primitives.NotAKey as error:
            raise age.NotAnAgeKey(str(error)) from None


def _lines(data: bytes) -> Iterator[str]:
    for line in data.decode(errors="replace").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()
