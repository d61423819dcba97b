"""A run's results as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from serving.figures import best_rps
from serving.peers import CLIENTS

TITLES = {"digits": "Digits: what a server costs", "minilm": "MiniLM, texts of 5 to 200 tokens: real work"}


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    figures = [all(str(row[n])[:1] in "-0123456789" for row in rows) for n in range(len(head))]
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if is_figure else '---' for is_figure in figures)}|"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"
    yield ""


def markdown(run: dict[str, Any]) -> str:
    """The whole report."""
    machine = run["machine"]
    measured = f"{run['rounds']} round(s), {run['options']['seconds']:g} s for each cell of a round"
    lines = [
        f"{run['date']}, commit {run['commit'] or 'unknown'}; {run['seconds']:.0f} s in all.",
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:.0f} GiB, {machine['system']},",
        f"Python {machine['python']}; load average before the run {machine['load_before']:.1f}.",
        "",
        f"    {run['command']}",
        "",
        f"{measured}. A figure is the median of the rounds, the servers taking turns; load generator and server share",
        "the cores.",
        "",
    ]
    for model in run["options"]["models"]:
        lines += _model(run, model)
    if run["not_measured"]:
        lines += ["### Not measured", ""]
        lines += _table(
            ("server", "model", "reason"), [(row["name"], row["model"], row["reason"]) for row in run["not_measured"]]
        )
    lines += ["### Verdicts", ""]
    lines += _table(
        ("line", "ours", "held against", "needed", "verdict"),
        [(each["line"], each["ours"], each["against"], each["needed"], each["verdict"]) for each in run["verdicts"]],
    )
    return "\n".join(lines).rstrip() + "\n"


def _model(run: dict[str, Any], model: str) -> Iterator[str]:
    rows = [row for row in run["servers"] if row["model"] == model]
    yield f"### {TITLES[model]}"
    yield ""
    raw = run["raw"].get(model)
    if raw:
        yield (
            f"The runtime without a server: {raw['best']['rps']:,.0f}/s ({raw['best']['shape']}); one call takes "
            f"{raw['single']['p50_ms']:.3f} ms ({raw['single']['shape']})."
        )
        yield ""
    search = run.get("search", {}).get(model)
    if search:
        took = "kept nothing" if search["search_s"] is None else f"searched for {search['search_s']:.1f} s of idleness"
        first = f"{search['cold_start_s']:.2f} s to its first answer"
        yield f"Before the first round ours was started once ({first}) and {took}."
        yield ""
    if not rows:
        return
    shown = sorted({clients for row in rows for clients in row["figures"]["load"]} & set(CLIENTS)) or sorted(
        {clients for row in rows for clients in row["figures"]["load"]}
    )
    head = ["server", *(f"req/s, {clients} client{'s' * (clients > 1)}" for clients in shown), "best / raw"]
    head += ["p50 / p99 ms, 1 client", "p50 / p99 ms, 32", "p99 ms, 128", "errors", "CPU ms a request, 32"]
    yield from _table(head, [_load(row, shown, raw) for row in rows])
    over = [row for row in rows if "overload" in row["figures"]]
    if over:
        head = ["three times its capacity", "arrivals/s", "answered/s", "of capacity", "p50 / p99 ms of those"]
        head += [
            "refused",
            "client gave up",
            "broken",
            "not sent",
            "normal again s",
            "req/s, 8 clients, after / before",
        ]
        yield from _table(head, [_over(row) for row in over])
    head = ["start and size", "first answer s", "idle MiB RSS (PSS)", "after load", "after overload", "processes"]
    head += ["end s", "releases", "settings"]
    yield from _table(head, [_size(row) for row in rows])


def _load(row: dict[str, Any], shown: list[int], raw: dict[str, Any] | None) -> list[str]:
    load = row["figures"]["load"]

    def cell(clients: int, form: str, *names: str) -> str:
        return form.format(*(load[clients][name] for name in names)) if clients in load else "-"

    is_limit = row["kind"] == "limit"
    share = f"{best_rps(row['figures']) / raw['best']['rps']:.2g}" if raw and not is_limit else "-"
    return [
        row["name"],
        *(cell(clients, "{:,.0f}", "rps") for clients in shown),
        share,
        cell(1, "{:.2f} / {:.2f}", "p50_ms", "p99_ms"),
        cell(32, "{:.1f} / {:.1f}", "p50_ms", "p99_ms"),
        cell(128, "{:.0f}", "p99_ms"),
        f"{sum(each['errors'] for each in load.values()):,.0f}",
        cell(32, "{:.3g}", "cpu_ms"),
    ]


def _over(row: dict[str, Any]) -> list[str]:
    over = row["figures"]["overload"]
    refused = ", ".join(f"{count:,.0f} x {status}" for status, count in over["statuses"].items() if status != "200")
    broken = over["reset"] + over["refused"] + over["connect_error"] + over["bad_response"]
    back = "not in 35" if over["normal_again_s"] is None else f"{over['normal_again_s']:.1f}"
    before = over.get("rps_before")
    return [
        row["name"],
        f"{over['offered'] / over['seconds']:,.0f}",
        f"{over['ok'] / over['seconds']:,.0f}",
        f"{over['goodput_ratio']:.2f}",
        f"{over['p50_ms']:,.0f} / {over['p99_ms']:,.0f}" if over["ok"] else "-",
        refused or "-",
        f"{over['timeout']:,.0f}",
        f"{broken:,.0f}",
        f"{over['unsent']:,.0f}",
        back if over["alive"] else f"{back}, ended",
        f"{over['rps_after']:,.0f} / {'-' if before is None else format(before, ',.0f')}",
    ]


def _size(row: dict[str, Any]) -> list[str]:
    figures = row["figures"]

    def memory(found: dict[str, float]) -> str:
        return f"{found['rss_mib']:,.0f} ({found['pss_mib']:,.0f})"

    over = figures.get("overload")
    after = f"{over['rss_mib_after']:,.0f} ({over['pss_mib_after']:,.0f})" if over else "-"
    first = f"{figures['cold_start_s']:.2f} (at first {row['rounds'][0]['cold_start_s']:.2f})"
    return [
        row["name"],
        first if len(row["rounds"]) > 1 else f"{figures['cold_start_s']:.2f}",
        memory(figures["idle"]),
        memory(figures["loaded"]),
        after,
        f"{figures['idle']['processes']:.0f}",
        f"{figures['stop_s']:.1f}",
        ", ".join(f"{name} {release}" for name, release in row["versions"].items()),
        " ".join(f"{name}={value}" for name, value in row["settings"].items()) or "-",
    ]
