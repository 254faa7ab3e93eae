"""A model that classifies pictures, as Hugging Face's folders hold one: config, weights, how pictures are prepared."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoModelForImageClassification

_SIDE = 224  # pixels, where the folder does not say
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a picture becomes a tensor: scaled to `size` (height, width), then (value - mean) / std for each channel."""

    size: tuple[int, int] = (_SIDE, _SIDE)
    mean: tuple[float, ...] = _HALF
    std: tuple[float, ...] = _HALF

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `preprocessor_config.json`, if it is there. Raises ValueError for one that makes no sense."""
        path = folder / "preprocessor_config.json"
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        size: Any = said.get("size", _SIDE)
        sides: dict[str, Any] = size if isinstance(size, dict) else {"shortest_edge": size}
        side = sides.get("shortest_edge", _SIDE)
        size = (int(sides.get("height", side)), int(sides.get("width", side)))
        mean, std = tuple(said.get("image_mean", _HALF)), tuple(said.get("image_std", _HALF))
        if len(mean) != 3 or len(std) != 3 or not all(std) or not all(1 <= side <= 4096 for side in size):
            raise ValueError(f"{path.name} makes no sense")
        return cls(size=size, mean=mean, std=std)

    def tensor(self, data: bytes) -> Tensor:
        """Prepare a picture's file: (1, 3, height, width). Raises OSError for what is no picture."""
        height, width = self.size
        with Image.open(BytesIO(data)) as image:
            small = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        pixels = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(height, width, 3)
        values = pixels.permute(2, 0, 1).float() / 255
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (self.mean, self.std))
        return ((values - mean) / std).unsqueeze(0)


class Classifier:
    """Gives each label's share, 0 to 1, together 1."""

    def __init__(self, model: nn.Module, labels: tuple[str, ...], preparation: Preparation) -> None:
        self._model = model
        self._preparation = preparation
        self.labels = labels

    @classmethod
    def load(cls, folder: Path, device: str) -> Self:
        """Load a folder; never from anywhere else, and no code from it. Raises OSError or ValueError."""
        model = AutoModelForImageClassification.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        names: dict[int, str] = model.config.id2label
        labels = tuple(str(names[number]) for number in range(len(names)))
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device).eval(), labels, Preparation.read(folder))

    def scores(self, data: bytes) -> dict[str, float]:
        """Classify a picture's file. Raises OSError or ValueError for what is no picture."""
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            logits: Tensor = self._model(pixel_values=self._preparation.tensor(data).to(device)).logits
            shares = logits.float().softmax(dim=-1)[0].tolist()
        return {label: round(share, 6) for label, share in zip(self.labels, shares, strict=True)}
