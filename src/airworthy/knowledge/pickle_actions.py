"""The names from which a pickle imports only to act: to run commands or code, to reach files, sockets or attributes.

Which names are allowed at all is a list of its own, of what only holds data. This one decides how a finding about a
name that is not allowed is worded, and nothing else.
Sources, checked 2026-12: the modules' pages of https://docs.python.org/3/library/, and of
https://github.com/cloudpipe/cloudpickle and https://github.com/uqfoundation/dill.
"""

from __future__ import annotations

_MODULES = frozenset(
    """
    os posix nt posixpath ntpath subprocess sys runpy importlib imp pkgutil socket shutil ctypes _ctypes pty commands
    popen2 webbrowser code codeop bdb pdb cProfile profile timeit trace doctest asyncio multiprocessing signal threading
    _thread _posixsubprocess pickle _pickle cPickle dill cloudpickle marshal platform pip ensurepip venv idlelib
    """.split()  # noqa: SIM905 - a list of words reads better than forty strings
)
"""Modules of which nothing is data but what `_DATA` names."""
_DATA = frozenset(
    """
    os.stat_result os.terminal_size os.statvfs_result os.times_result os.uname_result os.PathLike os.sched_param
    posix.stat_result posix.terminal_size socket.AddressFamily socket.SocketKind socket.MsgFlag socket.AddressInfo
    subprocess.CompletedProcess signal.Signals signal.Handlers signal.Sigmasks pickle.PickleBuffer
    importlib.machinery.ModuleSpec platform.uname_result sys.float_info sys.version_info
    """.split()  # noqa: SIM905
)
"""Plain records and enumerations in those modules."""
_BUILTINS = frozenset(
    """
    eval exec execfile compile __import__ open file getattr setattr delattr input raw_input globals locals vars
    breakpoint apply map filter reduce exit quit help
    """.split()  # noqa: SIM905
)
_ACTING = frozenset(
    {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _BUILTINS}
    | {f"{module}.{name}" for module in ("operator", "_operator") for name in ("attrgetter", "methodcaller", "call")}
    | {"types.CodeType", "types.FunctionType", "types.MethodType", "types.LambdaType", "functools.reduce"}
    | {"io.open", "_io.open", "io.FileIO", "_io.FileIO", "io.open_code", "_io.open_code", "codecs.open"}
    | {
        "torch.load",
        "torch.hub.load",
        "torch.storage._load_from_bytes",
        "joblib.load",
        "pydoc.locate",
        "pydoc.pipepager",
    }
)


def acts(name: str) -> bool:
    """Whether a name, `posix.system`, is imported only to act."""
    if name in _ACTING:
        return True
    module = name.partition(".")[0]
    harmless = name in _DATA or name.endswith(("Error", "Exception", "Warning", "Expired"))
    return module in _MODULES and not harmless
