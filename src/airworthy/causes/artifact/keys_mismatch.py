"""The checkpoint's tensors have other names than the model's.

## What happens

Loading the weights fails with a list of names: `Missing key(s) in state_dict`, `Unexpected key(s)`, `KeyError:
'layers.35.mlp.gate.g_idx'`, `wrong number of tensors`. Where it is not strict it goes on, and the answers are
noise.

## Why

The names say which code wrote the file. A wrapper adds a prefix (`module.`, `model.`, `_orig_mod.`, `base_model.`),
an adapter is not the whole model, quantised weights have scales beside them that plain code does not expect, and a
server of another release has renamed or fused layers. Or the configuration is of another model.

## How to end it

Compare the names. If they differ by a prefix, take it away; if the file holds an adapter or quantised weights, load
it with what made it; if whole layers differ, the configuration or the code is of another model or release.

## How to prevent it

Save from the plain model, without wrappers, and keep configuration and weights together.

## Example

```
RuntimeError: Error(s) in loading state_dict for PeftModelForCausalLM:
    Unexpected key(s) in state_dict: "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight.absmax"
```

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
- https://github.com/AnswerDotAI/fsdp_qlora/issues
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import command, model_file
from airworthy.causes.interface import Cause, Signature
from airworthy.causes.weight_faults import findings
from airworthy.core.facts import Facts
from airworthy.core.finding import Finding, Remedy, Severity
from airworthy.core.keys import WEIGHT_FAULTS
from airworthy.core.messages import say
from airworthy.knowledge import Knowledge

CAUSE = Cause(
    slug="keys-mismatch",
    severity=Severity.ERROR,
    message="the weights and the model do not name their tensors alike: {key}",
    needs=(WEIGHT_FAULTS,),
    signatures=(
        Signature("Missing key(s) in state_dict", r"Missing key\(s\) in state_dict: \\?[\"'](?P<key>[\w.]{1,200})"),
        Signature(
            "Unexpected key(s) in state_dict", r"Unexpected key\(s\) in state_dict: \\?[\"'](?P<key>[\w.]{1,200})"
        ),
        Signature("key(s) in state_dict", r"(?:Missing|Unexpected) key\(s\) in state_dict"),
        Signature("because the following keys are missing"),
        Signature("not found in checkpoint", r"Key (?P<key>\S{1,200}) not found in checkpoint"),
        Signature("File does not contain tensor", r"does not contain tensor (?P<key>[\w.]{1,200})"),
        Signature("wrong number of tensors; expected"),
        Signature("You are trying to load a weight file containing"),
        Signature("Layer count mismatch when loading weights", weight=0.97),
        Signature("There is no module or parameter named", r"parameter named '(?P<key>[\w.]{1,200})'", weight=0.95),
        Signature("weights were not initialized from checkpoint", weight=0.95),
        Signature("variables during loading", r"expected \d+ variables, but received \d+ variables", weight=0.95),
        Signature("does not exist", r"weight (?P<key>[\w-]{1,80}(?:\.[\w-]{1,80}){1,12}) does not exist", weight=0.95),
        Signature("missing tensor '", r"missing tensor '(?P<key>[\w.]{1,200})'", weight=0.9),
        Signature("check_tensor_dims: tensor '", r"tensor '(?P<key>[\w.]{1,200})' not found", weight=0.9),
        Signature("MISSING WEIGHT", r"MISSING WEIGHT: (?P<key>[\w.]{1,200})", weight=0.92),
        Signature("objects could not be loaded", r"A total of \d+ objects could not be loaded", weight=0.9),
        Signature(
            "KeyError: '",
            r"KeyError: '(?P<key>[\w-]{1,80}(?:\.[\w-]{1,80}){0,12}\.(?:weight|bias|g_idx|qweight|qzeros|scales|"
            r"\w*_scale\w*"
            r"|absmax|quant_map|lora_[AB][\w.]*|e_score_correction_bias))'",
            weight=0.85,
        ),
        Signature(
            "KeyError: '",
            r"KeyError: '(?P<key>(?:model\.|transformer\.)?(?:layers|h|blocks)\.\d{1,3}\.[\w.]{1,200})'",
            weight=0.85,
        ),
        Signature("KeyError: '", r"KeyError: '(?P<key>(?:model_)?state_dict)'", weight=0.7),
        Signature("Error(s) in loading state_dict for", weight=0.6),
    ),
    related=("shape-mismatch-weights", "architecture-unknown", "shard-missing", "quant-backend-missing"),
)


_KINDS = frozenset({"absent", "surplus"})


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What a given reference has otherwise; what a model's code expects is known only to that code."""
    yield from findings(CAUSE, facts, _KINDS, "key")


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """See the names, then distinguish a prefix from another model."""
    yield Remedy(
        why=say("List what the file holds, and compare the names with those of the message."),
        commands=(command(facts, "airworthy", "inspect", model_file(facts)),),
        safe=True,
    )
    yield Remedy(
        why=say(
            "If only a prefix differs (`module.`, `model.`, `_orig_mod.`, `base_model.model.`), take it off the "
            "names before "
            "loading; if layers differ, use the configuration and the release of the code that wrote the file."
        )
    )
