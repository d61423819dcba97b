"""Failures of PyTorch and Transformers on a CPU."""

from __future__ import annotations

import json

import pytest

from zoo.artifacts import PAGE, POINTER
from zoo.exhibit import Room
from zoo.needs import missing
from zoo.servers import closed_port
from zoo.workshop import PYTHON, Workshop, memory_of

ROOM = Room("module:torch", torch=True)

TRANSFORMERS = ("module:transformers",)
BERT = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "vocab_size": 16,
    "max_position_embeddings": 8,
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def transformers(shop: Workshop, code: str) -> str:
    return shop.python("import transformers\n" + code, env=OFFLINE)


def folder(shop: Workshop, **files: object) -> None:
    """A model folder; each file is its JSON or its text."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        shop.write("model/" + name.replace("__", "."), text)


@ROOM.exhibit("device-mismatch")
def tensors_on_two_devices(shop: Workshop) -> str:
    """A tensor on the meta device is added to one on the CPU."""
    return shop.python("import torch\ntorch.ones(2, device='meta') + torch.ones(2)\n")


@ROOM.exhibit("dtype-mismatch")
def tensors_of_two_types(shop: Workshop) -> str:
    """A layer in half precision gets input in single precision."""
    return shop.python("import torch\ntorch.nn.Linear(4, 4).to(torch.bfloat16)(torch.ones(1, 4))\n")


@ROOM.exhibit("shape-mismatch")
def tensors_that_do_not_multiply(shop: Workshop) -> str:
    """A layer of 4 inputs gets 3."""
    return shop.python("import torch\ntorch.nn.Linear(4, 4)(torch.ones(1, 3))\n")


@ROOM.exhibit("keys-mismatch")
def keys_of_another_model(shop: Workshop) -> str:
    """The state of a model under other names."""
    return shop.python("import torch\ntorch.nn.Linear(4, 4).load_state_dict({'module.weight': torch.ones(4, 4)})\n")


@ROOM.exhibit("shape-mismatch-weights")
def weights_of_another_size(shop: Workshop) -> str:
    """The state of a model with another vocabulary."""
    code = "import torch\ntorch.nn.Embedding(8, 4).load_state_dict({'weight': torch.ones(16, 4)})\n"
    return shop.python(code)


@ROOM.exhibit("unsafe-pickle")
def pickle_that_would_run_code(shop: Workshop) -> str:
    """A checkpoint whose pickle calls a function when it is loaded."""
    return shop.python(
        """
        import os, torch
        class Bad:
            def __reduce__(self):
                return os.system, ('true',)
        torch.save({'weight': Bad()}, 'model.pt')
        torch.load('model.pt', weights_only=True)
        """
    )


@ROOM.exhibit("file-corrupt")
def truncated_checkpoint(shop: Workshop) -> str:
    """Only the first 1,000 bytes of a checkpoint are there."""
    return shop.python(
        """
        import torch
        torch.save({'weight': torch.ones(100, 100)}, 'model.pt')
        with open('model.pt', 'r+b') as file:
            file.truncate(1000)
        torch.load('model.pt')
        """
    )


@ROOM.exhibit("file-corrupt")
def checkpoint_without_its_last_byte(shop: Workshop) -> str:
    """The last byte of a checkpoint is missing; all that PyTorch says is that an argument is invalid."""
    return shop.python(
        """
        import os, torch
        torch.save({'weight': torch.ones(100, 100)}, 'model.pt')
        os.truncate('model.pt', os.path.getsize('model.pt') - 1)
        torch.load('model.pt')
        """
    )


@ROOM.exhibit("lfs-pointer")
def pointer_as_checkpoint(shop: Workshop) -> str:
    """A Git LFS pointer is loaded as a checkpoint."""
    shop.write("model.pt", POINTER)
    return shop.python("import torch\ntorch.load('model.pt')\n")


@ROOM.exhibit("download-is-error-page", "unsafe-pickle", "wrong-format", "file-corrupt")
def page_as_checkpoint(shop: Workshop) -> str:
    """A saved web page is loaded as a checkpoint."""
    shop.write("model.pt", PAGE)
    return shop.python("import torch\ntorch.load('model.pt', weights_only=False)\n")


@ROOM.exhibit("cpu-only-build")
def device_without_a_build_for_it(shop: Workshop) -> str:
    """The CPU build is asked for a CUDA device."""
    return shop.python("import torch\ntorch.ones(1, device='cuda')\n")


@ROOM.exhibit("cpu-only-build", "gpu-not-visible")
def checkpoint_of_a_device_that_is_not_here(shop: Workshop) -> str:
    """A checkpoint whose tensors were saved on a CUDA device."""
    return shop.python(
        """
        import torch, torch.serialization
        torch.serialization.location_tag = lambda storage: 'cuda:0'
        torch.save({'weight': torch.ones(2)}, 'model.pt')
        torch.load('model.pt')
        """
    )


@ROOM.exhibit("op-not-implemented", "dtype-unsupported")
def type_that_an_operator_lacks(shop: Workshop) -> str:
    """An operator that the CPU does not have in half precision."""
    return shop.python("import torch\ntorch.cdist(*torch.ones(2, 2, 2, dtype=torch.float16))\n")


@ROOM.exhibit("nan-in-output")
def not_a_number_in_the_probabilities(shop: Workshop) -> str:
    """A token is drawn from probabilities that are not numbers."""
    return shop.python("import torch\ntorch.multinomial(torch.full((4,), float('nan')), 1)\n")


@ROOM.exhibit("host-oom")
def tensor_larger_than_memory(shop: Workshop) -> str:
    """A tensor larger than the address space that the program may have."""
    code = "import torch\nweights = torch.ones(1 << 33)\n"
    return shop.python(code, before=memory_of(16 * 1024**3), env={"OMP_NUM_THREADS": "1"})


@ROOM.exhibit("shm-too-small", needs=("mount",))
def workers_without_shared_memory(shop: Workshop) -> str:
    """Worker processes of a DataLoader hand over batches through a /dev/shm of 64 KiB."""
    shop.write(
        "main.py",
        """
        import torch
        class Data(torch.utils.data.Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, index):
                return torch.ones(1024, 1024)
        if __name__ == '__main__':
            for batch in torch.utils.data.DataLoader(Data(), batch_size=4, num_workers=1):
                pass
        """,
    )
    line = f"mount -t tmpfs -o size=64k tmpfs /dev/shm && exec {PYTHON} main.py"
    return shop.run("unshare", "-Urm", "sh", "-c", line)


@ROOM.exhibit("collective-failed")
def master_that_nobody_runs(shop: Workshop) -> str:
    """The second of two workers looks for the first, which is not there."""
    return shop.python(
        f"""
        import datetime, torch.distributed as dist
        dist.init_process_group('gloo', init_method='tcp://127.0.0.1:{closed_port()}', rank=1, world_size=2,
                                timeout=datetime.timedelta(seconds=2))
        """
    )


@ROOM.exhibit("kernel-compile-failed", "build-toolchain-missing", needs=("linux",))
def compile_without_a_compiler(shop: Workshop) -> str:
    """torch.compile on a machine whose C++ compiler does not exist."""
    code = "import torch\ntorch.compile(lambda x: torch.sin(x) + 1)(torch.ones(4))\n"
    return shop.python(code, env={"CXX": "/nonexistent/g++"})


@ROOM.exhibit("build-toolchain-missing")
def extension_without_a_toolkit(shop: Workshop) -> str:
    """A CUDA extension is built where there is no CUDA toolkit."""
    shop.write(
        "setup.py",
        """
        from setuptools import setup
        from torch.utils.cpp_extension import BuildExtension, CUDAExtension
        setup(name='zoo_ops', ext_modules=[CUDAExtension('zoo_ops', ['ops.cu'])],
              cmdclass={'build_ext': BuildExtension})
        """,
    )
    return shop.run(PYTHON, "setup.py", "build_ext")


@ROOM.exhibit("architecture-unknown", needs=TRANSFORMERS)
def architecture_of_the_future(shop: Workshop) -> str:
    """A configuration whose model type this Transformers does not know."""
    folder(shop, config__json={**BERT, "model_type": "zoo9"})
    return transformers(shop, "transformers.AutoModel.from_pretrained('model')\n")


@ROOM.exhibit("remote-code-refused", needs=TRANSFORMERS)
def model_with_its_own_code(shop: Workshop) -> str:
    """A model that brings its own code, which is not allowed to run."""
    own = {"auto_map": {"AutoConfig": "zoo.ZooConfig", "AutoModel": "zoo.ZooModel"}, "model_type": "zoo9"}
    folder(shop, config__json=own, zoo__py="class ZooConfig: ...\n")
    return transformers(shop, "transformers.AutoModel.from_pretrained('model', trust_remote_code=False)\n")


@ROOM.exhibit("shard-missing", needs=TRANSFORMERS)
def folder_without_weights(shop: Workshop) -> str:
    """A model folder that holds the configuration only."""
    folder(shop, config__json=BERT)
    return transformers(shop, "transformers.AutoModel.from_pretrained('model')\n")


@ROOM.exhibit("shard-missing", needs=TRANSFORMERS)
def folder_without_one_shard(shop: Workshop) -> str:
    """An index that names a shard which is not there."""
    index = {"metadata": {"total_size": 4}, "weight_map": {"pooler.dense.bias": "model-00001-of-00002.safetensors"}}
    folder(shop, config__json=BERT, model__safetensors__index__json=index)
    return transformers(shop, "transformers.AutoModel.from_pretrained('model')\n")


@ROOM.exhibit("file-corrupt", needs=TRANSFORMERS)
def configuration_cut_short(shop: Workshop) -> str:
    """A config.json that ends in the middle."""
    folder(shop, config__json='{"model_type": "bert", "hidden_si')
    return transformers(shop, "transformers.AutoModel.from_pretrained('model')\n")


@ROOM.exhibit("model-not-found", "hub-unreachable", needs=TRANSFORMERS)
def folder_that_is_not_there(shop: Workshop) -> str:
    """A path that leads nowhere, taken for a repository's name."""
    return transformers(shop, "transformers.AutoModel.from_pretrained('./models/qwen')\n")


