"""An operator has no implementation on this device, for this type, or in this runtime.

## What happens

The model loads or starts to run, and stops at one operator: `Could not find an implementation for ConvInteger(10)`,
`The operator 'aten::…' is not currently implemented for the MPS device`, `"addmm_impl_cpu_" not implemented for
'Half'`, `Didn't find op for builtin opcode`.

## Why

An operator is a name; each back end, data type and version has its own list of those it can compute. Back ends other
than CUDA lack the rare ones, CPUs lack half precision in old releases, mobile runtimes carry only what was compiled
in, custom operators live in a library that was not loaded (`torchvision::nms`, `com.microsoft:…`).

## How to end it

Load the library that brings the operator, or upgrade the runtime. Let that one operator fall back to the CPU, or run
the model in a type that has it (float32 on a CPU). Or export the model without it.

## How to prevent it

Check the graph on the back ends before a release: `airworthy inspect MODEL --targets cpu,cuda,tensorrt` reports
what each lacks, what falls back, and how much of the arithmetic that is. Then run one request on the very back end.

## Example

```
onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented: [ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for ConvInteger(10) node with name 'Conv_0_quant'
```

## References

- https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md
- https://docs.pytorch.org/docs/stable/notes/mps.html
"""  # noqa: E501 - programs print long lines

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.causes.commands import pip_install, python
from airworthy.causes.interface import Cause, Signature
from airworthy.core.facts import Facts
from airworthy.core.finding import Confidence, Evidence, Finding, Remedy, Severity
from airworthy.core.keys import OPERATOR_GAPS
from airworthy.core.messages import say
from airworthy.core.values import OperatorGap
from airworthy.knowledge import Knowledge, operators

_NOWHERE = (
    "{operator} of operator set {opset} for {types} has no implementation on {device}, nor on what it falls back to"
)
_UNDISPATCHED = "{operator} has no implementation on {device}"
_FALLS = "{device} lacks {operators}: {nodes} nodes with {share} of the arithmetic run on {to} instead"
_OPEN = "{device} takes nodes of fixed sizes alone, and {sizes} are open: all {nodes} nodes run on {to}"
MATTERS = 0.01
"""The share of a model's arithmetic from which falling back is worth a warning."""
MOST_NAMED = 5
"""Operators named in one line."""

_ON = "{operator} is not implemented for {device}"
_FOR = "{operator} is not implemented for the type {type}"


def _of_no_standard_set(params: dict[str, str]) -> dict[str, str] | None:
    return None if operators.is_known(params["operator"], int(params["version"][:9])) else params


