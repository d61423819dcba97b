"""Tensor names against those that a loader looks for: what is missing, surplus or misshapen, and what mends it.

Wrappers put prefixes before names, older releases had other names for a norm's numbers, and an output layer that is
the embedding is often left out. Pure: two tables of names and sizes in, a mapping out.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import msgspec

from airworthy.core.messages import say
from airworthy.core.values import WeightFault

Shape = tuple[int, ...]
MOST_NEAR = 200
"""Names for which a similar one is looked for; each costs a comparison with all."""
MOST_TOLD = 100
"""Faults of one kind that are reported."""
# Anywhere in a name: what compilers, checkpointing and sharding put there.
_WITHIN = (
    ("_orig_mod.", ""),
    ("_fsdp_wrapped_module.", ""),
    ("_checkpoint_wrapped_module.", ""),
    ("_forward_module.", ""),
    ("base_layer.", ""),
)
_ENDS = ((re.compile(r"\bgamma$"), "weight"), (re.compile(r"\bbeta$"), "bias"))
_PREFIXES = (
    *("module.", "model.", "base_model.model.", "base_model.", "student.", "ema.", "network.", "net.", "_orig_mod."),
    *("transformer.", "encoder.", "backbone.", "bert.", "roberta.", "language_model.", "model.language_model."),
)
_ADAPTER = re.compile(r"\blora_(?:[AB]|embedding_[AB]|magnitude_vector)\b")


class Fit(msgspec.Struct, frozen=True):
    """How the names of a file fit those that are looked for."""

    against: str
    """What says which names are looked for: a model, or a configuration."""
    matched: int
    """Tensors that fit as they are."""
    mapping: dict[str, str]
    """The file's name → the name that is looked for, where they differ."""
    rules: tuple[str, ...]
    """What the mapping does, in words."""
    tied: dict[str, str]
    """A name that is looked for and missing → the file's tensor that is the same."""
    missing: tuple[str, ...]
    """Names that are looked for and that nothing in the file stands for."""
    unexpected: tuple[str, ...]
    """Names of the file that the configuration does not ask for."""
    misshapen: dict[str, tuple[Shape, Shape]]
    """Names with other sizes than those looked for: found, wanted."""
    near: dict[str, str]
    """A missing name → the most similar one of the unexpected."""
    adapter: int
    """Unexpected tensors that are an adapter's."""

    @property
    def fits(self) -> bool:
        """Whether a strict loader takes the file as it is."""
        return not (self.mapping or self.missing or self.unexpected or self.misshapen)


def fit(
    ours: Mapping[str, Shape],
    wanted: Mapping[str, Shape],
    against: str,
    *,
    optional: Collection[str] = (),
    tied: Mapping[str, str] | None = None,
) -> Fit:
    """Compare names with those that are looked for.

    Args:
        ours: sizes by name in the file.
        wanted: sizes by name that are looked for.
        against: what says so.
        optional: names that may be there as well.
        tied: names that may be missing, with the name of the tensor that they are.
    """
    mapping, rules = _mapping(ours, wanted, optional)
    found = {mapping.get(name, name): name for name in ours}
    missing = [name for name in wanted if name not in found]
    same: dict[str, str] = {}
    for name in [*missing]:
        twin = _twin(name, found, ours, wanted, tied or {})
        if twin:
            same[name] = twin
            missing.remove(name)
    unexpected = [our for name, our in found.items() if name not in wanted and name not in optional]
    misshapen = {
        our: (ours[our], wanted[name]) for name, our in found.items() if name in wanted and ours[our] != wanted[name]
    }
    free = {mapping.get(name, name): name for name in unexpected}
    near = {}
    for name in missing[:MOST_NEAR]:
        # Only tensors of the same sizes can stand for one another.
        alike = [each for each, our in free.items() if ours[our] == wanted[name]][:2000]
        close = difflib.get_close_matches(name, alike, n=1, cutoff=0.7)
        if close:
            near[name] = free[close[0]]
    told = {our: name for our, name in mapping.items() if name in wanted or name in optional}
    return Fit(
        against=against,
        matched=sum(name in ours and ours[name] == shape for name, shape in wanted.items()),
        mapping=told,
        rules=tuple(rules),
        tied=same,
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        misshapen=misshapen,
        near=near,
        adapter=sum(bool(_ADAPTER.search(name)) for name in unexpected),
    )


