"""Nodes that name model files."""

from engine.sampler.models.files import ModelFile, ModelFileError
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Clip, Model, Vae


def checkpoint_loader_simple(context: NodeContext, *, ckpt_name: str) -> tuple[Model, Clip, Vae]:
    """Load a checkpoint, or find it in memory. Raises ModelFileError."""
    try:
        file = ModelFile.of(context.folders.model_path("checkpoints", ckpt_name))
    except OSError as error:
        raise ModelFileError(f"The checkpoint {ckpt_name} is not there; perhaps it was moved or renamed.") from error
    context.runtime.models.checkpoint(file)
    return Model(file=file), Clip(file=file), Vae(file=file)
