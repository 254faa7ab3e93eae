"""Nodes that load models."""

from engine.sampler.nodes.declarations.parts import model_file, real, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the loaders."""
    return (_checkpoint(), _vae(), _lora(), _lora_model_only())


def _checkpoint() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="CheckpointLoaderSimple",
        inputs=(model_file("ckpt_name", "checkpoints", "The checkpoint to load."),),
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
    )


def _vae() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAELoader",
        inputs=(model_file("vae_name", "vae"),),
        outputs=("VAE",),
        implementation="loaders:vae_loader",
        display_name="Load VAE",
        category="loaders",
    )


def _lora() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoraLoader",
        inputs=(
            wire("model", "MODEL", "The diffusion model to change."),
            wire("clip", "CLIP", "The text encoder to change."),
            model_file("lora_name", "loras", "The LoRA to change them by."),
            _strength("strength_model", "How strongly the diffusion model is changed; may be negative."),
            _strength("strength_clip", "How strongly the text encoder is changed; may be negative."),
        ),
        outputs=("MODEL", "CLIP"),
        output_tooltips=("The changed diffusion model.", "The changed text encoder."),
        implementation="loaders:lora_loader",
        display_name="Load LoRA",
        description="Changes a diffusion model and its text encoder, say to a style. Several can follow each other.",
        category="loaders",
    )


def _lora_model_only() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="LoraLoaderModelOnly",
        inputs=(wire("model", "MODEL"), model_file("lora_name", "loras"), _strength("strength_model")),
        outputs=("MODEL",),
        implementation="loaders:lora_loader_model_only",
        display_name="LoraLoaderModelOnly",
        category="loaders",
    )


def _strength(name: str, tooltip: str = "") -> Input:
    return real(name, 1.0, -100.0, 100.0, 0.01, extra={"tooltip": tooltip} if tooltip else {})
