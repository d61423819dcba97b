"""Servers of models side by side: the same files, threads and requests, answers checked before anything is timed.

    python benchmarks/serving install [NAME ...]   the peers' environments; `minilm` makes the export as well
    python benchmarks/serving run                  all that is installed, under half an hour
    python benchmarks/serving run --quick          ours, the plain server and the limits, some three minutes
    python benchmarks/serving limit                ours and the runtime without a server, taking turns, five minutes
    python benchmarks/serving show RESULTS.json    the tables of an earlier run again

README.md, in this folder, says what is measured and how.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import http.client
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from serving import alternate as alternating
from serving import environments, figures, loadgen, models, peers, raw, tables
from serving.answers import WrongAnswer
from serving.measure import Asked, Plan, let_search, measure
from serving.process import Failed
from serving.verdicts import Results, verdicts

HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airworthy-serving-benchmark"
WARM_S = {"digits": 0.5, "minilm": 1.0}
FAULTS = (Failed, WrongAnswer, OSError, http.client.HTTPException, loadgen.NoLoad, subprocess.TimeoutExpired)
"""What a server can do to its own measurement."""
QUICK = ("ours", "plain", "echo-uvicorn", "echo-granian", "echo-granian-rsgi")


def log(text: str) -> None:
    """Tell how far the run is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--home", type=Path, default=HOME, help="the folder of environments and models (default: %(default)s)"
    )
    install = verbs.add_parser("install", parents=[common], help="make the peers' environments")
    install.add_argument("names", nargs="*", help="environments of peers.toml, all by default; `minilm`: the export")
    limit = verbs.add_parser("limit", parents=[common], help="hold ours against the runtime without a server")
    limit.add_argument("--minilm", type=Path, help="a folder with MiniLM's export, as examples/minilm makes it")
    limit.add_argument("--clients", nargs="+", type=int, default=[8, 32, 128])
    limit.add_argument("--rounds", type=int, default=6, help="pairs for each number of clients (default: %(default)s)")
    limit.add_argument("--seconds", type=float, default=4.0, help="of each measurement (default: %(default)s)")
    show = verbs.add_parser("show", help="print the tables of a run again")
    show.add_argument("file", type=Path)
    run = verbs.add_parser("run", parents=[common], help="measure")
    run.add_argument("--quick", action="store_true", help="one short round of ours, the plain server and the limits")
    run.add_argument("--only", nargs="+", metavar="NAME", help="these servers; `raw` is the limit without a server")
    run.add_argument("--models", nargs="+", choices=peers.MODELS, default=list(peers.MODELS))
    run.add_argument("--minilm", type=Path, help="a folder with MiniLM's export, as examples/minilm makes it")
    run.add_argument("--clients", nargs="+", type=int, default=list(peers.CLIENTS))
    run.add_argument("--rounds", type=int, help="how often everything is measured (3; 1 with --quick)")
    run.add_argument("--seconds", type=float, help="that count in each closed loop (2.5; 1 with --quick)")
    run.add_argument("--overload-seconds", type=float, help="for ours (30; 5 with --quick); 0: no overload")
    run.add_argument("--json", type=Path, metavar="OUT", help="write everything that was measured")
    run.add_argument("--markdown", type=Path, metavar="OUT", help="write the tables there as well")
    chosen = parser.parse_args(arguments if arguments else ["run", *(arguments or [])])
    if chosen.verb == "run":
        defaults = (1, 1.0, 5.0) if chosen.quick else (3, 2.5, 30.0)
        for name, value in zip(("rounds", "seconds", "overload_seconds"), defaults, strict=True):
            if getattr(chosen, name) is None:
                setattr(chosen, name, value)
    return chosen


