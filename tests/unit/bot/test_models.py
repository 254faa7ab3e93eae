"""`atelier models list`, as an operator reads it."""

import io
from pathlib import Path

from rich.console import Console

from bot.models import list_models
from bot.programs import Exit
from config.settings import EndpointSettings, Settings
from tests.fakes.comfyui import FakeComfy
from tests.unit.engine.test_model_files import CLIP, UNET, write_model


async def listed(settings: Settings) -> tuple[Exit, list[str]]:
    written = io.StringIO()
    code = await list_models(settings, Console(file=written, width=60))
    return code, written.getvalue().splitlines()


async def test_an_empty_folder_says_where_checkpoints_go(tmp_path: Path) -> None:
    code, lines = await listed(Settings(data_dir=tmp_path))
    assert code is Exit.DONE
    assert lines[0] == f"Our sampler reads {tmp_path / 'models'}"
    assert lines[1].startswith("✓ checkpoints/atelier-tiny.safetensors")
    assert f"into {tmp_path / 'models' / 'checkpoints'}" in lines[2]


async def test_every_file_is_named_with_what_it_is_and_whether_it_works(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    write_model(folder / "checkpoints" / "dream.safetensors", {CLIP: [8], UNET: [320, 4, 3, 3]})
    write_model(folder / "checkpoints" / "large.safetensors", {"conditioner.embedders.0.x": [8]})
    write_model(folder / "checkpoints" / "flux.safetensors", {"double_blocks.0.x": [8]})
    write_model(folder / "loras" / "ink.safetensors", {"a.lora_up.weight": [4]})
    (folder / "checkpoints" / "zeros.safetensors").write_bytes(bytes(4096))
    code, lines = await listed(Settings(data_dir=tmp_path))
    assert code is Exit.FAILED
    said = {line[2:].partition(": ")[0]: line for line in lines[1:]}
    assert said["checkpoints/dream.safetensors"].startswith("✓")
    assert "Stable Diffusion 1.x, F16" in said["checkpoints/dream.safetensors"]
    assert "Stable Diffusion XL" in said["checkpoints/large.safetensors"]
    assert said["checkpoints/large.safetensors"].startswith("✓")
    assert said["loras/ink.safetensors"].startswith("✓")
    assert said["checkpoints/flux.safetensors"].startswith("-")
    assert "a ComfyUI endpoint can" in said["checkpoints/flux.safetensors"]
    assert said["checkpoints/zeros.safetensors"].startswith("✗")


async def test_other_endpoints_are_asked(tmp_path: Path) -> None:
    async with FakeComfy() as server:
        there = EndpointSettings(name="gpu-1", kind="comfyui", url=server.url)
        gone = EndpointSettings(name="gpu-2", kind="comfyui", url="http://127.0.0.1:9")
        code, lines = await listed(Settings(data_dir=tmp_path, endpoints=(there, gone)))
    assert code is Exit.DONE
    assert lines[0].startswith("gpu-1 (http://127.0.0.1:")
    assert lines[1].strip().endswith(".safetensors")
    assert lines[-1].strip() == "does not answer"
