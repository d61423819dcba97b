"""Will it run here, how, and how fast: worked out from headers, facts and tables, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from airworthy.core.errors import SettingInvalid
from airworthy.core.facts import Facts
from airworthy.core.messages import say
from airworthy.core.progress import SILENT, Progress
from airworthy.core.report import Report
from airworthy.core.settings import Settings
from airworthy.fit import engines
from airworthy.fit.choice import PREFERENCES, Choice, choices, requantised
from airworthy.fit.description import Described, described
from airworthy.fit.devices import FitDevice
from airworthy.fit.parts import DEVICE, HOST, MIB, Interval, MemoryEstimate
from airworthy.fit.question import DEFAULT_CONTEXT, FitModel, Use
from airworthy.fit.ways import Way, ways
from airworthy.flows.answers.fit import FitAnswer, FitPart, FitWay
from airworthy.flows.files import model_path
from airworthy.flows.fit import devices
from airworthy.flows.fit.model import fit_model
from airworthy.flows.fit.rows import choice_row, three
from airworthy.knowledge.cache import SIZES, tokens_in
from airworthy.knowledge.precisions import precision

PROBES = ("cpu", "memory", "nvidia", "amd", "ascend", "apple", "intel")
"""The facts that the answer depends on: processor, memory, accelerators."""
MOST_CHOICES = 24
"""Choices that an answer holds."""


def fit(
    model: str | Path | None = None,
    *,
    on: Sequence[str] = (),
    context: int = 0,
    users: int = 1,
    cache_type: str = "",
    prefer: str = "latency",
    given: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    load: str = "",
    curve: Mapping[str, Any] | None = None,
    plot: str | Path | None = None,
    measure: bool = False,
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Report[FitAnswer]:
    """Whether a model fits, in which engine and precision, how fast it is there, and what to type.

    Args:
        model: a model file or folder; None where `given` describes one.
        on: devices, `cpu`, `cpu 32GB`, `RTX 4090`, `8x H100 80GB`; those of this machine when empty.
        context: tokens of one request; 0 for what the model was made for, up to 8192.
        users: requests at a time.
        cache_type: the type of keys and values, `q8_0`; `f16` when empty.
        prefer: what choices are ranked by: `latency`, `throughput`, `quality`, `cost`.
        given: a description in place of a model: `config`, `quant`, `kv_type`, `context`, `batch` and others.
        facts: those of another machine; gathered here when None.
        load: a load, `50 req/s, 300 in 200 out tokens, p99 2s`; the answer says how many machines it takes.
        curve: what `airworthy bench --format json` measured, for the load.
        plot: a file to draw the load in: PNG by its suffix, else HTML; both where it has none.
        measure: whether this machine is measured first; what was measured is kept for later.
        settings: where what was measured is kept.
        progress: receives the stages.

    Raises:
        InputNotFound, NotAModel: there is no model at that path.
        DescriptionInvalid: the description contradicts itself.
        DeviceUnknown: no table knows a device of that name.
        SettingInvalid: an unknown type of keys and values, or an unknown preference.
        LoadInvalid: the load is not understood.
    """
    from airworthy.flows.fit import calibration

    settings = settings or Settings()
    _check(cache_type, prefer)
    # The model comes first: a path that leads nowhere is said before the host is inspected.
    about = _described_model(given) if given is not None else _inspected(model, settings, progress)
    here = facts
    if here is None:
        from airworthy.flows.facts import gather

        progress.stage(say("asking this machine"))
        here = gather(only=PROBES)
    kept = calibration.current(here, settings, measure=measure, progress=progress) if facts is None else None
    own = [devices.processor(here, kept.rates if kept else None), *devices.accelerators(here)]
    asked = [devices.named(each, own) for each in on] if on else own
    use = _use(about, context, users, cache_type)
    if about.engine:  # a description names its engine, whatever else could run it
        answer = _of_description(about, use, asked, prefer, on=bool(on))
    else:
        answer = _of_model(about.model, use, asked, prefer)
    if kept is not None:
        answer = msgspec.structs.replace(answer, calibration=kept.told)
    if load:
        from airworthy.flows.fit.load import planned

        progress.stage(say("simulating the load"))
        answer = planned(answer, about.model, load, curve=curve, plot=plot, devices=asked, use=use)
    subject = str(model) if model is not None else about.model.name
    return Report(verb="fit", subject=subject, answer=answer)


def _check(cache_type: str, prefer: str) -> None:
    for what, value, known in (
        (say("type of keys and values"), cache_type, SIZES),
        (say("preference"), prefer, PREFERENCES),
    ):
        if value and value not in known:
            problem = say("there is no {what} {value!r}", what=what, value=value)
            raise SettingInvalid(
                source=say("fit"), problem=problem, suggestion=say("known: {names}", names=tuple(known))
            )


def _inspected(model: str | Path | None, settings: Settings, progress: Progress) -> Described:
    from airworthy.flows.serving_inspection import inspect_for_serving

    if model is None:
        problem = say("neither a model nor a description is given")
        raise SettingInvalid(source=say("fit"), problem=problem, suggestion=say("give a path, or --given FILE.json"))
    with model_path(model) as path:
        inspection = inspect_for_serving(path, settings, progress)
    found = fit_model(inspection.model, inspection.facts)
    assumed = found.shape.assumed if found.shape is not None else ()
    return Described("", found, Use(), assumed)


def _described_model(given: Mapping[str, Any]) -> Described:
    return described(given)


def _use(about: Described, context: int, users: int, cache_type: str) -> Use:
    use, cache = about.use, about.model.cache
    if not about.engine:
        shape = about.model.shape
        longest = (cache.longest if cache is not None else 0) or (shape.longest if shape is not None else 0)
        usual = DEFAULT_CONTEXT if about.model.generates else 256
        use = msgspec.structs.replace(use, context=min(longest or usual, usual))
    if context:
        use = msgspec.structs.replace(use, context=context)
    if users > 1 or not about.engine:
        use = msgspec.structs.replace(use, users=users)
    if cache_type:
        use = msgspec.structs.replace(use, key_type=cache_type, value_type=cache_type)
    return use


def _of_description(about: Described, use: Use, asked: Sequence[FitDevice], prefer: str, *, on: bool) -> FitAnswer:
    """The figures of the engine that was named; the matrix where devices were."""
    estimate = engines.memory(about.engine, about.model, use)
    found = choices(about.model, use, asked, prefer=prefer) if on and about.model.weights is not None else ()
    place = DEVICE if use.accelerator else HOST
    needed = estimate.peak(place)
    # The figures of a log are per device but for keys and values, which it sums up.
    answer = _answer(about.model, estimate, place, needed, found, prefer)
    kept = estimate.of("kv")
    scale = use.devices if about.engine == "llamacpp" else 1
    tokens = None
    if use.device_total and about.model.cache is not None:
        each = about.model.cache
        divided = max(1, min(use.parallel, each.heads)) if not each.latent else 1
        tokens = tokens_in(each, int(kept.point * divided), use.key_type)
    return msgspec.structs.replace(
        answer,
        verdict=_verdict(found[0].fits) if found else "unknown",
        kv_mib=round(kept.point * scale / MIB, 2) if about.model.cache is not None else None,
        kv_tokens=tokens,
        assumed=tuple(dict.fromkeys((*about.assumed, *estimate.assumed))),
    )


def _of_model(model: FitModel, use: Use, asked: Sequence[FitDevice], prefer: str) -> FitAnswer:
    found = choices(model, use, asked, prefer=prefer)
    if not found:
        engine = {"gguf": "llamacpp", "onnx": "onnxruntime", "openvino": "openvino"}.get(model.format, "pytorch")
        estimate = engines.memory(engine, model, use)
        return _answer(model, estimate, HOST, estimate.peak(HOST), (), prefer)
    first = found[0]
    place = DEVICE if first.device.accelerator else HOST
    answer = _answer(model, first.estimate, place, first.needed, found, prefer)
    as_stored = next((each for each in found if not each.lost), first)
    tight = as_stored.fits in ("no", "maybe")
    if not tight:
        return answer
    rows = [_way(way) for way in ways(model, as_stored, devices=as_stored.device.count)]
    # llama.cpp alone leaves some layers to the processor.
    other = next((each for each in found if each.engine == "llamacpp" and each.fits == "no" and each.lost), None)
    if other is not None:
        made = requantised(model, precision(other.precision))
        rows += [
            _way(
                msgspec.structs.replace(
                    way, what=say("{name} in llama.cpp, and {what}", name=other.precision, what=way.what)
                )
            )
            for way in ways(made, other, devices=other.device.count)
            if way.name == "offload"
        ]
    return msgspec.structs.replace(answer, ways=tuple(sorted(rows, key=lambda row: not row.fits)))


def _way(way: Way) -> FitWay:
    return FitWay(
        name=way.name,
        what=way.what,
        saves_mib=round(way.saves / MIB, 1),
        fits=way.fits,
        speed=round(way.speed, 3),
        cost=way.cost,
    )


def _verdict(fits: str) -> Any:
    return {"yes": "fits", "maybe": "fits", "no": "does-not-fit"}.get(fits, "unknown")


def _answer(
    model: FitModel,
    estimate: MemoryEstimate,
    place: str,
    needed: Interval,
    found: Sequence[Choice],
    prefer: str,
) -> FitAnswer:
    shape = model.shape
    longest = (model.cache.longest if model.cache is not None else 0) or (shape.longest if shape is not None else 0)
    told = {
        "name": model.name,
        "format": model.format,
        "kind": shape.kind if shape is not None else "unknown",
        "parameters": model.parameters,
        "quantization": model.quantization,
        "longest_context": longest or None,
    }
    first = found[0] if found else None
    return FitAnswer(
        verdict=_verdict(first.fits) if first is not None else "unknown",
        model={name: value for name, value in told.items() if value},
        engine=estimate.engine,
        device=first.device.name if first is not None else ("cpu" if place == HOST else say("an accelerator")),
        weights_mib=round(model.weights.point / MIB, 2) if model.weights is not None else None,
        kv_mib=round(estimate.of("kv").point / MIB, 2) if model.cache is not None else None,
        compute_mib=estimate.of("compute").mib,
        total_mib=three(needed),
        host_mib=three(estimate.peak(HOST)),
        parts=tuple(
            FitPart(
                name=part.name,
                place=part.place,  # type: ignore[arg-type]
                mib=three(part.size),
                basis=part.basis,
                mapped=part.mapped,
                passing=part.passing,
            )
            for part in estimate.parts
            if part.size.high
        ),
        assumed=estimate.assumed,
        choices=tuple(choice_row(each, model) for each in found[:MOST_CHOICES]),
        prefer=prefer,
    )
