"""A GGUF file, written once as safetensors.

Reading the quantised file takes most of a minute; the same weights as float16 safetensors load
in two seconds. Run as a process of its own (`python -m playground.models._convert GGUF FOLDER`),
so that it can be stopped at any moment and its memory is gone when it ends.
"""

import json
import sys
from pathlib import Path


def convert(gguf: Path, folder: Path) -> None:
    """Write config, tokenizer and float16 weights of `gguf` into `folder`."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    module = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    print("weights read", flush=True)
    tied = module.config.tie_word_embeddings
    tensors = {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in module.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = module.config.to_dict()
    config.pop("quantization_config", None)
    config |= {"dtype": "float16", "architectures": [type(module).__name__]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, default=str))
    module.generation_config.save_pretrained(str(folder))
    print("tokenizer", flush=True)
    AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(str(folder))


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
