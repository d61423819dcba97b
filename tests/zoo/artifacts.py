"""Model files that are damaged, or are something else."""

from __future__ import annotations

import json
import pickle
import zipfile

from zoo.exhibit import Room
from zoo.workshop import Workshop

ROOM = Room()

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d7a" * 16 + "\nsize 438997424\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"
UNPICKLE = "import pickle\nwith open('model.pkl', 'rb') as file:\n    pickle.load(file)\n"


def safetensors(length: int) -> bytes:
    """A safetensors file that announces so many bytes of data and holds 16."""
    header = {"weight": {"dtype": "F32", "shape": [length // 4], "data_offsets": [0, length]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(16)


@ROOM.exhibit("lfs-pointer")
def pointer_as_pickle(shop: Workshop) -> str:
    """A Git LFS pointer is unpickled."""
    shop.write("model.pkl", POINTER)
    return shop.python(UNPICKLE)


@ROOM.exhibit("download-is-error-page", "wrong-format")
def page_as_pickle(shop: Workshop) -> str:
    """A saved web page is unpickled."""
    shop.write("model.pkl", PAGE)
    return shop.python(UNPICKLE)


@ROOM.exhibit("file-corrupt")
def truncated_pickle(shop: Workshop) -> str:
    """The second half of a pickle is missing."""
    data = pickle.dumps({"weight": list(range(1000))})
    shop.write("model.pkl", data[: len(data) // 2])
    return shop.python(UNPICKLE)


@ROOM.exhibit("serialized-code-incompatible")
def class_that_is_gone(shop: Workshop) -> str:
    """A pickle of a class that the program that loads it does not define."""
    shop.python(
        """
        import pickle
        class Net: ...
        with open('model.pkl', 'wb') as file:
            pickle.dump(Net(), file)
        """,
        fails=False,
    )
    return shop.python(UNPICKLE)


@ROOM.exhibit("file-corrupt", needs=("module:numpy",))
def truncated_npz(shop: Workshop) -> str:
    """The end of a NumPy archive is missing, and with it its directory."""
    with zipfile.ZipFile(shop.path("model.npz"), "w") as archive:
        archive.writestr("weight.npy", bytes(10_000))
    data = (shop.folder / "model.npz").read_bytes()
    shop.write("model.npz", data[:5000])
    return shop.python("import numpy\nnumpy.load('model.npz')['weight']\n")


@ROOM.exhibit("file-corrupt", needs=("module:safetensors",))
def truncated_safetensors(shop: Workshop) -> str:
    """A safetensors file that ends before the data that its header announces."""
    shop.write("model.safetensors", safetensors(4096))
    return shop.python("import safetensors\nsafetensors.safe_open('model.safetensors', 'np')\n")


@ROOM.exhibit("lfs-pointer", "file-corrupt", "download-is-error-page", needs=("module:safetensors",))
def page_as_safetensors(shop: Workshop) -> str:
    """A saved web page is opened as safetensors; its first eight bytes make a length beyond all bounds."""
    shop.write("model.safetensors", PAGE)
    return shop.python("import safetensors\nsafetensors.safe_open('model.safetensors', 'np')\n")


@ROOM.exhibit("tokenizer-broken", "file-corrupt", needs=("module:tokenizers",))
def tokenizer_cut_short(shop: Workshop) -> str:
    """A tokenizer.json that ends in the middle."""
    shop.write("tokenizer.json", '{"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0')
    return shop.python("from tokenizers import Tokenizer\nTokenizer.from_file('tokenizer.json')\n")


@ROOM.exhibit("tokenizer-broken", needs=("module:tokenizers",))
def tokenizer_of_an_unknown_kind(shop: Workshop) -> str:
    """A tokenizer.json whose model this version of tokenizers does not know."""
    shop.write("tokenizer.json", '{"version": "1.0", "model": {"type": "Zoo", "vocab": {}}}')
    return shop.python("from tokenizers import Tokenizer\nTokenizer.from_file('tokenizer.json')\n")