def machine() -> dict[str, Any]:
    """Where the run takes place."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": peers.cores(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


@functools.cache
def commit() -> str:
    """The tree's commit, with a mark where files differ from it; empty where there is no Git."""
    command = ["git", "-C", str(models.ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def versions(server: peers.Server, table: peers.Table, home: Path) -> dict[str, str]:
    """Releases of what a server is made of."""
    from importlib import metadata

    if not server.environment:
        import airworthy

        return {
            "airworthy": f"{airworthy.__version__} {commit()}".strip(),
            "onnxruntime": metadata.version("onnxruntime"),
            "tokenizers": metadata.version("tokenizers"),
        }
    there = environments.installed(environments.folder(home, server.environment))
    names = [environments.split(pin)[0] for pin in table.environments[server.environment]]
    names = [name for name in names if server.kind != "limit" or name in server.name]
    return {name: there.get(name, "?") for name in (*names, *(["onnxruntime"] if server.kind != "limit" else []))}


def choose(options: argparse.Namespace, table: peers.Table) -> list[peers.Server]:
    """The servers that are to be measured."""
    names = [server.name for server in table.servers]
    wanted = options.only or (QUICK if options.quick else [s.name for s in table.servers if not s.by_name])
    for name in wanted:
        if name not in (*names, "raw"):
            sys.exit(f"error: no server {name!r}; there are raw, {', '.join(names)}")
    return [server for server in table.servers if server.name in wanted]


class Run:
    """One run: what it has measured so far."""

    def __init__(self, options: argparse.Namespace, table: peers.Table, scratch: Path) -> None:
        self._options, self._table = options, table
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._not: list[dict[str, str]] = []
        self._limits: dict[str, raw.Limit] = {}
        self._asked: dict[str, Asked] = {}
        self._scratch = scratch
        self._plans: dict[str, Plan] = {}
        self._searched: dict[str, dict[str, float | None]] = {}
        self._machine = machine()
        self._commit = commit()

    def prepare(self) -> None:
        """Models, truth, load generator."""
        options = self._options
        program = loadgen.build(options.home)
        for model in options.models:
            try:
                models.prepare(options.home, model, options.minilm)
            except models.NoModel as problem:
                self._not.append({"name": "all", "model": model, "reason": str(problem)})
                continue
            self._asked[model] = Asked(model, models.items(options.home, model), raw.answers(model, options.home))
            self._plans[model] = Plan(
                program, options.home, self._scratch, tuple(options.clients), options.seconds, WARM_S[model]
            )
            if options.only is None or "raw" in options.only:
                seconds = 0.4 if options.quick else 1.0
                self._limits[model] = raw.Limit(model, options.home, seconds=seconds, quick=options.quick)

    def measure(self, servers: list[peers.Server]) -> None:
        """All rounds: within a round everything takes its turn."""
        for turn in range(self._options.rounds):
            for model, asked in self._asked.items():
                if model in self._limits:
                    log(f"round {turn + 1}, {model}: raw runtime")
                    self._limits[model].round()
                for server in servers:
                    if model in server.models:
                        self._measure(server, asked, turn)

    def _measure(self, server: peers.Server, asked: Asked, turn: int) -> None:
        model, home, options = asked.model, self._options.home, self._options
        if any(each["name"] == server.name and each["model"] == model for each in self._not):
            return
        reason = environments.lacks(self._table, home, server.environment) if server.environment else ""
        if reason:
            self._not.append({"name": server.name, "model": model, "reason": reason})
            log(f"{server.name}, {model}: not measured: {reason}")
            return
        overload_s = 0.0
        if turn == options.rounds - 1 and server.overload and server.kind != "limit":
            overload_s = options.overload_seconds if server.kind == "ours" else min(10.0, options.overload_seconds)
        try:
            if server.kind == "ours" and turn == 0:
                self._searched[model] = let_search(server, asked, self._plans[model])
                log(f"{model}: ours left alone to search: {self._searched[model]}")
            earlier = self._rows.get((server.name, model), {}).get("rounds", [])
            result = measure(server, asked, self._plans[model], earlier=earlier, overload_s=overload_s)
        except FAULTS as problem:
            # Half a comparison would flatter: what failed once has no figures.
            self._rows.pop((server.name, model), None)
            self._not.append({"name": server.name, "model": model, "reason": f"failed: {problem}"})
            log(f"{server.name}, {model}: not measured: failed: {problem}")
            return
        row = self._rows.setdefault(
            (server.name, model),
            {
                "name": server.name,
                "kind": server.kind,
                "model": model,
                "note": server.note,
                "versions": versions(server, self._table, home),
                "settings": server.settings(model),
                "rounds": [],
            },
        )
        row["rounds"].append(result)
        told = ", ".join(f"{each['rps']:,.0f} at {clients}" for clients, each in result["load"].items())
        log(f"round {turn + 1}, {model}: {server.name}, req/s and clients: {told}")

    def results(self, began: float) -> dict[str, Any]:
        """Everything, ready to be written."""
        rows = [{**row, "figures": figures.medians(row["rounds"])} for row in self._rows.values()]
        limits = {model: limit.result() for model, limit in self._limits.items()}
        judged = verdicts(
            Results(rows, {model: result for model, result in limits.items() if result}),
            self._options.models,
            overload=self._options.overload_seconds > 0,
        )
        options = {
            name: str(value) if isinstance(value, Path) else value for name, value in vars(self._options).items()
        }
        return {
            "schema": "airworthy.benchmark-serving/1",
            "date": dt.datetime.now().astimezone().isoformat(timespec="seconds"),
            "seconds": time.monotonic() - began,
            "command": shlex.join(["python", "benchmarks/serving", *sys.argv[1:]]),
            "commit": self._commit,
            "machine": self._machine,
            "options": options,
            "rounds": self._options.rounds,
            "raw": limits,
            "search": self._searched,
            "servers": rows,
            "not_measured": self._not,
            "verdicts": [asdict(each) for each in judged],
        }


def _run(options: argparse.Namespace, table: peers.Table) -> int:
    began = time.monotonic()
    servers = choose(options, table)
    # A short path: Ray makes Unix sockets below it, whose names have 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        run = Run(options, table, Path(scratch))
        try:
            run.prepare()
        except loadgen.NoLoad as problem:
            print(f"error: {problem}", file=sys.stderr)
            return 2
        run.measure(servers)
    results = run.results(began)
    report = tables.markdown(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(report, encoding="utf-8")
    print(report, end="")
    is_ours_missing = any(each["name"] in ("ours", "all") for each in results["not_measured"])
    return 1 if is_ours_missing else 0


def _limit(options: argparse.Namespace, table: peers.Table) -> int:
    model = "minilm"
    (ours,) = (server for server in table.servers if server.kind == "ours")
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        try:
            program = loadgen.build(options.home)
            models.prepare(options.home, model, options.minilm)
        except (loadgen.NoLoad, models.NoModel) as problem:
            print(f"error: {problem}", file=sys.stderr)
            return 2
        plan = Plan(program, options.home, Path(scratch), tuple(options.clients), options.seconds, WARM_S[model])
        asked = Asked(model, models.items(options.home, model), raw.answers(model, options.home))
        print(
            alternating.table(model, alternating.alternate(ours, asked, plan, rounds=options.rounds, log=log)), end=""
        )
    return 0


def _install(options: argparse.Namespace, table: peers.Table) -> int:
    known = (*table.environments, "minilm")
    for name in options.names:
        if name not in known:
            print(f"error: no environment {name!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
    failed = []
    for name in options.names or table.environments:
        try:
            if name == "minilm":
                models.make_export(table, options.home)
            elif environments.lacks(table, options.home, name):
                environments.make(table, options.home, name)
        except subprocess.CalledProcessError as problem:
            # One peer that can't be had doesn't keep the others away.
            failed.append(name)
            print(f"error: {name}: {problem}", file=sys.stderr)
    for name in table.environments:
        print(f"{name:10} {environments.lacks(table, options.home, name) or 'ready'}")
    return 1 if failed else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if options.verb == "show":
        document = json.loads(options.file.read_text(encoding="utf-8"))
        for row in document["servers"]:
            load = row["figures"]["load"]
            row["figures"]["load"] = {int(clients): each for clients, each in load.items()}
        print(tables.markdown(document), end="")
        return 0
    # As an exception, so that the server that is running is ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options.home = options.home.expanduser().resolve()
    table = peers.read()
    return {"install": _install, "limit": _limit, "run": _run}[options.verb](options, table)


if __name__ == "__main__":
    raise SystemExit(main())
