"""The list of verbs: name → the command that is imported on use, and the line that `--help` shows."""

from __future__ import annotations

VERBS = {
    "up": ("airworthy.cli.up:command", "Take a model the whole way: check, inspect and serve it."),
    "chat": ("airworthy.cli.chat:command", "Talk to a language model in the terminal."),
    "bench": ("airworthy.cli.bench:command", "Put load on a service and report how fast it is."),
    "check": ("airworthy.cli.check:command", "Say what will go wrong here, before it does."),
    "diagnose": ("airworthy.cli.diagnose:command", "Say what went wrong, from a program's output."),
    "causes": ("airworthy.cli.causes:command", "Write entries of one's own, and list which causes cost most."),
    "explain": ("airworthy.cli.explain:command", "Show what a cause is, why it happens and what ends it."),
    "facts": ("airworthy.cli.facts:command", "Show or save what is known about this host and environment."),
    "inspect": ("airworthy.cli.inspect:command", "Say what is in a model file or folder, without loading it."),
    "deps": ("airworthy.cli.deps:command", "Say what is installed, why, and what contradicts."),
    "gate": ("airworthy.cli.gate:command", "Prove that a model is no worse and no slower than the one in use."),
    "optimise": ("airworthy.cli.optimise:command", "Make a model smaller, proven on quality and on speed."),
    "lock": ("airworthy.cli.lock:command", "Lock an environment for all platforms, or compare it with its lock."),
    "sync": ("airworthy.cli.sync:command", "Restore an environment from its lock: all of it, or as it was."),
    "graph": ("airworthy.cli.graph:command", "Draw the dependency graph, ask it, or send it to a database."),
    "audit-deps": ("airworthy.cli.audit_deps:command", "Compare packages with published advisories and the policy."),
    "fit": (
        "airworthy.cli.fit:command",
        "Say whether a model fits a machine, how fast it is there, and how to run it.",
    ),
    "sign": ("airworthy.cli.sign:command", "Sign a model, so that others can prove it is what you published."),
    "verify": ("airworthy.cli.verify:command", "Prove that a model is what its publisher signed."),
    "encrypt": ("airworthy.cli.encrypt:command", "Encrypt a model for those who may run it."),
    "decrypt": ("airworthy.cli.decrypt:command", "Get a model's files back from an encrypted one."),
    "keygen": ("airworthy.cli.keygen:command", "Make a key that models can be encrypted for, or signed with."),
    "release": ("airworthy.cli.release:command", "Keep versions of models, serve one, and take it back."),
    "serve": ("airworthy.cli.serve:command", "Serve models over HTTP, without checking the host."),
}
"""All verbs in the order of `--help`. The line is also the first line of the verb's own help."""
