"""The LoRA with random weights that the recorded pictures were made with."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

NAME = "rand-lora.safetensors"
_SEED, _RANK, _ALPHA = 77, 4, 2.0


def write_recorded_lora(path: Path) -> Path:
    """Write it: kohya's names, rank 4, the attention of one level of the UNet and of four text layers."""
    generator = torch.Generator().manual_seed(_SEED)
    tensors: dict[str, Tensor] = {}

    def add(name: str, out: int, into: int) -> None:
        tensors[f"{name}.lora_down.weight"] = torch.randn(_RANK, into, generator=generator) * 0.2
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, _RANK, generator=generator) * 0.05
        tensors[f"{name}.alpha"] = torch.tensor(_ALPHA)

    for block in (0, 1):
        for attention in ("attn1", "attn2"):
            for projection in ("to_q", "to_k", "to_v", "to_out_0"):
                words = attention == "attn2" and projection in ("to_k", "to_v")
                layer = f"down_blocks_0_attentions_{block}_transformer_blocks_0_{attention}_{projection}"
                add(f"lora_unet_{layer}", 320, 768 if words else 320)
    for layer_number in range(4):
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            add(f"lora_te_text_model_encoder_layers_{layer_number}_self_attn_{projection}", 768, 768)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half() for name, tensor in tensors.items()}, path)
    return path
