"""What verbs did that write or prove files of models, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line


def sign(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The line of `airworthy sign`."""
    del options
    yield line(say("{path} is signed: {signature}", **report.data))


def verify(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The line of `airworthy verify`."""
    del options
    answer = report.data
    count, signer = len(answer["files"]), answer["signer"]
    if answer["method"] != "certificate":
        signer = say("key {signer}", signer=signer[:16])
    template = "{path} is what was signed by {signer}: {count} files, none changed, added or missing"
    if count == 1:
        template = "{path} is what was signed by {signer}"
    yield line(say(template, path=answer["path"], signer=signer, count=count))


def encrypt(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy encrypt`."""
    del options
    answer = report.data
    if "new_key" in answer:
        made = answer["new_key"]
        template = "{path} is a new private key; its public one is {key}"
        yield line(say(template, path=made["private"], key=made["recipient"]))
    template = "{path} is encrypted: {output}, {size:bytes}"
    yield line(say(template, path=report.subject, output=answer["path"], size=answer["plain"]))


def decrypt(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The line of `airworthy decrypt`."""
    del options
    yield line(say("{path}: {files} file(s), {plain:bytes}, all proven", **report.data))


def keygen(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy keygen`."""
    del options
    answer = report.data
    if answer["recipient"]:
        yield line(say("public key  {key}", key=answer["recipient"]))
    yield line(say("private     {path}", path=answer["private"]))
    yield line(say("public      {path}", path=answer["public"]))
