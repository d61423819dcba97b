"""Small drawings: shares as one bar, a histogram as sixteen; plain SVG without styles of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airworthy.core.messages import say
from airworthy.report.page.escape import Html, escape, joined, tag

_COLOURS = "abcde"


def shares(sizes: Mapping[str, int]) -> Html:
    """A bar of parts by size, with what each is below it; the smallest of many are one."""
    ordered = sorted(sizes.items(), key=lambda item: -item[1])
    if len(ordered) > len(_COLOURS) + 1:
        rest = sum(size for _, size in ordered[len(_COLOURS) :])
        ordered = [*ordered[: len(_COLOURS)], (say("others"), rest)]
    total = sum(size for _, size in ordered) or 1
    at, bars, legend = 0.0, [], []
    for number, (name, size) in enumerate(ordered):
        colour = (_COLOURS + "f")[number]
        width = 1000 * size / total
        bars.append(_bar(at, 0, width, 22, colour))
        at += width
        mark = Html(f'<svg width="10" height="10"><rect width="10" height="10" rx="2" class="{colour}"/></svg>')
        told = say("{name} {size:bytes}, {share:.1%}", name=name, size=size, share=size / total)
        legend.append(tag("li", mark, told))
    drawing = f'<svg viewBox="0 0 1000 22" width="100%" height="22" preserveAspectRatio="none">{"".join(bars)}</svg>'
    return joined([Html(drawing), tag("ul", joined(legend), class_="legend")])


def share(part: float) -> Html:
    """A narrow bar for a share of the whole."""
    width = max(0.0, min(1.0, part)) * 100
    bars = '<rect class="track" width="100" height="6" rx="3"/>' + _bar(0, 0, max(width, 0.5), 6, "a")
    return Html(f'<svg viewBox="0 0 100 6" width="100" height="6">{bars}</svg>')


def histogram(counts: Sequence[int], title: str) -> Html:
    """Counts as bars, in one path, as thousands of them are on a page."""
    most = max(counts, default=0) or 1
    path = "".join(
        f"M{6 * at} 20v-{max(1, round(20 * count / most))}h5v{max(1, round(20 * count / most))}z"
        for at, count in enumerate(counts)
        if count > 0
    )
    width = 6 * len(counts)
    opened = f'<svg viewBox="0 0 {width} 20" width="{width}" height="20">'
    return Html(f'{opened}<title>{escape(title)}</title><path class="a" d="{path}"/></svg>')


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}" class="{colour}"/>'
