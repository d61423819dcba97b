"""Latencies as a picture: one SVG without any library, readable in light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from airworthy.core.messages import say, seconds_text
from airworthy.observe.load import LoadResult

SHARES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 760, 420, 70, 48, 24, 56
_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" '
    'font-size="13"><style>text{fill:#333}line{stroke:#ccc}@media(prefers-color-scheme:dark)'
    "{text{fill:#ddd}line{stroke:#444}}</style>"
)
_COLOURS = ("#2f6fde", "#d9822b", "#2a9d6f", "#b5438a", "#7a6ad8", "#8a8f98")


def latency_plot(outcomes: Sequence[LoadResult], title: str) -> str:
    """Latency by percentile, a line a run, as SVG."""
    top = max((outcome.percentile(SHARES[-1]) for outcome in outcomes), default=0.0) or 1.0
    rows = [
        _HEAD,
        f'<text x="{_LEFT}" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        y = _y(value, top)
        rows.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        rows.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{seconds_text(value)}</text>')
    for place, share in enumerate(SHARES):
        label = say("fastest") if not share else f"p{100 * share:g}"
        rows.append(f'<text x="{_x(place):.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{label}</text>')
    for number, outcome in enumerate(outcomes):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{_x(p):.1f},{_y(outcome.percentile(s), top):.1f}" for p, s in enumerate(SHARES))
        rows.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{points}"/>')
        x = _LEFT + number * 150
        rows.append(f'<rect x="{x}" y="{_HEIGHT - 22}" width="12" height="12" rx="2" fill="{colour}"/>')
        rows.append(f'<text x="{x + 18}" y="{_HEIGHT - 12}">{escape(label_of(outcome))}</text>')
    return "\n".join((*rows, "</svg>", ""))


def label_of(outcome: LoadResult) -> str:
    """A run in a few words."""
    if outcome.mode == "closed":
        return say("{clients} client(s)", clients=outcome.clients)
    return say("{rate:g} requests/s", rate=round(outcome.offered, 1))


def _x(place: int) -> float:
    return _LEFT + 24 + place * (_WIDTH - _LEFT - _RIGHT - 48) / (len(SHARES) - 1)


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)
