"""What is found in a model's files."""

from __future__ import annotations

from airworthy.core.values.base import Value
from airworthy.core.version import Version


class Defect(Value, frozen=True):
    """A place where a file disagrees with its own format."""

    member: str
    """The file, or the member inside an archive."""
    kind: str
    """`empty`, `truncated`, `padded`, `header`, `overlap`, `bounds`, `checksum`, `structure`; `missing` for a file that
    another names, `path` for one outside of the model's folder, `error-page` for a saved web page, `bomb` for
    content that unfolds to far more than it takes, `link` for a symbolic link that leads out of the model's folder."""
    detail: str
    """What was expected and what was found, one line."""
    offset: int | None = None
    """The byte where it shows, where there is one."""


class LfsPointer(Value, frozen=True):
    """A Git LFS pointer that lies where a model file should."""

    path: str
    """The file."""
    oid: str
    """SHA-256 of the real content."""
    size: int
    """Size of the real content in bytes."""


class PickleImport(Value, frozen=True):
    """A name that a pickle would import if it were loaded."""

    member: str
    """The file, or the member inside an archive."""
    name: str
    """`module.name` as the pickle spells it, `posix.system`; empty where it is not known."""
    allowed: bool
    """Whether it is on the allow-list of names that only hold data."""
    weights_only: bool = True
    """Whether `torch.load(weights_only=True)` takes it as well; reported for PyTorch files, true elsewhere."""
    reason: str = ""
    """Why it is not known what the pickle would import, one line; empty where `name` is."""
    loader: str = ""
    """What opens the file, where it lies beside the weights, `transformers.Trainer`; empty for the weights."""
    opened: bool = True
    """Whether loading the model opens it; false for a file beside the weights that something else opens."""


class EmbeddedCode(Value, frozen=True):
    """Something in a model that acts when the model is loaded or used, and is not a pickle's import."""

    member: str
    """The file, or the member inside an archive."""
    kind: str
    """`auto-map`: Python beside the weights; `keras-lambda`, `keras-object`: a layer that is code or a foreign class;
    `keras-pickle`, `keras-saved-model`: a layer that unpickles or loads a graph from elsewhere; `keras-file`: a file or
    an address that it opens; `tf-operator`: an operator that reads or writes files or calls Python; `torchscript`:
    compiled code that does; `torch-package`: Python in an archive of `torch.package`; `chat-template`: a template
    that asks for more than templates need."""
    name: str
    """What acts: a layer, an operator, `modeling_x.Model`."""
    detail: str
    """What it does, one line."""
    opened: bool = True
    """Whether loading the model opens it; false for a file beside the weights that something else opens."""


class WeightFault(Value, frozen=True):
    """What is remarkable in the numbers of a stored tensor."""

    member: str
    """The file."""
    tensor: str
    """The tensor's name."""
    kind: str
    """`nan`, `infinite`, `zero` and `constant` (all of it), `constant-rows`, `duplicate`, `scale`, `subnormal`; and
    against a reference `absent`, `surplus`, `shape`, `differs`."""
    detail: str
    """What was found, one line."""


class OperatorGap(Value, frozen=True):
    """An operator of a model that a target lacks."""

    target: str
    """The target, `cuda`."""
    operator: str
    """The operator, with its set where that is not the standard one: `com.microsoft:Gelu`, `aten::linear`; empty for
    what is about the whole graph."""
    opset: int
    """The operator set in which it took the form in use; 0 where that is not known or there are none."""
    types: tuple[str, ...]
    """The element types that it is used with."""
    nodes: int
    """How many nodes use it so."""
    share: float
    """Their share of the model's arithmetic, from 0 to 1."""
    to: str
    """The target that takes it in place of this one; empty where none does and the model can't run."""
    reason: str
    """What the target lacks: `operator`, `type`, `opset`, `domain` (no known target has the operator), `dispatch` (no
    kernel under its dispatch key), `condition` (it asks more of a node: constant weights, two dimensions), `sizes` (it
    takes fixed sizes alone)."""
    sizes: tuple[str, ...] = ()
    """For `sizes`: the open ones, with what they were taken for, `batch=1`."""
    has_types: tuple[str, ...] = ()
    """The element types that the target has it for."""
    newest: int = 0
    """For `opset`: the newest form of the operator that the target has."""
    earlier: int = 0
    """The newest operator set in which the target has it with these types; 0 where there is none."""
    made_of_others: bool = False
    """Whether its definition is made of other operators."""


class Misnamed(Value, frozen=True):
    """A file whose suffix names another format than its content."""

    member: str
    """The file, relative to the model's folder."""
    suffix: str
    """Its suffix, `.safetensors`."""
    content: str
    """What it holds, by its first bytes: `GGUF`, `HDF5`, `safetensors`, `a ZIP archive`, `a pickle`."""