CAUSE = Cause(
    slug="op-not-implemented",
    severity=Severity.ERROR,
    message="{operator} has no implementation here",
    needs=(OPERATOR_GAPS,),
    signatures=(
        Signature(
            "is not currently implemented for the",
            r"operator '(?P<operator>[\w:.]+)' is not currently (?:implemented|supported) (?:for|on) the "
            r"(?P<device>(?!MPS)\w+)",
            message=_ON,
        ),
        # On Apple's devices there is a cause of its own for it.
        Signature("is not currently implemented for the MPS", r"operator '(?P<operator>[\w:.]+)'", weight=0.75),
        Signature(
            "is not currently supported on the",
            r"operator '(?P<operator>[\w:.]+)' is not currently supported on "
            r"the (?P<device>\w+) backend",
            message=_ON,
        ),
        Signature(
            "Could not run '",
            r"Could not run '(?P<operator>[\w:.]+)' with arguments from the '(?P<device>\w+)' backend",
            message=_ON,
        ),
        Signature(
            "not implemented for '",
            r'"(?P<operator>[\w.]+)" not implemented for \'(?P<type>(?!Half|BFloat16|Float8)\w+)\'',
            message=_FOR,
        ),
        # A device or a CPU that lacks a floating-point type as such.
        Signature(
            "not implemented for '",
            r'"(?P<operator>[\w.]+)" not implemented for \'(?P<type>\w+)\'',
            weight=0.85,
            message=_FOR,
        ),
        Signature(
            "Could not find an implementation for",
            r"implementation for (?:the node )?(?:\S+:)?(?P<operator>\w+)",
        ),
        Signature("Failed to find kernel for", r"find kernel for (?:\S+\.)?(?P<operator>\w+)"),
        Signature(
            "is not a registered function/op", r"(?P<operator>[\w.:]+)\(?[-\d]*\)? is not a registered function/op"
        ),
        Signature(
            "No Op or Function registered for", r"registered for (?P<operator>\w+) with domain_version", weight=0.8
        ),
        Signature(
            "No Op registered for",
            r"No Op registered for (?P<operator>\w+) with domain_version of (?P<version>\d+)",
            weight=0.9,
            refine=_of_no_standard_set,
        ),
        Signature("Failed to get registration from op code", r"op code (?P<operator>\w+)"),
        Signature("Didn't find op for builtin opcode", r"builtin opcode '(?P<operator>\w+)'", weight=0.7),
        Signature("Encountered unresolved custom op", r"custom op: (?P<operator>\w+)"),
        Signature("Select TensorFlow op(s), included in the given model", r"model, (?:is|are) not supported"),
        Signature("Regular TensorFlow ops are not supported by this interpreter"),
        Signature("Op type not registered", r"not registered '(?P<operator>\w+)'", weight=0.95),
        Signature("No OpKernel was registered to support Op", r"support Op '(?P<operator>\w+)'"),
        Signature(
            "No registered '",
            r"No registered '(?P<operator>\w+)' OpKernel for '?(?P<device>\w+)'? devices",
            message=_ON,
        ),
        Signature("Cannot assign a device for operation", r"operation (?P<operator>[\w/]+)", weight=0.7),
        Signature("Detected unsupported operations when trying to compile graph", weight=0.95),
        Signature("No importer registered for op", r"registered for op: (?P<operator>\w+)", weight=0.85),
        Signature("getPluginCreator could not find plugin", r"find plugin:? ?'?(?P<operator>\w+)"),
        Signature("Plugin not found, are the plugin name, version, and namespace correct?"),
        Signature("Cannot find plugin", r"Cannot find plugin: (?P<operator>\w+)", weight=0.95),
        Signature("operator torchvision::nms does not exist", r"operator (?P<operator>torchvision::nms)", weight=0.7),
        Signature("Unknown builtin op", r"builtin op: (?P<operator>[\w:]+)", weight=0.9),
        Signature("Couldn't find an operator for", r"operator for `?(?P<operator>[\w:]+)", weight=0.9),
        Signature("Following ops cannot be found", weight=0.9),
        Signature("ggml_backend_cuda_graph_compute: error: op not supported", r"op not supported (?P<operator>\w+)?"),
        Signature("op not supported", r"error: op not supported (?P<operator>[\w.-]+)"),
        Signature(
            "unsupported op",
            r"(?:ggml_\w+|metal|vulkan|cann)\S{0,60} ?.{0,60}unsupported op '?(?P<operator>\w+)",
            weight=0.9,
        ),
        Signature("Unsupported operator", r"[Uu]nsupported operator:? [`'\"]?(?P<operator>[A-Z]\w+)", weight=0.7),
        Signature("OpenVINO does not support the following ONNX operations", weight=0.9),
        Signature(
            "does not support op", r"(?:[Bb]ackend|[Dd]elegate|[Pp]rovider|EP)\b.{0,40} does not support op", weight=0.8
        ),
    ),
    related=("op-not-exportable", "dtype-unsupported", "format-version-unsupported", "mps-unsupported"),
)


@CAUSE.predict
def predict(facts: Facts, known: Knowledge) -> Iterator[Finding]:
    """What targets lack: an operator that runs nowhere each, those that fall back together."""
    falling: dict[tuple[str, str], list[OperatorGap]] = {}
    for gap in facts.value(OPERATOR_GAPS):
        if gap.reason == "sizes":
            yield CAUSE.finding(
                facts,
                gap.target,
                evidence=(_shown([gap], facts),),
                severity=Severity.WARNING,
                message=_OPEN,
                device=gap.target,
                sizes=tuple(each.rpartition("=")[0] for each in gap.sizes),
                nodes=gap.nodes,
                to=gap.to,
                gap=_told(gap),
            )
            continue
        if gap.to:
            falling.setdefault((gap.target, gap.to), []).append(gap)
            continue
        yield CAUSE.finding(
            facts,
            gap.operator,
            evidence=(_shown([gap], facts),),
            confidence=Confidence.MEDIUM,
            message=_UNDISPATCHED if gap.reason == "dispatch" else _NOWHERE,
            operator=gap.operator,
            device=gap.target,
            opset=gap.opset,
            types=gap.types,
            gap=_told(gap),
        )
    for (target, to), gaps in falling.items():
        share = sum(gap.share for gap in gaps)
        names = tuple(dict.fromkeys(gap.operator for gap in gaps))
        more = (f"+{len(names) - MOST_NAMED}",) if len(names) > MOST_NAMED else ()
        yield CAUSE.finding(
            facts,
            target,
            evidence=(_shown(gaps, facts),),
            severity=Severity.WARNING if share >= MATTERS else Severity.INFO,
            confidence=Confidence.MEDIUM,
            message=_FALLS,
            device=target,
            operators=names[:MOST_NAMED] + more,
            nodes=sum(gap.nodes for gap in gaps),
            share=_share(share),
            to=to,
            gap=_told(max(gaps, key=lambda gap: (gap.share, gap.nodes))),
        )


def _share(share: float) -> str:
    if share == 0:
        return say("none")
    return f"{share:.1%}" if share >= 0.0005 else say("under 0.1%")


