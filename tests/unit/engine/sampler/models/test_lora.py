"""LoRA files in every naming, added to networks that stay as they are, and refused when they do not belong."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.sampler.models.checkpoint import Placement
from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.models.library import Library
from engine.sampler.models.lora import LoraUse
from tests.unit.engine.sampler import families
from tests.unit.engine.sampler.random_checkpoint import write_random
from tests.unit.engine.sampler.small_checkpoint import write_small

DOWN = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"
LDM = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"
TEXT = "encoder.layers.1.self_attn.q_proj.weight"
WIDTH, TEXT_WIDTH = 32, 64
Naming = Callable[[str], tuple[str, str]]
Small = tuple[Library, ModelFile]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    path = write_small(tmp_path_factory.mktemp("lora") / "small.safetensors")
    return library(), ModelFile.of(path)


def library() -> Library:
    placement = Placement(device=torch.device("cpu"), dtype=torch.float32)
    return Library(placement=placement, budget=1 << 34)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def write(path: Path, tensors: Mapping[str, Tensor]) -> ModelFile:
    save_file(dict(tensors), path)
    return ModelFile.of(path)


NAMINGS = {
    "kohya": ("lora_unet_" + DOWN.removesuffix(".weight").replace(".", "_"), ".lora_up.weight", ".lora_down.weight"),
    "kohya, original names": ("lora_unet_" + LDM.replace(".", "_"), ".lora_up.weight", ".lora_down.weight"),
    "peft": ("unet." + DOWN.removesuffix(".weight"), ".lora_B.weight", ".lora_A.weight"),
    "diffusers": ("unet." + DOWN.removesuffix(".weight"), ".lora.up.weight", ".lora.down.weight"),
    "original names": ("diffusion_model." + LDM, ".lora_B.weight", ".lora_A.weight"),
    "attention processors": (
        "unet." + DOWN.removesuffix(".to_q.weight") + ".processor.to_q",
        "_lora.up.weight",
        "_lora.down.weight",
    ),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_naming_changes_the_same_layer(small: Small, tmp_path: Path, naming: str) -> None:
    models, checkpoint = small
    layer, up_ending, down_ending = NAMINGS[naming]
    up, down = random(WIDTH, 4), random(4, WIDTH)
    file = write(tmp_path / "x.safetensors", {layer + up_ending: up, layer + down_ending: down})
    models.check_lora(file, checkpoint)
    base = models.diffusion(checkpoint).network
    before = base.get_parameter(DOWN).clone()
    made = models.diffusion(checkpoint, (LoraUse(file=file, strength=-0.5),)).network
    torch.testing.assert_close(made.get_parameter(DOWN), before - 0.5 * up @ down)
    assert torch.equal(base.get_parameter(DOWN), before)
    shared = [
        name for name, weight in made.named_parameters() if weight.data_ptr() == base.get_parameter(name).data_ptr()
    ]
    assert len(shared) == len(list(base.parameters())) - 1


def test_alpha_rank_and_several_at_once(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    layer = NAMINGS["kohya"][0]
    up, down = random(WIDTH, 4), random(4, WIDTH)
    tensors = {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down, f"{layer}.alpha": torch.tensor(2.0)}
    first = write(tmp_path / "first.safetensors", tensors)
    second = write(tmp_path / "second.safetensors", {**tensors, f"{layer}.alpha": torch.tensor(8.0)})
    uses = (LoraUse(file=first, strength=1.0), LoraUse(file=second, strength=0.25))
    made = models.diffusion(checkpoint, uses).network.get_parameter(DOWN)
    base = models.diffusion(checkpoint).network.get_parameter(DOWN)
    torch.testing.assert_close(made, base + (0.5 + 0.25 * 2.0) * up @ down)
    assert models.diffusion(checkpoint, uses).network.get_parameter(DOWN) is made, "it is made once"


def test_convolutions_with_and_without_a_core(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    name = "down_blocks.0.resnets.0.conv1"
    flat = "lora_unet_" + name.replace(".", "_")
    up, down, core = random(WIDTH, 4, 1, 1), random(4, WIDTH, 3, 3), random(4, 4, 3, 3)
    plain = write(tmp_path / "plain.safetensors", {f"{flat}.lora_up.weight": up, f"{flat}.lora_down.weight": down})
    base = models.diffusion(checkpoint).network.get_parameter(f"{name}.weight")
    made = models.diffusion(checkpoint, (LoraUse(file=plain, strength=1.0),)).network.get_parameter(f"{name}.weight")
    change = torch.nn.functional.conv2d(down.movedim(1, 0), up).movedim(0, 1)
    torch.testing.assert_close(made - base, change, atol=1e-5, rtol=1e-4)
    narrow = random(4, WIDTH, 1, 1)
    with_core = write(
        tmp_path / "core.safetensors",
        {f"{flat}.lora_up.weight": up, f"{flat}.lora_down.weight": narrow, f"{flat}.lora_mid.weight": core},
    )
    made = models.diffusion(checkpoint, (LoraUse(file=with_core, strength=1.0),)).network.get_parameter(
        f"{name}.weight"
    )
    x = random(1, WIDTH, 9, 9)
    stepwise = torch.conv2d(torch.conv2d(torch.conv2d(x, narrow), core, padding=1), up)
    torch.testing.assert_close(torch.conv2d(x, made - base, padding=1), stepwise, atol=1e-3, rtol=1e-3)


def test_other_kinds_of_changes(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    layer = NAMINGS["kohya"][0]
    base = models.diffusion(checkpoint).network.get_parameter(DOWN)

    def added(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
        file = write(tmp_path / f"{name}.safetensors", {f"{layer}.{key}": tensor for key, tensor in tensors.items()})
        models.check_lora(file, checkpoint)
        return models.diffusion(checkpoint, (LoraUse(file=file, strength=1.0),)).network.get_parameter(DOWN) - base

    up, down, up2, down2 = random(WIDTH, 4), random(4, WIDTH), random(WIDTH, 4) + 1, random(4, WIDTH) - 1
    pairs = {"hada_w1_a": up, "hada_w1_b": down, "hada_w2_a": up2, "hada_w2_b": down2, "alpha": torch.tensor(2.0)}
    hadamard = added("hadamard", pairs)
    torch.testing.assert_close(hadamard, 0.5 * (up @ down) * (up2 @ down2), atol=1e-4, rtol=1e-4)
    small_one, large = random(4, 4), random(8, 8)
    kronecker = added("kronecker", {"lokr_w1": small_one, "lokr_w2": large, "alpha": torch.tensor(7.0)})
    torch.testing.assert_close(kronecker, torch.kron(small_one, large), atol=1e-4, rtol=1e-4)
    tall, wide = random(8, 2), random(2, 8)
    split = added("split", {"lokr_w1": small_one, "lokr_w2_a": tall, "lokr_w2_b": wide, "alpha": torch.tensor(1.0)})
    torch.testing.assert_close(split, 0.5 * torch.kron(small_one, tall @ wide), atol=1e-4, rtol=1e-4)
    whole = random(WIDTH, WIDTH)
    torch.testing.assert_close(added("whole", {"diff": whole}), whole, atol=1e-4, rtol=1e-4)


def test_a_convolution_as_products_around_cores(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    name = "down_blocks.0.resnets.0.conv1"
    flat = "lora_unet_" + name.replace(".", "_")
    first, second = (random(4, WIDTH), random(4, WIDTH) + 1), (random(4, WIDTH) - 1, random(4, WIDTH))
    cores = [random(4, 4, 3, 3), random(4, 4, 3, 3) - 1]
    tensors = {
        f"{flat}.hada_t1": cores[0],
        f"{flat}.hada_w1_a": first[0],
        f"{flat}.hada_w1_b": first[1],
        f"{flat}.hada_t2": cores[1],
        f"{flat}.hada_w2_a": second[0],
        f"{flat}.hada_w2_b": second[1],
    }
    file = write(tmp_path / "x.safetensors", tensors)
    base = models.diffusion(checkpoint).network.get_parameter(f"{name}.weight")
    made = models.diffusion(checkpoint, (LoraUse(file=file, strength=1.0),)).network.get_parameter(f"{name}.weight")
    expected = torch.ones_like(base)
    for core, (up, down) in zip(cores, (first, second), strict=True):
        expected = expected * torch.einsum("rshw,ro,si->oihw", core, up, down)
    torch.testing.assert_close(made - base, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "layer",
    [
        "lora_te_text_model_encoder_layers_1_self_attn_q_proj.lora_{}.weight",
        "text_encoder.text_model.encoder.layers.1.self_attn.q_proj.lora_{}.weight",
        "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.{}.weight",
    ],
)
def test_text_encoders_are_changed_too(small: Small, tmp_path: Path, layer: str) -> None:
    models, checkpoint = small
    ends = ("B", "A") if "text_encoder" in layer and "to_q" not in layer else ("up", "down")
    up, down = random(TEXT_WIDTH, 4), random(4, TEXT_WIDTH)
    file = write(tmp_path / "x.safetensors", {layer.format(ends[0]): up, layer.format(ends[1]): down})
    uses = (LoraUse(file=file, strength=2.0),)
    base, made = models.text(checkpoint), models.text(checkpoint, uses)
    weights = [encoder.towers[0].network.get_parameter(TEXT) for encoder in (base, made)]
    torch.testing.assert_close(weights[1], weights[0] + 2.0 * up @ down)
    plain = base.encode("a house").embeddings
    assert not torch.allclose(made.encode("a house").embeddings, plain)
    assert torch.equal(models.text(checkpoint).encode("a house").embeddings, plain)


def test_what_a_lora_leaves_alone_is_the_checkpoints_own(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    tensors = {
        "lora_te_text_model_encoder_layers_1_mlp_fc1.lora_up.weight": random(256, 2),
        "lora_te_text_model_encoder_layers_1_mlp_fc1.lora_down.weight": random(2, TEXT_WIDTH),
    }
    words = (LoraUse(file=write(tmp_path / "words.safetensors", tensors), strength=1.0),)
    assert models.diffusion(checkpoint, words) is models.diffusion(checkpoint), "so that they share passes"
    assert models.text(checkpoint, words) is not models.text(checkpoint)


def test_xl_has_two_text_models(tmp_path: Path) -> None:
    write_random(families.small_sdxl(), tmp_path / "xl.safetensors")
    models, checkpoint = library(), ModelFile.of(tmp_path / "xl.safetensors")
    tensors = {
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": random(256, 2),
        "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": random(2, 64),
        "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": random(512, 2),
        "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": random(2, 128),
    }
    file = write(tmp_path / "x.safetensors", tensors)
    models.check_lora(file, checkpoint)
    base, made = models.text(checkpoint), models.text(checkpoint, (LoraUse(file=file, strength=1.0),))
    for own, changed in zip(base.towers, made.towers, strict=True):
        name = "encoder.layers.0.mlp.fc1.weight"
        assert not torch.equal(own.network.get_parameter(name), changed.network.get_parameter(name))


def _foreign() -> Iterator[tuple[str, dict[str, Tensor], str]]:
    layer = NAMINGS["kohya"][0]
    yield "other.safetensors", {"lora_unet_nowhere.lora_up.weight": random(8, 2)}, "is not whole"
    pair = {"lora_unet_nowhere.lora_up.weight": random(8, 2), "lora_unet_nowhere.lora_down.weight": random(2, 8)}
    yield "foreign.safetensors", pair, "made for another kind of model"
    yield "weights.safetensors", {"a.weight": random(8, 2)}, "is no LoRA"
    yield "half.safetensors", {f"{layer}.hada_w1_a": random(8, 2)}, "hada_w1_b is missing"
    yield "dora.safetensors", {f"{layer}.dora_scale": random(8, 1)}, r"not supported \(dora_scale\)"


@pytest.mark.parametrize(("name", "tensors", "says"), list(_foreign()))
def test_what_does_not_belong(small: Small, tmp_path: Path, name: str, tensors: dict[str, Tensor], says: str) -> None:
    models, checkpoint = small
    with pytest.raises(ModelFileError, match=says) as raised:
        models.check_lora(write(tmp_path / name, tensors), checkpoint)
    assert name in str(raised.value)


def test_a_shape_that_does_not_fit(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    layer = NAMINGS["kohya"][0]
    tensors = {f"{layer}.lora_up.weight": random(640, 4), f"{layer}.lora_down.weight": random(4, 640)}
    file = write(tmp_path / "wide.safetensors", tensors)
    with pytest.raises(ModelFileError, match=r"wide\.safetensors does not fit this model"):
        models.diffusion(checkpoint, (LoraUse(file=file, strength=1.0),))
    assert models.diffusion(checkpoint).network is not None


def test_a_cut_file(small: Small, tmp_path: Path) -> None:
    models, checkpoint = small
    layer = NAMINGS["kohya"][0]
    file = write(tmp_path / "cut.safetensors", {f"{layer}.lora_up.weight": random(WIDTH, 4)})
    with file.path.open("r+b") as opened:
        opened.truncate(file.size - 100)
    with pytest.raises(ModelFileError, match=r"cut\.safetensors is not a whole"):
        models.check_lora(file, checkpoint)
