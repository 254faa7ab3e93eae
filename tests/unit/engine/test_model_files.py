"""Model files are known by their headers; whatever else lies in the folder is named with what is wrong with it."""

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model_files import Family, find_models, read_header

UNET = "model.diffusion_model.input_blocks.0.0.weight"
CLIP = "cond_stage_model.transformer.text_model.final_layer_norm.weight"
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
)


def write_model(path: Path, tensors: Mapping[str, list[int]], *, cut: int = 0) -> Path:
    """Write a file of zeros with these tensors; `cut` bytes are missing at its end."""
    header, end = {}, 0
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    packed = json.dumps({"__metadata__": {"modelspec.title": "Test"}, **header}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(packed)) + packed + bytes(end - cut))
    return path


@pytest.mark.parametrize(
    ("tensors", "family"),
    [
        ({CLIP: [8], UNET: [320, 4, 3, 3]}, Family.SD1),
        ({CLIP: [8], UNET: [320, 9, 3, 3]}, Family.SD1),
        ({CLIP: [8], UNET: [320, 8, 3, 3]}, Family.OTHER_TASK),
        ({"conditioner.embedders.0.x": [8], UNET: [320, 8, 3, 3]}, Family.OTHER_TASK),
        ({"decoder.conv_in.weight": [8, 4, 3, 3]}, Family.VAE),
        ({"emb_params": [4, 768]}, Family.EMBEDDING),
        ({"clip_l": [4, 768], "clip_g": [4, 1280]}, Family.EMBEDDING),
        ({"cond_stage_model.model.ln_final.weight": [8], UNET: [320, 4, 3, 3]}, Family.SD2),
        ({"conditioner.embedders.0.x": [8], UNET: [320, 4, 3, 3]}, Family.SDXL),
        ({"model.diffusion_model.joint_blocks.0.x": [8]}, Family.SD3),
        ({"double_blocks.0.img_attn.x": [8]}, Family.FLUX),
        ({"lora_unet_down_blocks_0.lora_down.weight": [8, 4]}, Family.LORA),
        ({"unet.down_blocks.0.lora_A.weight": [8, 4]}, Family.LORA),
        ({"weight": [8]}, Family.OTHER),
        ({}, Family.OTHER),
    ],
)
def test_a_family_is_known_by_its_tensors(tmp_path: Path, tensors: dict[str, list[int]], family: Family) -> None:
    header = read_header(write_model(tmp_path / "m.safetensors", tensors))
    assert header.family is family
    assert header.precision == ("F16" if tensors else "")
    assert header.metadata == {"modelspec.title": "Test"}


def test_a_folder_is_described_file_by_file(tmp_path: Path) -> None:
    write_model(tmp_path / "checkpoints" / "sub" / "dream.safetensors", {CLIP: [8], UNET: [320, 4, 3, 3]})
    write_model(tmp_path / "checkpoints" / "cut.safetensors", {"a": [400]}, cut=1)
    (tmp_path / "checkpoints" / "empty.safetensors").write_bytes(b"")
    (tmp_path / "checkpoints" / "zeros.safetensors").write_bytes(bytes(4096))
    (tmp_path / "checkpoints" / "notes.txt").write_text("not a model")
    (tmp_path / "loras").mkdir()
    (tmp_path / "loras" / "old.pt").write_bytes(b"PK")
    problems = {f"{model.folder}/{model.name}": model.problem for model in find_models(tmp_path)}
    assert list(problems) == [
        "checkpoints/cut.safetensors",
        "checkpoints/empty.safetensors",
        "checkpoints/sub/dream.safetensors",
        "checkpoints/zeros.safetensors",
        "loras/old.pt",
    ]
    assert problems["checkpoints/sub/dream.safetensors"] == ""
    assert "cut off" in problems["checkpoints/cut.safetensors"]
    assert "too short" in problems["checkpoints/empty.safetensors"]
    assert "no JSON" in problems["checkpoints/zeros.safetensors"]
    assert "pickle" in problems["loras/old.pt"]


def test_no_folder_means_no_models(tmp_path: Path) -> None:
    assert not list(find_models(tmp_path / "nowhere"))


@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_header_that_a_stranger_wrote_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, packed: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(packed)) + packed)
    with suppress(ValueError):
        assert read_header(path).family in Family