@ROOM.exhibit("tokenizer-broken", needs=TRANSFORMERS)
def folder_without_tokenizer(shop: Workshop) -> str:
    """A model folder without any file of a tokenizer."""
    folder(shop, config__json={**BERT, "model_type": "llama", "architectures": ["LlamaForCausalLM"]})
    return transformers(shop, "transformers.AutoTokenizer.from_pretrained('model')\n")


TOKENIZER = """
from tokenizers import Tokenizer, models, pre_tokenizers
tokenizer = Tokenizer(models.WordLevel({'a': 0, '[UNK]': 1}, unk_token='[UNK]'))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=8)
"""


@ROOM.exhibit("chat-template-missing", needs=TRANSFORMERS)
def chat_without_a_template(shop: Workshop) -> str:
    """A conversation is given to a tokenizer of a base model."""
    return transformers(shop, TOKENIZER + "fast.apply_chat_template([{'role': 'user', 'content': 'a'}])\n")


@ROOM.exhibit("context-too-long", needs=TRANSFORMERS)
def text_longer_than_the_model(shop: Workshop) -> str:
    """A text of 64 tokens for a model of 8 positions; the warning comes before the failure."""
    code = TOKENIZER + (
        f"config = transformers.BertConfig(**{ {k: v for k, v in BERT.items() if k != 'architectures'}!r})\n"
        "model = transformers.BertModel(config)\n"
        "model(**fast(' '.join(['a'] * 64), return_tensors='pt'))\n"
    )
    return transformers(shop, code)


@ROOM.exhibit("quant-backend-missing", "package-missing", needs=TRANSFORMERS)
def quantisation_without_its_library(shop: Workshop) -> str:
    """A configuration asks for bitsandbytes, which is not installed, nor perhaps what it needs itself."""
    if not missing("module:bitsandbytes"):
        pytest.skip("bitsandbytes is installed")
    quantised = {**BERT, "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    folder(shop, config__json=quantised, model__safetensors="")
    return transformers(shop, "transformers.AutoModel.from_pretrained('model')\n")