class ModelSignature(Value, frozen=True):
    """The signature of a model, and whether it holds."""

    path: str
    """The file."""
    state: str
    """`unproven` where no trusted signer was named, `valid`, `invalid`, or `missing` where one is requested."""
    kind: str = ""
    """For one that does not hold, the code of the reason: `signed-file-changed`, `signature-other-key`."""
    detail: str = ""
    """That reason, one line."""
    signer: str = ""
    """For one that holds, who signed: the subject of a certificate, or the hash of a public key."""


class ModelConfiguration(Value, frozen=True):
    """What a Hugging Face folder's `config.json` asks of the program that loads it, and the tokenizer beside it."""

    model_type: str = ""
    """The name of its architecture in transformers, `qwen3_moe`."""
    architectures: tuple[str, ...] = ()
    """The classes that it is loaded as, `Qwen3MoeForCausalLM`."""
    transformers: Version | None = None
    """The version of transformers that wrote it."""
    remote_code: tuple[str, ...] = ()
    """The classes that it defines in code of its own, `modeling_chatglm.ChatGLMModel`."""
    quantization: str = ""
    """The method that its weights are quantised with, `gptq`; empty where they are not."""
    tokenizer_files: tuple[str, ...] = ()
    """The files beside it that a tokenizer is made of."""


class AttentionCache(Value, frozen=True):
    """What a text generator keeps of what it has seen, by kinds of layers; one that shares another's is left out."""

    layers: int
    """Layers that look back at the whole context."""
    heads: int
    """Key and value heads of each."""
    head_size: int
    """Numbers in a key of a head, and in a value unless `value_size` says otherwise."""
    windowed: int = 0
    """Layers that look back at the newest tokens only."""
    window: int = 0
    """How many tokens those see."""
    latent: int = 0
    """Numbers that are kept of a token in place of keys and values (MLA); 0 where those are kept."""
    longest: int = 0
    """The longest context that the model was made for, in tokens; 0 where that is not reported."""
    value_size: int = 0
    """Numbers in a value of a head; 0 where it has as many as a key."""
    window_heads: int = 0
    """Key and value heads of the layers with a window; 0 where they have as many as the others."""
    window_head_size: int = 0
    """Numbers in a key, and in a value, of a head of the layers with a window; 0 where that is the same."""
    recurrent: int = 0
    """Layers that keep a state of fixed size for each sequence (Mamba, gated delta net)."""
    recurrent_numbers: int = 0
    """Numbers in such a state of one layer and one sequence, 32 bits each."""
    cross: int = 0
    """Layers that also keep keys and values of the encoder's output."""
    encoder_length: int = 0
    """Tokens or frames of the encoder's output, at the most."""


class ModelShape(Value, frozen=True):
    """The sizes of a neural network that its memory and its time follow from; 0 where nothing reports one."""

    kind: str
    """`decoder`, `encoder`, `encoder-decoder`, `cnn`, `diffusion`; `unknown` for anything else."""
    architecture: str = ""
    """What its configuration calls it, `qwen3`."""
    layers: int = 0
    """Blocks, those of an encoder and of a decoder together."""
    embedding: int = 0
    """Numbers of a token between blocks."""
    feed_forward: int = 0
    """Numbers of a token within a block's feed-forward part; of one expert where there are several."""
    vocabulary: int = 0
    """Tokens that it can write."""
    heads: int = 0
    """Query heads of a layer with attention."""
    head_size: int = 0
    """Numbers in a query of a head."""
    experts: int = 0
    """Experts of a block; 0 where it has none."""
    experts_used: int = 0
    """Experts that one token passes through."""
    expert_shared: int = 0
    """Numbers within the expert that all tokens pass through."""
    gated: bool = True
    """Whether the feed-forward part has a gate, and so three matrices in place of two."""
    tied: bool = False
    """Whether the first and the last matrix are one."""
    recurrent_width: int = 0
    """Numbers of a token within a layer that keeps a state."""
    longest: int = 0
    """Tokens of an input that it was made for."""
    image: int = 0
    """Pixels along an edge of an image that it was made for."""
    assumed: tuple[str, ...] = ()
    """What was assumed because nothing reports it, one sentence each."""


class FormatVersion(Value, frozen=True):
    """A version that a model file demands of the runtime that reads it."""

    kind: str
    """What is counted: `onnx-ir`, `onnx-opset`, `gguf`, `safetensors`."""
    domain: str = ""
    """The operator domain for opsets, empty for the standard one."""
    version: int = 0
    """The number in the file."""
