"""The names that a pickle may import: those that only hold data. Everything else is refused."""

from __future__ import annotations

_DEVICES = ("torch", "torch.cuda")
_ELEMENTS = ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
_DTYPES = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64)),
    *("bool", "bfloat16", "float16", "float32", "float64", "complex32", "complex64", "complex128"),
    *(f"float8_{kind}" for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")),
    *("float4_e2m1fn_x2", "bits1x8", "bits2x4", "bits4x2", "bits8", "bits16"),
    *("qint8", "qint32", "quint8", "quint2x4", "quint4x2"),
    *("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric"),
    "per_channel_affine_float_qparams",
)
_REBUILDERS = (
    *("tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor", "sparse_tensor"),
    *("nested_tensor", "wrapper_subclass", "meta_tensor_no_storage"),
    *("device_tensor_from_cpu_tensor", "device_tensor_from_numpy"),
)

WEIGHTS_ONLY = frozenset(
    {f"{device}.{element}{kind}" for device in _DEVICES for element in _ELEMENTS for kind in ("Storage", "Tensor")}
    | {f"torch{part}.sparse.{element}Tensor" for part in ("", ".cuda") for element in _ELEMENTS if element != "Bool"}
    | {f"torch.{name}Storage" for name in ("QInt8", "QUInt8", "QInt32", "QUInt4x2", "QUInt2x4")}
    | {f"{device}.Complex{size}Storage" for device in _DEVICES for size in ("Float", "Double")}
    | {f"torch.{dtype}" for dtype in _DTYPES}
    | {f"torch._utils._rebuild_{name}" for name in _REBUILDERS}
    | {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("bytearray", "complex", "set")}
    | {
        "_codecs.encode",
        "collections.Counter",
        "collections.OrderedDict",
        "torch.Size",
        "torch.Tensor",
        "torch._tensor._rebuild_from_type_v2",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
    }
)
"""What `torch.load(weights_only=True)` of PyTorch 2.13 takes: containers of tensors, and nothing that acts."""

_NUMPY_KINDS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(
        "bool",
        "bool_",
        "float16",
        "float32",
        "float64",
        "longdouble",
        "complex64",
        "complex128",
        "str_",
        "bytes_",
        "void",
    ),
    *("datetime64", "timedelta64", "longlong", "ulonglong", "intc", "uintc", "half", "single", "double"),
)
_NUMPY_DTYPES = (
    *(f"{sign}Int{bits}DType" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *("BoolDType", "Float16DType", "Float32DType", "Float64DType", "LongDoubleDType", "Complex64DType", "StrDType"),
    *("Complex128DType", "BytesDType", "VoidDType", "ObjectDType", "DateTime64DType", "TimeDelta64DType"),
)
_TORCHSCRIPT = (
    *("build_boollist", "build_doublelist", "build_intlist", "build_tensorlist", "build_tensor_from_id"),
    "restore_type_tag",
)
_GENERATORS = ("_mt19937.MT19937", "_pcg64.PCG64", "_pcg64.PCG64DXSM", "_philox.Philox", "_sfc64.SFC64")
_PLAIN = (
    *("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object", "slice", "str", "tuple"),
    *("Ellipsis", "NotImplemented", "hash", "len", "range"),
)
# Python raises an exception, a pickle only makes one. Their names are the same in all versions that know them.
_EXCEPTIONS = """
    ArithmeticError AssertionError AttributeError BaseException BlockingIOError BrokenPipeError BufferError
    BytesWarning ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError
    DeprecationWarning EOFError EncodingWarning EnvironmentError Exception FileExistsError FileNotFoundError
    FloatingPointError FutureWarning GeneratorExit IOError ImportError ImportWarning IndentationError IndexError
    InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError
    NotADirectoryError NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError
    ProcessLookupError RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StandardError
    StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError
    UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError UnicodeWarning
    UserWarning ValueError Warning ZeroDivisionError
""".split()  # noqa: SIM905 - a list of words reads better than seventy strings
_ARRAY_CLASSES = (
    *("matrix", "matrixlib.defmatrix.matrix", "recarray", "record", "rec.recarray", "rec.record"),
    *("core.defmatrix.matrix", "core.records.recarray", "core.records.record", "_core.records.recarray"),
    *("_core.records.record", "ma.core.MaskedArray", "ma.core._mareconstruct", "ma.MaskedArray"),
)

ALLOWED = WEIGHTS_ONLY | frozenset(
    {f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")}
    | {
        f"numpy.{core}.{name}"
        for core in ("core", "_core")
        for name in ("numeric._frombuffer", "_internal._reconstruct")
    }
    | {f"numpy.{kind}" for kind in _NUMPY_KINDS}
    | {f"numpy.dtypes.{kind}" for kind in _NUMPY_DTYPES}
    | {f"numpy.random.{name}" for name in _GENERATORS}
    | {f"numpy.random._pickle.__{name}_ctor" for name in ("bit_generator", "generator", "randomstate")}
    | {f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _PLAIN}
    | {f"__builtin__.{name}" for name in ("long", "unicode", "xrange")}
    | {f"{module}.{name}" for module in ("builtins", "exceptions") for name in _EXCEPTIONS}
    | {f"numpy.{name}" for name in _ARRAY_CLASSES}
    | {f"{module}.{name}" for module in ("copyreg", "copy_reg") for name in ("_reconstructor", "__newobj__")}
    | {f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")}
    | {
        f"pathlib{part}.{pure}{kind}Path"
        for part in ("", "._local")
        for pure in ("", "Pure")
        for kind in ("Posix", "Windows")
    }
    # TorchScript's own, which make lists and give values back as they are.
    | {f"torch.jit._pickle.{name}" for name in _TORCHSCRIPT}
    | {
        "argparse.Namespace",
        "array._array_reconstructor",
        "array.array",
        "collections.defaultdict",
        "collections.deque",
        "decimal.Decimal",
        "fractions.Fraction",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.random.bit_generator.SeedSequence",
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        "types.SimpleNamespace",
        "uuid.UUID",
    }
)
"""Those and plain data of Python and NumPy: what optimizers, trainers and arrays are made of."""
