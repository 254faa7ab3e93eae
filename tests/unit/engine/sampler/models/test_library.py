"""Models from files: loaded once, interrupted while they load, put out of memory at once."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.sampler.models.checkpoint import Checkpoint, Placement, load_checkpoint
from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.models.library import Library
from engine.sampler.nodes.registry import InterruptedPrompt
from tests.unit.engine.sampler.nodes.bench import TINY
from tests.unit.engine.sampler.small_checkpoint import write_small

PLACEMENT = Placement(device=torch.device("cpu"), dtype=torch.float32)


@dataclass
class Prompt:
    """A prompt that asks, and is interrupted at the nth look."""

    prompt_id: str = "prompt"
    looks_left: int = 1 << 60
    looked: threading.Event = field(default_factory=threading.Event)

    def check_interrupted(self) -> None:
        self.looks_left -= 1
        self.looked.set()
        if self.looks_left < 0:
            raise InterruptedPrompt


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return ModelFile.of(write_small(tmp_path_factory.mktemp("library") / "small.safetensors"))


def test_what_is_put_out_gives_its_memory_back_at_once(small: ModelFile) -> None:
    library = Library(placement=PLACEMENT, budget=1 << 34)
    checkpoint = library.checkpoint(small)
    checkpoint.vae.decode(torch.zeros(1, 4, 8, 8))
    checkpoint.text.encode("a house")
    parts = [
        weakref.ref(part)
        for network in (checkpoint.model.network, checkpoint.vae.network, checkpoint.text.towers[0].network)
        for part in network.parameters()
    ]
    gc.collect()
    gc.disable()
    try:
        del checkpoint
        library.clear()
        assert not [part for part in parts if part() is not None]
    finally:
        gc.enable()


def test_an_interrupt_ends_the_loading_and_others_begin_anew(small: ModelFile) -> None:
    begun = threading.Event()

    def load(path: Path, placement: Placement) -> Checkpoint:
        begun.set()
        return load_checkpoint(path, placement)

    library = Library(placement=PLACEMENT, budget=1 << 34, load=load)
    first, second = Prompt("first", looks_left=300), Prompt("second")
    with ThreadPoolExecutor(2) as pool:
        interrupted = pool.submit(library.checkpoint, small, first)
        assert begun.wait(30)
        waits = pool.submit(library.checkpoint, small, second)
        with pytest.raises(InterruptedPrompt):
            interrupted.result(60)
        assert waits.result(60).size > 0
    assert second.looked.is_set()


def test_only_so_many_checkpoints_are_kept_as_fit(small: ModelFile, tmp_path: Path) -> None:
    size = Library(placement=PLACEMENT, budget=1 << 34).checkpoint(small).size
    library = Library(placement=PLACEMENT, budget=int(2.5 * size))
    files = []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.safetensors").write_bytes(small.path.read_bytes())
        files.append(ModelFile.of(tmp_path / f"{name}.safetensors"))
    for file in (files[0], files[1], files[0], files[2]):
        library.checkpoint(file)
    assert [path.stem for path in library.loaded()] == ["a", "c"]
    assert not library.prefetch(files[1]), "there is no room for it"
    library.clear()
    assert library.prefetch(files[1])
    assert [path.stem for path in library.loaded()] == ["b"]


def test_another_content_under_the_same_name_is_another_model(small: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "same.safetensors"
    tensors = load_file(small.path)
    library = Library(placement=PLACEMENT, budget=1 << 34)
    made = []
    for value in (0.0, 1.0):
        tensors["model.diffusion_model.out.2.bias"] = torch.full((4,), value).half()
        save_file(tensors, path)
        made.append(library.diffusion(ModelFile.of(path)).network.get_parameter("conv_out.bias")[0].item())
    assert made == [0.0, 1.0]


def test_an_autoencoder_of_its_own_in_three_layouts(small: ModelFile, tmp_path: Path) -> None:
    library = Library(placement=PLACEMENT, budget=1 << 34)
    latent = torch.randn(1, 4, 8, 8)
    expected = library.vae(small).decode(latent)
    tensors = {name: tensor for name, tensor in load_file(small.path).items() if name.startswith("first_stage_model.")}
    bare = {name.removeprefix("first_stage_model."): tensor for name, tensor in tensors.items()}
    state = library.vae(small).network.state_dict()
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    todays = {}
    for name, tensor in state.items():
        new = next((new for new in old if f"attentions.0.{new}." in name), None)
        todays[name.replace(f".{new}.", f".{old[new]}.") if new else name] = tensor.contiguous()
    for number, found in enumerate((tensors, bare, todays)):
        save_file(found, tmp_path / f"vae{number}.safetensors")
        file = ModelFile.of(tmp_path / f"vae{number}.safetensors")
        torch.testing.assert_close(library.vae(file, alone=True).decode(latent), expected)


def test_what_is_no_autoencoder(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "odd.safetensors")
    library = Library(placement=PLACEMENT, budget=1 << 34)
    with pytest.raises(ModelFileError, match=r"odd\.safetensors is no autoencoder"):
        library.vae(ModelFile.of(tmp_path / "odd.safetensors"), alone=True)


def test_the_built_in_model_takes_loras_too(tmp_path: Path) -> None:
    library = Library(placement=PLACEMENT, budget=1 << 34)
    file = ModelFile.of(TINY)
    name = next(name for name, _ in library.diffusion(file).network.named_parameters() if "attn1.to_q" in name)
    assert "lora_unet_" + name.removesuffix(".weight").replace(".", "_") in library.diffusion(file).layers
