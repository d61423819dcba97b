"""Which subjects are files, and writing them as URIs."""

from __future__ import annotations

import re

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_SUFFIX = re.compile(r"\.(?:onnx|safetensors|bin|pt|pth|ckpt|pkl|gguf|json|toml|txt|data)$", re.IGNORECASE)


def is_path(subject: str) -> bool:
    """Whether a finding's subject is a file or folder, as far as its text shows."""
    return subject.startswith(("/", "./", "../", "~")) or bool(_DRIVE.match(subject) or _SUFFIX.search(subject))


def path_uri(path: str) -> str:
    """A path as a URI reference: absolute ones with `file://`, relative ones relative."""
    slashed = path.replace("\\", "/") if _DRIVE.match(path) or "/" not in path else path
    prefix = "file://" if slashed.startswith("/") else "file:///" if _DRIVE.match(path) else ""
    head, rest = (slashed[:2], slashed[2:]) if _DRIVE.match(path) else ("", slashed)
    return prefix + head + "".join(chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in _octets(rest))


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # the bytes that the file system gave
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")  # no file system gave these; a document may have
