"""Nodes that name model files."""

from dataclasses import replace

from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.models.lora import LoraUse
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Clip, Model, Vae


def checkpoint_loader_simple(context: NodeContext, *, ckpt_name: str) -> tuple[Model, Clip, Vae]:
    """Load a checkpoint, or find it in memory. Raises ModelFileError."""
    file = _file(context, "checkpoints", ckpt_name, "checkpoint")
    context.runtime.models.checkpoint(file, context)
    return Model(file=file), Clip(file=file), Vae(file=file)


def vae_loader(context: NodeContext, *, vae_name: str) -> tuple[Vae]:
    """Load an autoencoder from a file of its own, or find it in memory. Raises ModelFileError."""
    file = _file(context, "vae", vae_name, "autoencoder")
    context.runtime.models.vae(file, alone=True, asker=context)
    return (Vae(file=file, alone=True),)


def lora_loader(
    context: NodeContext, *, model: Model, clip: Clip, lora_name: str, strength_model: float, strength_clip: float
) -> tuple[Model, Clip]:
    """Change a model and its text encoder by a LoRA, each at a strength of its own. Raises ModelFileError."""
    if not strength_model and not strength_clip:
        return model, clip
    file = _lora(context, lora_name, model)
    return (
        replace(model, loras=_with(model.loras, file, strength_model)),
        replace(clip, loras=_with(clip.loras, file, strength_clip)),
    )


def lora_loader_model_only(
    context: NodeContext, *, model: Model, lora_name: str, strength_model: float
) -> tuple[Model]:
    """Change a model by a LoRA, leaving its text encoder alone. Raises ModelFileError."""
    if not strength_model:
        return (model,)
    file = _lora(context, lora_name, model)
    return (replace(model, loras=_with(model.loras, file, strength_model)),)


def _lora(context: NodeContext, name: str, model: Model) -> ModelFile:
    file = _file(context, "loras", name, "LoRA")
    context.runtime.models.check_lora(file, model.file, context)
    return file


def _with(loras: tuple[LoraUse, ...], file: ModelFile, strength: float) -> tuple[LoraUse, ...]:
    return (*loras, LoraUse(file=file, strength=strength)) if strength else loras


def _file(context: NodeContext, folder: str, name: str, kind: str) -> ModelFile:
    try:
        return ModelFile.of(context.folders.model_path(folder, name))
    except OSError as error:
        raise ModelFileError(f"The {kind} {name} is not there; perhaps it was moved or renamed.") from error
