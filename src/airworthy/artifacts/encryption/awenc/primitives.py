"""Keys and ciphers from the `cryptography` package; the one file of this room that imports it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airworthy.core.errors import ExtraMissing
from airworthy.core.messages import say

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = 32
"""Bytes of every key."""
_INFO = b"airworthy-encryption-v1/"
_NO_NONCE = bytes(12)  # a key that wraps is used once


class NotAKey(ValueError):
    """A text that holds no key of the kind that is needed."""


class DoesNotOpen(Exception):
    """What was encrypted is not what is there, or the key is another."""


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Turn a missing package into the hint how to get it.

    Raises:
        ExtraMissing: the package is not installed.
    """
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise ExtraMissing(job=say("encrypting models"), library="cryptography", extra="crypt") from None
    yield


def key_id(public: bytes) -> str:
    """The id of a public key: the first 8 bytes of its SHA-256, in hex."""
    return hashlib.sha256(public).hexdigest()[:16]


def new_private() -> bytes:
    """The 32 bytes of a new private key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> bytes:
    """The 32 bytes of a private key's public half."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def write_private(private: bytes) -> bytes:
    """A private key as PEM (PKCS#8), as `openssl genpkey -algorithm X25519` writes it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_public(public: bytes) -> bytes:
    """A public key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    return X25519PublicKey.from_public_bytes(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_private(text: bytes) -> bytes:
    """The 32 bytes of a private key from PEM, or from their Base64.

    Raises:
        NotAKey: it is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    if b"-----BEGIN" not in text:
        return _raw(text)
    if b"PUBLIC KEY" in text:
        raise NotAKey(say("it is a public key, and a private one is needed"))
    try:
        key = serialization.load_pem_private_key(text, None)
    except TypeError:
        raise NotAKey(say("it has a password; write it out without one")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise NotAKey(say("it is no PEM key")) from None
    if not isinstance(key, X25519PrivateKey):
        raise NotAKey(say("it is of another kind than X25519"))
    return key.private_bytes_raw()


def read_public(text: bytes) -> bytes:
    """The 32 bytes of a public key, from that or from its private key.

    Raises:
        NotAKey: it is neither.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    if b"PRIVATE KEY" in text:
        return public_of(read_private(text))
    if b"-----BEGIN" not in text:
        return _raw(text)
    try:
        key = serialization.load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise NotAKey(say("it is no PEM key")) from None
    if not isinstance(key, X25519PublicKey):
        raise NotAKey(say("it is of another kind than X25519"))
    return key.public_bytes_raw()


def _raw(text: bytes) -> bytes:
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NotAKey(say("it is neither PEM nor Base64")) from None
    if len(raw) != KEY:
        raise NotAKey(say("it has {size} bytes instead of {wanted}", size=len(raw), wanted=KEY))
    return raw


def wrap(secret: bytes, public: bytes, ephemeral: bytes) -> tuple[bytes, bytes]:
    """A model's key for one recipient: the public half of an ephemeral key, and the key encrypted.

    Raises:
        NotAKey: no secret can be shared with that public key.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    own = public_of(ephemeral)
    return own, AESGCM(_shared(ephemeral, public, own, public)).encrypt(_NO_NONCE, secret, None)


def unwrap(wrapped: bytes, ephemeral: bytes, private: bytes) -> bytes:
    """A model's key again.

    Raises:
        DoesNotOpen: it was wrapped for another key, or changed since.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        shared = _shared(private, ephemeral, ephemeral, public_of(private))
        return AESGCM(shared).decrypt(_NO_NONCE, wrapped, None)
    except (InvalidTag, NotAKey):
        raise DoesNotOpen from None


def _shared(private: bytes, public: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    try:
        secret = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a point of small order, with which everyone shares the same
        raise NotAKey(say("it is no point that a secret can be shared with")) from None
    return _derive(secret, ephemeral + recipient, b"x25519", KEY)


def _derive(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), size, salt, _INFO + info).derive(secret)


def code(secret: bytes, salt: bytes, authenticated: bytes) -> bytes:
    """The authentication code of a header. It also binds the container to one key, which AES-GCM alone does not."""
    return hmac.digest(_derive(secret, salt, b"header", KEY), authenticated, "sha256")


def same(one: bytes, other: bytes) -> bool:
    """Whether two codes are the same, in a time that doesn't say where they differ."""
    return hmac.compare_digest(one, other)


class ChunkCipher:
    """The chunks of one file: each is bound to its file, its number, being the last or not, and the header."""

    def __init__(self, secret: bytes, salt: bytes, number: int, authenticated: bytes) -> None:
        """Derive the key of a file.

        Args:
            secret: the model's key.
            salt: of the header.
            number: 0 for the list of files, then 1, 2, … in its order.
            authenticated: the header's bytes.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        derived = _derive(secret, salt, b"stream" + number.to_bytes(4, "little"), KEY + 7)
        self._cipher: AESGCM = AESGCM(derived[:KEY])
        self._prefix = derived[KEY:]
        self._bound = hashlib.sha256(authenticated).digest()

    def seal(self, counter: int, last: bool, plain: bytes | memoryview) -> bytes:
        """A chunk, encrypted."""
        return self._cipher.encrypt(self._nonce(counter, last), plain, self._bound)

    def open(self, counter: int, last: bool, sealed: bytes | memoryview) -> bytes:
        """A chunk, decrypted and proven.

        Raises:
            DoesNotOpen: it is another chunk, or was changed.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(self._nonce(counter, last), sealed, self._bound)
        except InvalidTag:
            raise DoesNotOpen from None

    def _nonce(self, counter: int, last: bool) -> bytes:
        return self._prefix + counter.to_bytes(4, "big") + (b"\1" if last else b"\0")
