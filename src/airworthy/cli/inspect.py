"""`airworthy inspect`: what is in a model file or folder."""

from __future__ import annotations

from pathlib import Path

import click

from airworthy.cli.options import Chosen, finding_options, only_one_reads_standard_input
from airworthy.cli.output import finish, tell
from airworthy.cli.progress import LateProgress
from airworthy.cli.verbs import VERBS
from airworthy.core.messages import say

ALGORITHMS = ("sha256", "blake3", "sha512", "sha1", "md5", "git")


@click.command("inspect", help=VERBS["inspect"][1] + "\n\nPATH is a file or a folder; - is standard input.")
@click.argument("path")
@click.option("--hash", "hashed", is_flag=True, help="Hash every file: BLAKE3 where installed, else SHA-256.")
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    type=click.Choice(ALGORITHMS),
    help="Hash with this; may be repeated.",
)
@click.option(
    "--manifest", metavar="FILE", help="Compare files with a list of hashes; `hub` is that of a hub's own cache."
)
@click.option("--write-manifest", metavar="FILE", help="Write the hashes as `sha256sum` does; SHA-256 by default.")
@click.option("--health", is_flag=True, help="Read all weights: NaN, all-zero, out-of-range and duplicate tensors.")
@click.option("--compare", metavar="REFERENCE", help="Compare the weights with those of another model.")
@click.option("--keys", is_flag=True, help="Compare names and shapes of tensors with those its configuration asks for.")
@click.option("--convert-safe", metavar="OUT", help="Rewrite a pickle's tensors as safetensors, without loading it.")
@click.option("--force", is_flag=True, help="Replace OUT where it is there already.")
@click.option("--html", metavar="FILE", help="Also write a page with layers, sizes, histograms and findings.")
@click.option("--view", is_flag=True, help="Open it in Netron, where that is installed, on this machine only.")
@click.option(
    "--targets", metavar="NAMES", help="Check operator support on these targets: cpu,cuda,tensorrt,…, or all."
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Assume this value for a dynamic dimension; see --targets.",
)
@click.option("--ask-runtime", is_flag=True, help="Load the graph in ONNX Runtime as well, and say what it assigns.")
@finding_options
def command(
    path: str,
    hashed: bool,
    algorithms: tuple[str, ...],
    manifest: str | None,
    write_manifest: str | None,
    health: bool,
    compare: str | None,
    keys: bool,
    convert_safe: str | None,
    force: bool,
    html: str | None,
    view: bool,
    targets: str | None,
    sizes: tuple[str, ...],
    ask_runtime: bool,
    chosen: Chosen,
) -> int:
    """Say what a model is."""
    from airworthy.flows.catalogue import catalogue_for
    from airworthy.flows.inspect import Looking, inspect
    from airworthy.flows.weights import Depth

    only_one_reads_standard_input(path, chosen.config, manifest)
    settings, catalogue = chosen.settings(path), catalogue_for(path)
    if hashed and not algorithms:
        from airworthy.artifacts.weights.hashing import default_algorithm

        algorithms = (default_algorithm(),)
    depth = Depth(algorithms, health, manifest or "", write_manifest or "", compare or "", keys)
    looking = Looking(convert_safe or "", force, tensors=html is not None)
    if view:
        from airworthy.flows.netron import require

        require()
    against = None
    if targets is not None or ask_runtime:
        from airworthy.flows.targets import asked

        against = asked(targets or "cpu", sizes, ask_runtime)
    with LateProgress() as progress:
        report = inspect(
            path,
            settings=settings,
            depth=depth,
            looking=looking,
            against=against,
            progress=progress,
            catalogue=catalogue,
        )
    if html is not None:
        from airworthy.flows.files import write_private
        from airworthy.report.page.render import page

        write_private(Path(html), page(report).encode())
    status = finish(report, chosen.format, chosen.render(catalogue), settings.check)
    if view:
        from airworthy.flows.netron import view as show

        tell(say("Netron shows it; Ctrl-C ends it"))
        show(report.answer.model["entry"])
    return status