def _mapping(
    ours: Mapping[str, Shape], wanted: Mapping[str, Shape], optional: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """New names, and the rules that make them: those that make most names fit."""
    known = {**wanted, **dict.fromkeys(optional, None)}

    ends = {*known, *(name.partition(".")[2] for name in known)}

    def fitting(names: Mapping[str, str]) -> tuple[int, int]:
        fits = sum(1 for our, name in names.items() if name in known and known[name] in (ours[our], None))
        # Of two wrappers the first one taken off makes nothing fit yet, and brings all names nearer.
        return fits, -sum(_before(name, ends) for name in names.values())

    names = {name: name for name in ours}
    best = fitting(names)
    rules: list[str] = []
    for _ in range(6):  # prefixes nest: module._orig_mod.model.
        tried = [(told, changed) for told, changed in _changes(names, wanted)]
        scores = [fitting(changed) for _, changed in tried]
        if not scores or max(scores) <= best:
            break
        place = scores.index(max(scores))
        best, names = scores[place], tried[place][1]
        rules.append(tried[place][0])
    return {our: name for our, name in names.items() if our != name and name in known}, rules


def _before(name: str, ends: Collection[str]) -> int:
    """Parts of a name before the longest end that is looked for; none where there is no such end."""
    rest, count = name, 0
    while rest:
        if rest in ends:
            return count
        rest, count = rest.partition(".")[2], count + 1
    return 0


def _changes(names: Mapping[str, str], wanted: Mapping[str, Shape]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each way of changing names, with its words; a way that makes two names one is none."""
    heads = Counter(name.partition(".")[0] + "." for name in names.values())
    for prefix in dict.fromkeys((*_PREFIXES, *(head for head, _ in heads.most_common(5)))):
        if any(name.startswith(prefix) for name in names.values()):
            changed = {our: name.removeprefix(prefix) for our, name in names.items()}
            # What fits without the change is left alone: a head beside a wrapped body.
            changed = {our: names[our] if names[our] in wanted else name for our, name in changed.items()}
            yield from _told(say("take `{prefix}` off the front", prefix=prefix), changed)
    starts = Counter(name.partition(".")[0] + "." for name in wanted)
    for prefix in dict.fromkeys((*(head for head, _ in starts.most_common(5)), *_PREFIXES)):
        if any(name.startswith(prefix) for name in wanted):
            changed = {
                our: prefix + name if prefix + name in wanted and name not in wanted else name
                for our, name in names.items()
            }
            yield from _told(say("put `{prefix}` before", prefix=prefix), changed)
    for part, instead in _WITHIN:
        if any(part in name for name in names.values()):
            changed = {our: name.replace(part, instead) for our, name in names.items()}
            yield from _told(say("take `{part}` out", part=part), changed)
    for pattern, instead in _ENDS:
        changed = {our: name if name in wanted else pattern.sub(instead, name) for our, name in names.items()}
        if changed != names:
            old = pattern.pattern.strip("\\b$")
            yield from _told(say("`{old}` at the end becomes `{new}`", old=old, new=instead), changed)


def _told(rule: str, changed: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    if len(set(changed.values())) == len(changed):
        yield rule, changed


_TIED = (
    ("lm_head.weight", ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight")),
    ("cls.predictions.decoder.weight", ("word_embeddings.weight",)),
    ("cls.predictions.decoder.bias", ("cls.predictions.bias",)),
    ("shared.weight", ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")),
    ("encoder.embed_tokens.weight", ("shared.weight",)),
    ("decoder.embed_tokens.weight", ("shared.weight",)),
)


def _twin(
    name: str,
    found: Mapping[str, str],
    ours: Mapping[str, Shape],
    wanted: Mapping[str, Shape],
    tied: Mapping[str, str],
) -> str:
    """The file's tensor that a missing one is the same as."""
    if name in tied and tied[name] in found:
        return found[tied[name]]
    ends = next((each for whole, each in _TIED if name.endswith(whole)), ())
    for end in ends:
        for there, our in found.items():
            if there.endswith(end) and ours[our] == wanted[name]:
                return our
    return ""


def faults(fit_: Fit, member: str) -> list[WeightFault]:
    """What of it a strict loader stumbles over: one for each rule, and one for each name that no rule mends."""
    told: list[WeightFault] = []

    def add(kind: str, tensor: str, detail: str) -> None:
        told.append(WeightFault(member=member, tensor=tensor[:500], kind=kind, detail=detail))

    if fit_.mapping:
        ours, name = next(iter(fit_.mapping.items()))
        template = "{count} tensors have other names than {against}, and fit when one does this: {rules}; here {name}"
        told_name = say(template, count=len(fit_.mapping), against=fit_.against, rules=fit_.rules, name=name)
        add("surplus", ours, told_name)
    for name in fit_.missing[:MOST_TOLD]:
        near = fit_.near.get(name)
        detail = say("{against} has it, and the file does not", against=fit_.against)
        if near:
            detail = say("{against} has it; {near} of the file is like it", against=fit_.against, near=near[:200])
        add("absent", name, detail)
    for name in fit_.unexpected[:MOST_TOLD]:
        detail = say("{against} does not have it", against=fit_.against)
        if _ADAPTER.search(name):
            detail = say("it is an adapter's; load the file with peft on top of the model")
        add("surplus", name, detail)
    for name, (found, wanted) in list(fit_.misshapen.items())[:MOST_TOLD]:
        template = "its shape is {found}, {against} has {wanted}"
        add("shape", name, say(template, found=str(list(found)), wanted=str(list(wanted)), against=fit_.against))
    return told
