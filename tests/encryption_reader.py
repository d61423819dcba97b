"""A second reader of encrypted models, written from docs/sign-and-encrypt.md alone: what it reads, others can."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

INFO = b"airworthy-encryption-v1/"


def derive(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    return HKDF(SHA256(), size, salt, INFO + info).derive(secret)


def read(data: bytes, private: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The list of files, and every file by its path."""
    magic, version, zero, length = struct.unpack_from("<8sHHI", data)
    assert (magic, version, zero) == (b"\x89AWENC\r\n", 1, 0)
    end = 16 + length
    authenticated, header = data[:end], json.loads(data[16:end])
    key = X25519PrivateKey.from_private_bytes(private)
    public = key.public_key().public_bytes_raw()
    ours = next(r for r in header["recipients"] if r["id"] == hashlib.sha256(public).hexdigest()[:16])
    ephemeral = base64.b64decode(ours["ephemeral"])
    shared = key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    wrapping = derive(shared, ephemeral + public, b"x25519", 32)
    secret = AESGCM(wrapping).decrypt(bytes(12), base64.b64decode(ours["wrapped"]), None)
    salt = base64.b64decode(header["salt"])
    code = hmac.new(derive(secret, salt, b"header", 32), authenticated, hashlib.sha256).digest()
    assert code == data[end : end + 32]
    bound, chunk = hashlib.sha256(authenticated).digest(), header["chunk"]

    def stream(number: int, sealed: bytes) -> bytes:
        derived = derive(secret, salt, b"stream" + struct.pack("<I", number), 39)
        cipher, prefix, plain = AESGCM(derived[:32]), derived[32:], b""
        parts = [sealed[at : at + chunk + 16] for at in range(0, len(sealed), chunk + 16)]
        for counter, part in enumerate(parts):
            nonce = prefix + struct.pack(">I", counter) + bytes([counter + 1 == len(parts)])
            plain += cipher.decrypt(nonce, part, bound)
        return plain

    at = end + 32
    manifest = json.loads(stream(0, data[at : at + header["manifest"]]))
    at += header["manifest"]
    files = {}
    for number, member in enumerate(manifest["files"], 1):
        sealed = member["size"] + 16 * max(1, -(-member["size"] // chunk))
        files[member["path"]] = stream(number, data[at : at + sealed])
        at += sealed
    assert at == len(data)
    return manifest, files
