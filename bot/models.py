"""`atelier models`: what model files there are, where they go, and which of them can be drawn with."""

import asyncio
from pathlib import Path

from rich.console import Console

from bot.compose import build_pool, models_folder
from bot.programs import Exit
from bot.requests import BUILT_IN_MODEL
from config.settings import Settings
from engine.model_files import Family, FoundModel, find_models

ANSWER_WAIT = 5.0  # seconds for endpoints elsewhere
_CHECKPOINTS = "checkpoints"
_SERVED = {
    _CHECKPOINTS: (Family.SD1, Family.SD2, Family.SDXL),
    "loras": (Family.LORA,),
    "vae": (Family.VAE,),
    "embeddings": (Family.EMBEDDING,),
}
"""What our own sampler can use of each folder."""


async def list_models(settings: Settings, console: Console) -> Exit:
    """Show the files of our sampler's folder, then what each other endpoint offers. Fails if a file is unusable."""
    found: list[FoundModel] = []
    if any(endpoint.kind == "local" for endpoint in settings.endpoints):
        folder = models_folder(settings)
        found = await asyncio.to_thread(lambda: list(find_models(folder)))
        _show_folder(console, folder, found)
    await _show_others(settings, console)
    return Exit.FAILED if any(model.problem for model in found) else Exit.DONE


def _show_folder(console: Console, folder: Path, found: list[FoundModel]) -> None:
    console.print(f"Our sampler reads {folder}", style="bold", markup=False, highlight=False, soft_wrap=True)
    built_in = f"{_CHECKPOINTS}/{BUILT_IN_MODEL}: the built-in small model, F16, 11.5 MB"
    for style, line in (*map(_described, found), ("green", f"✓ {built_in}")):
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if not any(model.folder == _CHECKPOINTS for model in found):
        hint = f"Put a checkpoint (.safetensors) into {folder / _CHECKPOINTS}; it can be used at once."
        console.print(hint, markup=False, highlight=False, soft_wrap=True)


def _described(model: FoundModel) -> tuple[str, str]:
    """A style and a line for a file: what it is, and whether our sampler can use it."""
    if model.header is None:
        return "red", f"✗ {model.folder}/{model.name}: {model.problem}"
    header = model.header
    what = f"{model.folder}/{model.name}: {header.family}, {header.precision}, {_size(model.size)}"
    if header.family in _SERVED.get(model.folder, ()):
        return "green", f"✓ {what}"
    return "yellow", f"- {what}; our sampler does not use it yet, a ComfyUI endpoint can"


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


async def _show_others(settings: Settings, console: Console) -> None:
    """Ask the endpoints that are not ours, which must be running already."""
    others = tuple(endpoint for endpoint in settings.endpoints if endpoint.kind != "local")
    if not others:
        return
    pool = build_pool(settings.model_copy(update={"endpoints": others}))
    await pool.start()
    try:
        await pool.wait_ready(ANSWER_WAIT)
        for endpoint in others:
            console.print(f"{endpoint.name} ({endpoint.url})", style="bold", markup=False, highlight=False)
            info = pool.object_infos().get(endpoint.name)
            if info is None:
                console.print("  does not answer", style="red")
                continue
            for name in pool.choices("CheckpointLoaderSimple", "ckpt_name", endpoint=endpoint.name):
                console.print(f"  {name}", markup=False, highlight=False)
    finally:
        await pool.close()
