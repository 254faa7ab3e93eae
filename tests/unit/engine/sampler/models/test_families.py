"""SD 2.x, SDXL, its refiner and inpainting checkpoints: known by their tensors, loaded, encoded and drawn with."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from engine.sampler.models import layout
from engine.sampler.models.checkpoint import Checkpoint, Placement, load_checkpoint
from engine.sampler.models.diffusion import UnfitConditioning
from engine.sampler.models.files import ModelFileError
from engine.sampler.sampling.conditions import Condition, PictureSizes
from engine.sampler.sampling.denoiser import Rows, Scene
from engine.sampler.sampling.kinds import Discrete, Prediction
from tests.unit.engine.sampler import families
from tests.unit.engine.sampler.random_checkpoint import write_random

MAKERS: dict[str, Callable[[], families.Shapes]] = {
    "sd2": families.small_sd2,
    "sdxl": families.small_sdxl,
    "refiner": families.small_refiner,
    "inpainting": families.small_sd1_inpainting,
}
PLACEMENT = Placement(device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("families")
    for name, make in MAKERS.items():
        write_random(make(), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in MAKERS}


@pytest.fixture(scope="module")
def loaded(files: dict[str, Path]) -> dict[str, Checkpoint]:
    return {name: load_checkpoint(path, PLACEMENT) for name, path in files.items()}


def scene(*, mask: Tensor | None = None, negative: bool = False) -> Scene:
    latent = torch.randn(2, 4, 8, 16)
    return Scene(latent=latent, noise=torch.zeros_like(latent), mask=mask, negative=negative)


def test_the_names_are_the_originals() -> None:
    recorded = families.recorded_sd15()
    made = families.unet(families.SD15_UNET)
    assert made == {name: shape for name, shape in recorded.items() if name.startswith("model.diffusion_model.")}
    text = families.clip_text("cond_stage_model.transformer.", 768, 12)
    assert text.items() <= recorded.items()


@pytest.mark.parametrize(
    ("plan", "parameters"),
    [
        (families.SD15_UNET, 859_520_964),
        (families.SD2_UNET, 865_910_724),
        (families.SDXL_UNET, 2_567_463_684),
        (families.REFINER_UNET, 2_259_526_660),
    ],
)
def test_the_networks_are_as_large_as_published(plan: families.UnetPlan, parameters: int) -> None:
    tensors = {name: torch.zeros(1).expand(shape) for name, shape in families.unet(plan).items()}
    blueprint = layout.unet(tensors)
    own = {name: tensor.shape for name, tensor in blueprint.network.state_dict().items()}
    assert own == {name: tensor.shape for name, tensor in blueprint.tensors.items()}
    assert sum(shape.numel() for shape in own.values()) == parameters


@pytest.mark.parametrize("name", MAKERS)
def test_it_draws(loaded: dict[str, Checkpoint], name: str) -> None:
    checkpoint = loaded[name]
    encoded = checkpoint.text.encode("a (red:1.3) house")
    assert encoded.embeddings.shape == (1, 77, checkpoint.model.context_width)
    extras = checkpoint.model.extras(Condition(embeddings=encoded.embeddings, pooled=encoded.pooled), scene())
    x = torch.randn(2, 4, 8, 16)
    rows = Rows(
        x if extras.channels is None else torch.cat((x, extras.channels), dim=1),
        torch.tensor([1.0, 999.0]),
        encoded.embeddings.expand(2, -1, -1),
        None if extras.vector is None else extras.vector.expand(2, -1),
    )
    made = checkpoint.model.predict(rows)
    assert made.shape == x.shape
    assert made.isfinite().all()
    weights = sum(torch.Size(shape).numel() for shape in MAKERS[name]().values())
    assert checkpoint.size == pytest.approx(4 * weights, rel=0.02)


def test_what_xl_is_told(loaded: dict[str, Checkpoint]) -> None:
    model, text = loaded["sdxl"].model, loaded["sdxl"].text
    encoded = text.encode("a house")
    assert encoded.pooled is not None
    words = Condition(embeddings=encoded.embeddings, pooled=encoded.pooled)
    vector = model.extras(words, scene()).vector
    assert vector is not None
    assert vector[0, -6:].tolist() == [64, 128, 0, 0, 64, 128]
    sizes = PictureSizes(height=1, width=2, crop_height=3, crop_width=4, target_height=5, target_width=6)
    vector = model.extras(Condition(embeddings=encoded.embeddings, pooled=encoded.pooled, sizes=sizes), scene()).vector
    assert vector is not None
    assert vector[0, -6:].tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(UnfitConditioning, match="pooled prompt of 128 numbers"):
        model.extras(Condition(embeddings=encoded.embeddings), scene())


def test_what_the_refiner_is_told(loaded: dict[str, Checkpoint]) -> None:
    checkpoint = loaded["refiner"]
    encoded = checkpoint.text.encode("a house")
    words = Condition(embeddings=encoded.embeddings, pooled=encoded.pooled)
    for negative, score in ((False, 6.0), (True, 2.5)):
        vector = checkpoint.model.extras(words, scene(negative=negative)).vector
        assert vector is not None
        assert vector[0, -5:].tolist() == [64, 128, 0, 0, score]


def test_what_an_inpainting_model_sees(loaded: dict[str, Checkpoint]) -> None:
    model = loaded["inpainting"].model
    embeddings = torch.zeros(1, 77, model.context_width)
    nothing = model.extras(Condition(embeddings=embeddings), scene()).channels
    assert nothing is not None
    assert nothing.shape == (2, 5, 8, 16)
    assert nothing[:, 0].min() == 1
    mask = torch.zeros(1, 64, 128)
    mask[:, :, 64:] = 1
    picture = torch.full((1, 4, 8, 16), 2.0)
    told = Condition(embeddings=embeddings, picture=picture, picture_mask=mask)
    seen = model.extras(told, scene()).channels
    assert seen is not None
    assert seen[0, 0, 0].tolist() == [0.0] * 8 + [1.0] * 8
    torch.testing.assert_close(seen[:, 1:], model.space.enter(picture).expand(2, -1, -1, -1))
    redrawn = torch.ones(2, 1, 8, 16)
    start = scene(mask=redrawn)
    own = model.extras(Condition(embeddings=embeddings), start).channels
    assert own is not None
    assert torch.equal(own[:, 1:], start.latent)


def test_v_prediction_is_told_by_the_spread_of_a_bias_or_said(files: dict[str, Path], tmp_path: Path) -> None:
    def kind(path: Path) -> Discrete:
        found = load_checkpoint(path, PLACEMENT).model.kind
        assert isinstance(found, Discrete)
        return found

    assert kind(files["sd2"]).prediction is Prediction.EPS
    tensors = load_file(files["sd2"])
    bias = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
    tensors[bias] = torch.linspace(-1, 1, len(tensors[bias]))
    save_file(tensors, tmp_path / "v.safetensors")
    assert kind(tmp_path / "v.safetensors").prediction is Prediction.V
    said = load_file(files["sdxl"]) | {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    save_file(said, tmp_path / "said.safetensors")
    found = kind(tmp_path / "said.safetensors")
    assert found.prediction is Prediction.V
    assert found.sigma_max > 4000


def open_clip(tensors: dict[str, Tensor], prefix: str, ids: Tensor, layers: int) -> tuple[Tensor, Tensor]:
    """Run OpenCLIP's text transformer by hand; give the layer before the last, raw, and the pooled encoding."""
    own = {name.removeprefix(prefix): tensor.float() for name, tensor in tensors.items() if name.startswith(prefix)}
    width = own["positional_embedding"].shape[1]
    x = own["token_embedding.weight"][ids] + own["positional_embedding"]
    before = x
    for number in range(layers):
        before = x
        at = f"transformer.resblocks.{number}."

        def norm(values: Tensor, name: str, at: str = at) -> Tensor:
            return functional.layer_norm(values, (width,), own[f"{at}{name}.weight"], own[f"{at}{name}.bias"])

        normed = norm(x, "ln_1")
        mixed = functional.linear(normed, own[f"{at}attn.in_proj_weight"], own[f"{at}attn.in_proj_bias"])
        heads = [part.unflatten(-1, (-1, 64)).transpose(1, 2) for part in mixed.chunk(3, dim=-1)]
        attended = functional.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).flatten(2)
        x = x + functional.linear(attended, own[f"{at}attn.out_proj.weight"], own[f"{at}attn.out_proj.bias"])
        inner = functional.gelu(
            functional.linear(norm(x, "ln_2"), own[f"{at}mlp.c_fc.weight"], own[f"{at}mlp.c_fc.bias"])
        )
        x = x + functional.linear(inner, own[f"{at}mlp.c_proj.weight"], own[f"{at}mlp.c_proj.bias"])
    last = functional.layer_norm(x, (width,), own["ln_final.weight"], own["ln_final.bias"])
    pooled = last[0, ids[0].tolist().index(49407)] @ own["text_projection"]
    return before, pooled


