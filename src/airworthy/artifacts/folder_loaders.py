"""Which program opens a file that lies beside a model's weights, and whether loading the model makes it do so."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

_SAFE = ("model.safetensors", "model.safetensors.index.json", "diffusion_pytorch_model.safetensors")
_SAFE_ADAPTER = "adapter_model.safetensors"


class Opener(NamedTuple):
    """What opens a file."""

    loader: str
    """The program or function, and how it is made to."""
    with_model: bool
    """Whether it does where the model is loaded as its folder's layout says."""


class Layout(NamedTuple):
    """What the files of a folder say of how it is loaded."""

    names: frozenset[str]
    """Its files, relative, with slashes."""
    modules: frozenset[str]
    """Folders that the `modules.json` of sentence-transformers names; empty for another layout."""
    components: frozenset[str]
    """Folders that the `model_index.json` of diffusers names; empty for another layout."""
    model_type: str = ""
    """What `config.json` calls the model."""


_BY_NAME: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), loader)
    for pattern, loader in (
        (r"training_args\.bin", "torch.load of the training's arguments"),
        (
            r"(?:optimizer|scheduler|scaler)[\w.-]{0,40}\.(?:pt|bin|pth)|rng_state\w{0,20}\.pth",
            "transformers.Trainer that resumes",
        ),
        (r"random_states_\d+\.pkl|custom_checkpoint_\d+\.pkl|sampler\w{0,20}\.bin", "accelerate that resumes"),
        (r"learned_embeds[\w.-]{0,40}\.bin|textual_inversion[\w.-]{0,40}\.bin", "diffusers' load_textual_inversion"),
        (r"pytorch_lora_weights\.bin", "diffusers' load_lora_weights"),
        (r"pytorch_model[\w.-]{0,60}\.bin", "transformers with use_safetensors=False"),
        (r"diffusion_pytorch_model[\w.-]{0,60}\.bin", "diffusers with use_safetensors=False"),
        (r"adapter_model\.bin", "PEFT"),
        (r"gptq_model[\w.-]{0,60}\.bin", "AutoGPTQ with use_safetensors=False"),
        (r"tf_model[\w.-]{0,60}\.h5", "transformers with from_tf=True"),
        (r"consolidated\.\d+\.pth", "the publisher's own code by torch.load"),
    )
)
_BY_SUFFIX = {
    **dict.fromkeys((".bin", ".pt", ".pth", ".ckpt", ".mar"), "torch.load with weights_only=False"),
    **dict.fromkeys((".npy", ".npz"), "numpy.load with allow_pickle=True"),
    **dict.fromkeys((".joblib", ".sav"), "joblib.load"),
    **dict.fromkeys((".h5", ".hdf5", ".keras"), "Keras"),
    ".dill": "dill.load",
}
_SHARDS_OF_TRAINERS = re.compile(r"(?:^|/)global_step\d+/")


def opener(name: str, layout: Layout) -> Opener:
    """What opens a file of a folder.

    Args:
        name: the file, relative to the folder, with slashes.
        layout: what else lies there.
    """
    folder, _, base = name.rpartition("/")
    beside = f"{folder}/" if folder else ""
    safe = any(f"{beside}{each}" in layout.names for each in _SAFE)
    if layout.modules and base.startswith("pytorch_model") and base.endswith(".bin") and not safe and folder:
        # A module may name folders of its own, so each that holds weights counts.
        return Opener("sentence-transformers", with_model=True)
    if folder.partition("/")[0] in layout.components and base.endswith(".bin") and not safe:
        return Opener("diffusers", with_model=True)
    if base == "adapter_model.bin" and f"{beside}adapter_config.json" in layout.names:
        return Opener("PEFT", with_model=not folder and _SAFE_ADAPTER not in layout.names)
    if layout.model_type == "transfo-xl" and name in ("vocab.pkl", "vocab.bin"):
        return Opener("transformers' tokenizer of Transformer-XL", with_model=True)
    if _SHARDS_OF_TRAINERS.search(name):
        return Opener("DeepSpeed that resumes", with_model=False)
    loader = next((loader for pattern, loader in _BY_NAME if pattern.fullmatch(base)), "")
    suffix = base[base.rfind(".") :].lower() if "." in base else ""
    return Opener(loader or _BY_SUFFIX.get(suffix, "pickle.load"), with_model=False)


def layout_of(names: list[str], modules: Any, index: Any, config: Any) -> Layout:
    """How a folder is laid out.

    Args:
        names: its files.
        modules: the content of `modules.json`; None where there is none.
        index: the content of `model_index.json`, likewise.
        config: the content of `config.json`, likewise.
    """
    listed = modules if isinstance(modules, list) else ()
    paths = {each["path"] for each in listed if isinstance(each, dict) and isinstance(each.get("path"), str)}
    components = {key for key, value in index.items() if isinstance(value, list)} if isinstance(index, dict) else set()
    model_type = config.get("model_type") if isinstance(config, dict) else ""
    return Layout(
        names=frozenset(names),
        modules=frozenset(path.rstrip("/") for path in paths),
        components=frozenset(components),
        model_type=model_type if isinstance(model_type, str) else "",
    )
