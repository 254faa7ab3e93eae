"""Writes the model folder: half-precision weights, their configurations, vocabulary and preview matrix.

Everything is written beside the target first and moved into place file by file, so that a reader never meets half a
file.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextModel

from tools.tiny import models, vocabulary

LARGEST_BYTES: Final = 12_000_000


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The linear map from one latent cell to the mean colour of its 8x8 pixels, in [-1, 1]."""

    matrix: list[list[float]]
    """4 rows (latent channels) of 3 (red, green, blue)."""
    bias: list[float]
    """3 numbers."""


def index_of() -> dict[str, object]:
    """The content of model_index.json."""
    return {
        "_class_name": "StableDiffusionPipeline",
        "name": "Atelier tiny",
        "license": "MIT",
        "width": 128,
        "height": 128,
        "tokenizer": {"kind": "words", "length": vocabulary.MAX_TOKENS},
        "prediction": "epsilon",
        "schedule": {
            "kind": "scaled_linear",
            "beta_start": models.BETA_START,
            "beta_end": models.BETA_END,
            "steps": models.TRAIN_STEPS,
        },
    }


def write_model(
    target: Path,
    *,
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderTiny,
    text: CLIPTextModel,
    preview: Preview,
) -> int:
    """Writes the whole folder in half precision and answers how many bytes its weights take; ValueError over 12 MB."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".tiny-") as name:
        staging = Path(name)
        for folder, network in (("unet", unet), ("vae", autoencoder), ("text_encoder", text)):
            copy = (
                type(network).from_config(network.config) if folder != "text_encoder" else type(network)(network.config)
            )
            copy.load_state_dict(network.state_dict())
            copy.half().save_pretrained(staging / folder, safe_serialization=True)
        write_json(staging / "model_index.json", index_of())
        write_json(staging / "tokenizer" / "vocab.json", vocabulary.build_vocabulary())
        write_json(staging / "latent_rgb.json", {"matrix": preview.matrix, "bias": preview.bias})
        size = sum(file.stat().st_size for file in staging.rglob("*.safetensors"))
        if size > LARGEST_BYTES:
            raise ValueError(f"the weights take {size} bytes, more than {LARGEST_BYTES}")
        move_into_place(staging, target)
    return size


def move_into_place(staging: Path, target: Path) -> None:
    """Renames every file of the staging folder over its counterpart in the target, weights before the rest."""
    files = sorted(
        (file for file in staging.rglob("*") if file.is_file()), key=lambda file: file.suffix != ".safetensors"
    )
    for file in files:
        place = target / file.relative_to(staging)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
        place.chmod(0o644)


def write_json(path: Path, value: object) -> None:
    """Writes readable JSON, one line of text for each entry, with a final newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def export_random(target: Path, seed: int) -> int:
    """Writes a folder of the right layout with untrained weights, for work on whatever loads it."""
    torch.manual_seed(seed)
    return write_model(
        target,
        unet=models.build_unet(),
        autoencoder=models.build_autoencoder(),
        text=models.build_text_encoder(),
        preview=Preview(matrix=[[0.3, 0.2, 0.1], [0.1, 0.3, 0.2], [0.2, 0.1, 0.3], [0.1, 0.1, 0.1]], bias=[0.0] * 3),
    )
