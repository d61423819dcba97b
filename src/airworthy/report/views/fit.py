"""Whether a model fits: its memory by parts, the choices, the commands, and what to do where nothing fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airworthy.core.messages import say
from airworthy.core.report import AnyReport
from airworthy.report.interface import RenderOptions
from airworthy.report.layout import Line, line, table

MIB = 1 << 20
MOST_CHOICES = 6
"""Choices shown unless everything is requested."""
MOST_WAYS = 5
"""Ways shown likewise."""
_VERDICTS = {
    "fits": ("it fits {device}", "good"),
    "does-not-fit": ("it does not fit {device}", "error"),
    "unknown": ("nothing says how much memory there is: not decided", "warning"),
}
_FITS = {"yes": "fits", "maybe": "tight", "no": "too large", "unknown": "?"}


def view(report: AnyReport, options: RenderOptions) -> Iterator[Line]:
    """The lines of `airworthy fit`."""
    answer = report.data
    yield line((_title(answer["model"]), "title"))
    text, style = _VERDICTS[answer["verdict"]]
    yield line((say(text, device=answer["device"]), style))
    yield line()
    yield from _memory(answer)
    for each in answer.get("assumed", ()):
        yield line((say("assumed: {what}", what=each), "warning"), indent=2, hang=2)
    if answer.get("assumed"):
        yield line()
    if answer.get("choices"):
        yield from _choices(answer, options)
    if answer.get("ways"):
        yield from _ways(answer["ways"], options)
    if answer.get("load"):
        yield from _load(answer["load"])
    if answer.get("choices"):
        yield from _next(answer["choices"], options)


def _title(model: dict[str, Any]) -> str:
    parts = [model.get("format", ""), model.get("kind", ""), model.get("quantization", "")]
    if model.get("parameters"):
        parts.append(say("{count:count} parameters", count=model["parameters"]))
    return say("{name}: {what}", name=model["name"], what=", ".join(part for part in parts if part))


def _memory(answer: dict[str, Any]) -> Iterator[Line]:
    rows = [(_part(part), _range(part["mib"]), _place(part, answer), part["basis"]) for part in answer.get("parts", ())]
    rows.append(
        (say("together"), _range(answer["total_mib"]), say("at the peak"), say("in {engine}", engine=answer["engine"]))
    )
    yield from table(rows, indent=2, styles=("name", "", "dim", "dim"))
    yield line()


def _part(part: dict[str, Any]) -> str:
    return say("{name} (loading)", name=part["name"]) if part.get("passing") else str(part["name"])


def _place(part: dict[str, Any], answer: dict[str, Any]) -> str:
    del answer
    place = say("device") if part["place"] == "device" else say("host")
    return say("{place}, mapped", place=place) if part.get("mapped") else place


def _range(mib: list[float]) -> str:
    low, likely, high = mib
    if high - low <= 0.01 * max(high, 1):
        return say("{size:bytes}", size=likely * MIB)
    return say("{low:bytes} to {high:bytes}", low=low * MIB, high=high * MIB)


def _choices(answer: dict[str, Any], options: RenderOptions) -> Iterator[Line]:
    shown = answer["choices"] if options.verbose else answer["choices"][:MOST_CHOICES]
    title = say("Choices, best {prefer} first", prefer=say(answer.get("prefer", "latency")))
    yield line((title, "title"))
    head = (
        say("program"),
        say("precision"),
        say("on"),
        say("memory"),
        say("fits"),
        say("first token"),
        say("token"),
        say("tokens/s"),
        say("quality loss"),
    )
    yield from table([head, *map(_row, shown)], indent=2, styles=("name",))
    if len(shown) < len(answer["choices"]):
        left = len(answer["choices"]) - len(shown)
        yield line((say("choices not shown: {count} (-v)", count=left), "dim"), indent=2)
    yield line()


def _row(choice: dict[str, Any]) -> tuple[str, ...]:
    count = choice.get("devices", 1)
    place = f"{count} x {choice['device']}" if count > 1 else choice["device"]
    first, token, tokens = (choice.get(name) for name in ("first_token_seconds", "token_seconds", "tokens_per_second"))
    return (
        choice["program"],
        choice["precision"],
        place,
        say("{size:bytes}", size=choice["memory_mib"][1] * MIB),
        say(_FITS[choice["fits"]]),
        _times(first),
        _times(token),
        "-" if tokens is None else f"{tokens[0]:.3g} - {tokens[2]:.3g}",
        say(choice.get("loss") or "?"),
    )


def _times(seconds: list[float] | None) -> str:
    if not seconds:
        return "-"
    return say("{low:seconds} - {high:seconds}", low=seconds[0], high=seconds[2])


def _ways(ways: list[dict[str, Any]], options: RenderOptions) -> Iterator[Line]:
    yield line((say("What would make it fit"), "title"))
    shown = ways if options.verbose else ways[:MOST_WAYS]
    head = (say("way"), say("saves"), say("then"), say("speed"), say("cost"))
    rows = [
        (
            way["what"],
            say("{size:bytes}", size=way["saves_mib"] * MIB),
            say("fits") if way["fits"] else say("too large"),
            f"x {way['speed']:.2g}",
            way["cost"],
        )
        for way in shown
    ]
    yield from table([head, *rows], indent=2)
    yield line()


def _load(load: dict[str, Any]) -> Iterator[Line]:
    yield line((say("Machines for {load}", load=load["text"]), "title"))
    for each in load.get("lines", ()):
        yield line(each, indent=2, hang=2)
    yield line()


def _next(choices: list[dict[str, Any]], options: RenderOptions) -> Iterator[Line]:
    """The commands of the first choice, and of the first of another program."""
    shown = list(choices[:1])
    others = [
        each for each in choices[1:] if each["program"] != choices[0]["program"] and each["fits"] in ("yes", "unknown")
    ]
    shown += others if options.verbose else others[:1]
    yield line((say("Next"), "title"))
    arrow = "→ " if options.terminal else "-> "
    for choice in shown:
        if choice["fits"] == "no":
            continue
        for command in choice.get("commands", ()):
            yield line((arrow, "dim"), (command, "command"), indent=2, whole=True)
