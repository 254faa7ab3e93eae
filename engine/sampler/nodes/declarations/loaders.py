"""Nodes that load models."""

from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the loaders."""
    return (
        NodeDeclaration(
            class_type="CheckpointLoaderSimple",
            inputs=(
                Input(
                    name="ckpt_name",
                    type="COMBO",
                    folder="checkpoints",
                    extra={"tooltip": "The checkpoint to load."},
                ),
            ),
            outputs=("MODEL", "CLIP", "VAE"),
            output_tooltips=(
                "The diffusion model, which takes noise away.",
                "The text encoder, which reads prompts.",
                "The autoencoder between pixels and latents.",
            ),
            implementation="loaders:checkpoint_loader_simple",
            display_name="Load Checkpoint",
            description="Loads a checkpoint: the diffusion model with its text encoder and its autoencoder.",
            category="loaders",
        ),
    )
