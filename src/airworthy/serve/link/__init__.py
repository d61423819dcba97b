"""Ways to reach a runner: a process of this machine now, other servers later."""
