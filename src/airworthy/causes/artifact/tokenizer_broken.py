"""The tokenizer's files are missing or damaged, or what reads them is missing or too old.

## What happens

The weights are fine and the tokenizer does not load: `Couldn't instantiate the backend tokenizer`, `data did not match
any variant of untagged enum ModelWrapper`, `TypeError: not a string`, `unknown pre-tokenizer type`.

## Why

A tokenizer is files and a program. The files were left out when only weights were copied or merged; a slow tokenizer
(`tokenizer.model`) is to be converted, and `sentencepiece`, `tiktoken` or `protobuf` is not installed; or
`tokenizer.json` was written by a newer `tokenizers` than the one that reads it. Some libraries then pass `None` for the
file that they did not find, hence `not a string`.

## How to end it

Fetch the tokenizer's files from where the weights came. Install the package that reads them; upgrade `tokenizers`
together with `transformers`.

## How to prevent it

Save the tokenizer beside the weights (`tokenizer.save_pretrained`), as `tokenizer.json`.

## Example

```
ValueError: Couldn't instantiate the backend tokenizer from one of:
(1) a `tokenizers` library serialization file,
(2) a slow tokenizer instance to convert or
(3) an equivalent slow tokenizer class to instantiate and convert.
You need to have sentencepiece installed to convert a slow tokenizer to a fast one.
```

## References

- https://huggingface.co/docs/transformers/main_classes/tokenizer
- https://github.com/huggingface/tokenizers/issues/1529
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from airworthy.causes.artifact.architecture_unknown import CODE_FORMATS
from airworthy.causes.commands import command, model_folder, pip_install
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_CONFIGURATION, MODEL_ENTRY_FORMAT, MODEL_PATH
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="tokenizer-broken",
    severity=Severity.ERROR,
    needs=(MODEL_CONFIGURATION,),
    uses=(MODEL_ENTRY_FORMAT, DISTRIBUTIONS, MODEL_PATH),
    message="{architecture} reads text, and there is no tokenizer beside it",
    signatures=(
        Signature("Couldn't instantiate the backend tokenizer from one of"),
        Signature("installed to convert a slow tokenizer to a fast one"),
        Signature("did not match any variant of untagged enum"),
        Signature("does not exist or is not currently imported", r"Tokenizer class (?P<name>\w{1,80}) does not exist"),
        Signature(
            "library but it was not found",
            r"requires the (?P<package>SentencePiece|tokenizers|protobuf|tiktoken) library but",
        ),
        Signature("Converting from SentencePiece and Tiktoken failed"),
        Signature("is required to read a `tiktoken` file"),
        Signature("could not parse ModelProto from"),
        Signature("cannot find tokenizer merges in model file"),
        Signature("BPE pre-tokenizer was not recognized"),
        Signature("Unable to load vocabulary from file"),
        Signature("Can't find a vocabulary file at path"),
        Signature("to build an AutoTokenizer", weight=0.97),
        Signature("sentencepiece_processor.cc", weight=0.95),
        Signature("unknown pre-tokenizer type", r"unknown pre-tokenizer type: '(?P<name>[^'\n]{1,60})'", weight=0.95),
        Signature("key not found in model: tokenizer.", weight=0.95),
        Signature("Non-consecutive added token", weight=0.92),
        Signature("error loading model vocabulary", weight=0.9),
        Signature("Can't load tokenizer for", weight=0.86),
        Signature("TokenizerFast.from_file(", weight=0.85),
        Signature("SentencePieceProcessor_", r"SentencePieceProcessor_[lL]oad", weight=0.85),
        Signature("Error loading tokenizer", weight=0.8),
        # What the tokenizers library says of JSON, in the words of the parser beneath it.
        Signature("Exception: ", r"^Exception: .{4,120} at line \d+ column \d+\s*$", weight=0.8),
        Signature("TypeError: not a string", weight=0.75),
        Signature(
            "not NoneType",
            r"TypeError: (?:stat: path should be string|expected str), bytes.{0,40}not NoneType",
            weight=0.6,
        ),
    ),
    related=("package-missing", "shard-missing", "file-corrupt", "api-removed"),
)

_READS_TEXT = re.compile(r"\w+(?:ForCausalLM|LMHeadModel|ForMaskedLM|ForQuestionAnswering|ForTokenClassification)")
_NO_FILES = frozenset({"byt5", "canine", "perceiver", "evabyte", "blt", "rwkv", "musicgen", "esm", "xlstm"})
"""Model types that read bytes, or other things than text, without any file."""
_SENTENCEPIECE = re.compile(r"tokenizer\.model|spiece\.model|sentencepiece\.[\w.-]*model|\w+\.spm")
_FAST = frozenset({"tokenizer.json", "tekken.json"})
_OWN_ENGINES = frozenset({"mistral-common", "llama-cpp-python"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """A model of text without any file of a tokenizer; a tokenizer that nothing installed can read."""
    configuration = facts.value(MODEL_CONFIGURATION)
    if facts.get_value(MODEL_ENTRY_FORMAT, "") not in CODE_FORMATS or configuration.model_type in _NO_FILES:
        return
    files = configuration.tokenizer_files
    path = facts.get_value(MODEL_PATH, configuration.model_type)
    reads = next((name for name in configuration.architectures if _READS_TEXT.fullmatch(name)), "")
    if reads and not files:
        yield CAUSE.finding(
            facts,
            path,
            evidence=(MODEL_CONFIGURATION,),
            # It may be given another folder for its tokenizer.
            severity=Severity.WARNING,
            confidence=Confidence.MEDIUM,
            architecture=reads,
        )
        return
    installed = {each.name for each in facts.get_value(DISTRIBUTIONS, ())}
    model = next((name for name in files if _SENTENCEPIECE.fullmatch(name)), "")
    readers = {"sentencepiece", *_OWN_ENGINES}
    if model and not _FAST & set(files) and "transformers" in installed and not installed & readers:
        yield CAUSE.finding(
            facts,
            path,
            evidence=(MODEL_CONFIGURATION, DISTRIBUTIONS),
            message="the tokenizer is in {file}, and the package {package} that reads it is not installed",
            confidence=Confidence.MEDIUM,
            file=model,
            package="sentencepiece",
        )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The reader, the files, or both anew."""
    package = str(params.get("package", "")).lower()
    if package:
        yield Remedy(
            why=say("Install {package}, and protobuf, which converting it needs.", package=package),
            commands=(pip_install(facts, package, "protobuf"),),
        )
    elif not params.get("architecture"):
        yield Remedy(
            why=say("Upgrade what reads tokenizers; a file from a newer release can't be read by an older one."),
            commands=(pip_install(facts, "--upgrade", "tokenizers", "transformers", "sentencepiece", "protobuf"),),
        )
    yield Remedy(
        why=say("Fetch the tokenizer's files from where the weights came; name the repository in place of REPOSITORY."),
        commands=(
            command(
                facts, "hf", "download", "REPOSITORY", "--include", "*token*", "--include", "*.model", "--local-dir"
            )
            + " "
            + command(facts, model_folder(facts)),
        ),
        safe=True,
    )
