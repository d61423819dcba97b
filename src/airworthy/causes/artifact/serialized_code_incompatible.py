"""Code stored inside the model does not fit this interpreter or library.

## What happens

The file opens, and turning it into objects fails: `bad marshal data (unknown type code)`, `Can't get attribute … on
<module`, `No module named 'sklearn.ensemble.forest'`, `node array from the pickle has an incompatible dtype`,
`Unknown layer`.

## Why

Some formats store code or its address. A Keras Lambda layer stores bytecode, which changes with each Python; a
pickle stores the names of classes and the layout of their data, and libraries move and change both; a pickled model
of your own names classes of the script that wrote it. Such files are only for the versions that wrote them.

## How to end it

Load the file once in an environment with the versions that wrote it, and save it anew as something that holds no
code: a state dict, safetensors, ONNX. Where only your own class is missing, import it under the name the file has.

## How to prevent it

Deploy formats without code. Write the versions of Python and libraries beside every pickle.

## Example

```
  File "/opt/venv/lib/python3.10/site-packages/keras/src/utils/python_utils.py", line 80, in func_load
    code = marshal.loads(raw_code)
ValueError: bad marshal data (unknown type code)
```

## References

- https://scikit-learn.org/stable/model_persistence.html
- https://github.com/keras-team/keras/issues/14875
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install
from airworthy.causes.interface import Cause, Signature, Undecidable
from airworthy.core.facts import Facts, Unknown
from airworthy.core.finding import Confidence, Finding, Remedy, Severity
from airworthy.core.keys import DISTRIBUTIONS, MODEL_PATH, MODEL_PICKLE_IMPORTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="serialized-code-incompatible",
    severity=Severity.ERROR,
    needs=(MODEL_PICKLE_IMPORTS,),
    uses=(DISTRIBUTIONS, MODEL_PATH),
    message="{member} names {module}, which {distribution} {installed} does not have",
    signatures=(
        Signature("bad marshal data"),
        Signature("unsupported pickle protocol"),
        Signature("code() ", r"code\(\) (?:takes at most \d+|argument \d+ must be)"),
        Signature("code expected at ", r"code expected at (?:most|least) \d+ arguments"),
        Signature(", opcode: ", r"XXX lineno: \d+, opcode: \d+"),
        Signature("is not a known BitGenerator"),
        Signature("__randomstate_ctor() takes"),
        Signature("has an incompatible dtype", r"node array from the pickle has an incompatible dtype"),
        Signature("Unrecognized keyword arguments passed to"),
        Signature("SystemError: unknown opcode", weight=0.97),
        Signature(
            "No module named '",
            r"No module named '(?P<module>sklearn\.[\w.]{1,100}|numpy\._core[\w.]{0,100}|pandas\.(?:core|_libs)"
            r"\.[\w.]{1,100})'",
            weight=0.96,
            message="the file names {module}, which the installed release does not have",
        ),
        Signature("Can't get attribute '", r"Can't get attribute '(?P<name>[^'\n]{1,120})' on <module", weight=0.96),
        Signature("Error when deserializing class", weight=0.95),
        Signature("Could not locate class '", weight=0.95),
        Signature("Unrecognized keyword arguments: [", weight=0.95),
        Signature("Unknown layer: ", weight=0.92),
        Signature("Keyword argument not understood", weight=0.92),
        Signature("Unknown dtype policy", weight=0.92),
        Signature(
            "No module named '", r"No module named '(?:models?|utils|src|network\w*|nets)(?:\.[\w.]+)?'", weight=0.9
        ),
        Signature(
            "Could not interpret",
            r"Could not interpret (?:\w+ )?(?:initializer|activation|metric|loss|optimizer)",
            weight=0.85,
        ),
        Signature(
            "custom_objects", r"Unknown (?:activation|loss|metric|object|optimizer|initializer|regularizer)", weight=0.9
        ),
        Signature("Could not deserialize", weight=0.85),
        Signature("could not be deserialized properly", weight=0.85),
        Signature(
            "Trying to unpickle estimator", r"Trying to unpickle estimator (?P<name>\w{1,80}) from version", weight=0.83
        ),
        Signature("No module named '_", r"No module named '(?P<module>_loss|_gb_losses|_forest)\b", weight=0.92),
        Signature(
            "' object has no attribute '",
            r"'\w{0,40}(?:Classifier|Regressor|Regression|SVC|SVR|Forest|Scaler|Encoder|Imputer|Vectorizer|Transformer|KMeans|PCA"
            r"|Pipeline)' object has no attribute '(?P<name>\w{1,80})'",
            weight=0.75,
        ),
        Signature("unpickler.load()", weight=0.45),
        Signature("an integer is required (got type bytes)", weight=0.83),
        Signature("First argument must be a sub-type of ndarray", weight=0.83),
    ),
    related=("unsafe-pickle", "api-removed", "package-missing", "numpy-abi"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """Names in pickles that lie in modules which the installed release no longer has, or does not have yet."""
    named = {each.name: each.member for each in facts.value(MODEL_PICKLE_IMPORTS)}
    moved = {module.name: (module, member) for name, member in named.items() if (module := known.moved_module(name))}
    if not moved:
        return
    fact = facts.fact(DISTRIBUTIONS)
    if isinstance(fact, Unknown):
        raise Undecidable("{fact} is unknown: {reason}", fact=DISTRIBUTIONS.name, reason=fact.reason)
    installed = {each.name: each.version for each in facts.get_value(DISTRIBUTIONS, ())}
    for name, (module, member) in sorted(moved.items()):
        version = installed.get(module.distribution)
        if version is None:
            continue
        if (module.since and version < module.since) or (module.until and version >= module.until):
            yield CAUSE.finding(
                facts,
                member,
                evidence=(MODEL_PICKLE_IMPORTS, DISTRIBUTIONS),
                confidence=Confidence.MEDIUM,
                member=member,
                module=name,
                distribution=module.distribution,
                installed=version.text,
                wanted=f">={module.since}" if module.since and version < module.since else f"<{module.until}",
            )


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The versions that wrote it, once; then a format without code."""
    distribution, wanted = str(params.get("distribution", "")), str(params.get("wanted", ""))
    if distribution and wanted:
        yield Remedy(
            why=say(
                "{distribution} has the module in these releases; the nearer to the one that wrote it the better.",
                distribution=distribution,
            ),
            commands=(pip_install(facts, f"{distribution}{wanted}"),),
        )
    yield Remedy(
        why=say(
            "Load it in an environment with the Python and libraries that wrote it, and save it without code: a "
            "state dict, "
            "safetensors or ONNX."
        )
    )