def _shown(gaps: list[OperatorGap], facts: Facts) -> Evidence:
    """The table that a target was checked with, and what of the model isn't in it."""
    used: Any = [{"operator": gap.operator, "types": list(gap.types), "nodes": gap.nodes} for gap in gaps]
    if gaps[0].reason == "sizes":
        used = list(gaps[0].sizes)
    table = operators.dispatch() if gaps[0].reason == "dispatch" else operators.target(gaps[0].target)
    source = f"{facts.source(OPERATOR_GAPS)} against {table.version}, {table.source} (looked up {table.checked})"
    return Evidence(fact=OPERATOR_GAPS.name, value=used, source=source)


def _told(gap: OperatorGap) -> dict[str, Any]:
    """What remedies need of a gap."""
    return {
        "operator": gap.operator,
        "target": gap.target,
        "reason": gap.reason,
        "opset": gap.opset,
        "types": gap.types,
        "has_types": gap.has_types,
        "earlier": gap.earlier,
        "made_of_others": gap.made_of_others,
        "sizes": gap.sizes,
    }


_FUSED = ("Attention", "MultiHeadAttention", "GroupQueryAttention", "scaled_dot_product", "flash_attention")
"""Parts of the names of operators that hold all of attention."""
_OF_LIBRARIES = ("cudnn_", "miopen_", "mkldnn_", "mps_")
"""How names begin of operators of PyTorch that belong to one library."""


def _ways_out(gap: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """What ends a gap that was read off tables."""
    operator, target = str(gap["operator"]), str(gap["target"])
    if gap["reason"] == "sizes":
        yield Remedy(
            why=say("Fix the open sizes, for good, at those that the service sends; the file written is another."),
            commands=tuple(_fixing(facts, gap["sizes"])),
            safe=True,
        )
        return
    name = operator.rpartition(":")[2]
    if gap["earlier"]:
        yield Remedy(
            why=say(
                "Export with operator set {opset}: {target} has {operator} for these types there.",
                opset=gap["earlier"],
                target=target,
                operator=operator,
            ),
            safe=True,
        )
    if gap["reason"] == "type" and gap["has_types"]:
        yield Remedy(
            why=say(
                "Convert what {operator} takes from {types}: {target} has it for {has}.",
                operator=operator,
                types=tuple(gap["types"]),
                target=target,
                has=tuple(gap["has_types"]),
            )
        )
    if any(part in name for part in _FUSED):
        yield Remedy(
            why=say(
                'Export with attention unfused (`attn_implementation="eager"`): products and a softmax, which '
                "{target} has.",
                target=target,
            ),
            safe=True,
        )
    if name.startswith(_OF_LIBRARIES):
        yield Remedy(
            why=say("Export with that library off (`torch.backends.cudnn.enabled = False`): the plain operator stays."),
            safe=True,
        )
    elif gap["made_of_others"]:
        yield Remedy(
            why=say("Decompose {operator}: its definition is made of other operators; inline it.", operator=operator),
            safe=True,
        )
    if target == "mps":
        yield Remedy(
            why=say("Let operators that the device lacks run on the CPU."),
            commands=("export PYTORCH_ENABLE_MPS_FALLBACK=1",),
            safe=True,
        )


def _fixing(facts: Facts, sizes: tuple[str, ...]) -> Iterator[str]:
    """Commands that fix one named size after the other; sizes without a name (`pixels.0`) are left to the reader."""
    source = facts.source(OPERATOR_GAPS)
    for each in sizes:
        name, _, size = each.rpartition("=")
        if name.rpartition(".")[2].isdigit():
            continue
        tool = ("-m", "onnxruntime.tools.make_dynamic_shape_fixed")
        yield python(facts, *tool, "--dim_param", name, "--dim_value", size, source, "fixed.onnx")
        source = "fixed.onnx"


@CAUSE.remedy
def remedy(params: dict[str, Any], facts: Facts) -> Iterator[Remedy]:
    """The library that has it, the CPU, or another graph."""
    operator, device = str(params.get("operator", "")), str(params.get("device", ""))
    if isinstance(params.get("gap"), dict):
        yield from _ways_out(params["gap"], facts)
        if params["gap"]["reason"] == "sizes":
            return
    elif operator.startswith("torchvision::"):
        yield Remedy(
            why=say("Install the torchvision that belongs to this PyTorch, from the same index."),
            commands=(pip_install(facts, "--force-reinstall", "torch", "torchvision"),),
        )
    elif device.upper() == "XPU":
        yield Remedy(
            why=say("Let operators that the device lacks run on the CPU."),
            commands=("export PYTORCH_ENABLE_XPU_FALLBACK=1",),
            safe=True,
        )
    elif str(params.get("type", "")) in {"Half", "BFloat16"}:
        yield Remedy(why=say("Run in float32 on this device, or on one that computes in 16 bit."), safe=True)
    yield Remedy(why=say("Upgrade the runtime, or load the library that brings the operator before the model."))
    yield Remedy(
        why=say("Run the model, or the part with this operator, on the CPU; or export it without the operator."),
        safe=True,
    )