def test_open_clips_text_model_is_run_as_it_was_meant(files: dict[str, Path], loaded: dict[str, Checkpoint]) -> None:
    ids = torch.tensor([[49406, 320, 736, 1212, 49407, *[0] * 72]])
    states, pooled = open_clip(load_file(files["sdxl"]), "conditioner.embedders.1.model.", ids, 3)
    encoded = loaded["sdxl"].text.encode("a red house")
    torch.testing.assert_close(encoded.embeddings[..., 64:], states, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(encoded.pooled, pooled[None], atol=1e-4, rtol=1e-4)


def test_prompts_of_different_lengths_for_the_two_text_models(loaded: dict[str, Checkpoint]) -> None:
    long = loaded["sdxl"].text.encode("a house", others={"l": "word " * 100})
    assert long.embeddings.shape == (1, 154, 192)
    short = loaded["sdxl"].text.encode("a house")
    torch.testing.assert_close(long.embeddings[:, :77, 64:], short.embeddings[..., 64:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("family", "without", "says"),
    [
        ("sdxl", "conditioner.embedders.1.", "Stable Diffusion XL checkpoint: it has no text encoder"),
        ("refiner", "first_stage_model.", "Stable Diffusion XL checkpoint: it has no autoencoder"),
        ("sd2", "cond_stage_model.model.transformer.resblocks.1.", "missing or unexpected encoder.layers.1."),
        ("sdxl", "conditioner.embedders.1.model.text_projection", "text_projection"),
        ("sdxl", "model.diffusion_model.label_emb.0.2.", "missing or unexpected label_emb.0.2.weight"),
    ],
)
def test_what_is_not_whole(files: dict[str, Path], tmp_path: Path, family: str, without: str, says: str) -> None:
    kept = {name: tensor for name, tensor in load_file(files[family]).items() if not name.startswith(without)}
    save_file(kept, tmp_path / "odd.safetensors")
    with pytest.raises(ModelFileError, match=r"odd\.safetensors") as raised:
        load_checkpoint(tmp_path / "odd.safetensors", PLACEMENT)
    assert says in str(raised.value)
