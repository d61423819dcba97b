"""Keys and certificates for tests, made on the spot."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


class KeyPair(NamedTuple):
    """Two PEM files."""

    private: Path
    public: Path


class Authority(NamedTuple):
    """A root, and a certificate that it issued."""

    root: Path
    key: Path
    certificate: Path


def key_pair(folder: Path, name: str = "key", password: bytes | None = None) -> KeyPair:
    """An elliptic key on P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    pair = KeyPair(folder / f"{name}.pem", folder / f"{name}.pub.pem")
    pair.private.write_bytes(_private(key, password))
    public = key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    pair.public.write_bytes(public)
    return pair


def authority(folder: Path, name: str = "ours", *, days: tuple[int, int] = (-1, 30), signs: bool = True) -> Authority:
    """A root and a signing certificate that it issued, valid from and to so many days from now."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    of_root, of_leaf = _named(f"{name} root"), _named(f"{name} signer")
    made = _certificate(of_root, root, of_root, root, (-1000, 1000), authority=True)
    issued = _certificate(of_leaf, leaf, of_root, root, days, signs=signs)
    paths = Authority(folder / f"{name}-root.pem", folder / f"{name}-key.pem", folder / f"{name}-signer.pem")
    paths.root.write_bytes(made.public_bytes(PEM))
    paths.key.write_bytes(_private(leaf, None))
    paths.certificate.write_bytes(issued.public_bytes(PEM))
    return paths


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _private(key: ec.EllipticCurvePrivateKey, password: bytes | None) -> bytes:
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, sealed)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: tuple[int, int],
    *,
    authority: bool = False,
    signs: bool = True,
) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    usage["digital_signature"] = signs and not authority
    usage["key_cert_sign"] = authority
    usage["key_agreement"] = not signs
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    made = made.not_valid_before(now + timedelta(days=days[0])).not_valid_after(now + timedelta(days=days[1]))
    made = made.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    made = made.add_extension(x509.KeyUsage(**usage), critical=True)
    return made.sign(issuer_key, hashes.SHA256())
