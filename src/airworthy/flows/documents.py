"""The JSON document of each verb: `schema`, `verb`, `subject`, the fields of the answer, `findings`, `results`.

All output formats take the same reports. In JSON a field that does not apply is left out; what a release wrote is read
by every later one.
"""

from __future__ import annotations

from typing import Any, Literal, Union

import msgspec

from airworthy.core.errors import AirworthyError
from airworthy.core.finding import Finding
from airworthy.core.messages import say
from airworthy.core.report import SCHEMA, Crashed, Passed, Skipped, VerbAnswer
from airworthy.flows.answers.audit import AuditAnswer
from airworthy.flows.answers.bench import BenchAnswer
from airworthy.flows.answers.causes import Draft, RecordedCauses
from airworthy.flows.answers.chat import ChatAnswer
from airworthy.flows.answers.check import CheckAnswer
from airworthy.flows.answers.deps import DepsAnswer
from airworthy.flows.answers.diagnose import DiagnoseAnswer
from airworthy.flows.answers.encryption import DecryptedModel, EncryptedModel, NewKey
from airworthy.flows.answers.explain import CauseList, Explanation
from airworthy.flows.answers.facts import FactsAnswer
from airworthy.flows.answers.fit import FitAnswer
from airworthy.flows.answers.gate import GateAnswer
from airworthy.flows.answers.graph import GraphAnswer
from airworthy.flows.answers.inspect import InspectAnswer
from airworthy.flows.answers.lock import LockAnswer, LockCheck, LockDifference, SyncAnswer
from airworthy.flows.answers.optimise import OptimiseAnswer
from airworthy.flows.answers.releases import (
    ReleaseAdded,
    ReleaseAliases,
    ReleaseDifferences,
    ReleaseList,
    ReleasesCollected,
    ReleaseShown,
    RolloutEnded,
)
from airworthy.flows.answers.serving import ServingAnswer
from airworthy.flows.answers.signing import Signed, Verified


class CheckFailed(msgspec.Struct, frozen=True, tag="failed", tag_field="outcome"):
    """A check that found its cause; the findings stand beside it."""

    check: str
    """The slug of the cause."""


CheckRow = Union[Passed, CheckFailed, Skipped, Crashed]

ANSWERS: dict[str, tuple[type[VerbAnswer], ...]] = {
    "up": (ServingAnswer,),
    "bench": (BenchAnswer,),
    "chat": (ChatAnswer,),
    "check": (CheckAnswer,),
    "diagnose": (DiagnoseAnswer,),
    "causes": (RecordedCauses, Draft),
    "explain": (Explanation, CauseList),
    "facts": (FactsAnswer,),
    "inspect": (InspectAnswer,),
    "gate": (GateAnswer,),
    "optimise": (OptimiseAnswer,),
    "deps": (DepsAnswer,),
    "lock": (LockAnswer, LockCheck, LockDifference),
    "sync": (SyncAnswer,),
    "graph": (GraphAnswer,),
    "audit-deps": (AuditAnswer,),
    "fit": (FitAnswer,),
    "sign": (Signed,),
    "verify": (Verified,),
    "encrypt": (EncryptedModel,),
    "decrypt": (DecryptedModel,),
    "keygen": (NewKey,),
    "release": (
        ReleaseList,
        ReleaseAdded,
        ReleaseShown,
        ReleaseDifferences,
        ReleasesCollected,
        ReleaseAliases,
        RolloutEnded,
    ),
    "serve": (ServingAnswer,),
}
"""The types that a verb answers with."""


class DocumentUnreadable(AirworthyError):
    """A JSON document that is no answer of a verb."""

    code = "document-unreadable"
    message = "this is no document of airworthy: {reason}"
    hint = "give what a verb wrote with --format json"


def document_type(verb: str, answer: type[VerbAnswer]) -> type[msgspec.Struct]:
    """The type of the JSON document that carries an answer."""
    fields = [
        (each.encode_name, each.type, *(() if each.default is msgspec.NODEFAULT else (each.default,)))
        for each in msgspec.structs.fields(answer)
    ]
    head = [("schema", Literal[SCHEMA]), ("verb", Literal[verb]), ("subject", str)]
    body = [("findings", tuple[Finding, ...]), ("results", tuple[CheckRow, ...])]
    # Fields that it doesn't know are passed over: a later release of the same schema may have written them.
    return msgspec.defstruct(answer.__name__, [*head, *fields, *body], frozen=True, kw_only=True)


def schema_of(verb: str, answer: type[VerbAnswer]) -> dict[str, Any]:
    """The JSON Schema of the document that carries an answer."""
    return msgspec.json.schema(document_type(verb, answer), schema_hook=lambda _: {"type": "string"})


def load_document(data: bytes | str) -> Any:
    """Read the JSON document that a verb of this or an earlier release wrote.

    Returns:
        An object with the document's fields: `schema`, `verb`, `subject`, those of the answer, `findings`, `results`.

    Raises:
        DocumentUnreadable: it is none, or of a later schema.
    """
    try:
        verb = msgspec.json.decode(data, type=_Head).verb
        if verb not in ANSWERS:
            raise DocumentUnreadable(reason=say("there is no verb {verb!r}", verb=verb))
        kinds = [document_type(verb, answer) for answer in ANSWERS[verb]]
        content = msgspec.json.decode(data)
        # Of a verb with two answers the one that has all these fields.
        fitting = [kind for kind in kinds if content.keys() <= set(kind.__struct_fields__)]
        return msgspec.convert(content, (fitting or kinds)[0], dec_hook=_decoded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentUnreadable(reason=error) from None


class _Head(msgspec.Struct):
    schema: Literal[1]
    verb: str


def _decoded(kind: type, value: Any) -> Any:
    return kind(value)
