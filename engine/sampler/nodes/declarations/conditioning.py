"""Nodes that turn words into conditioning."""

from engine.sampler.nodes.registry import Input, NodeDeclaration


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the conditioning nodes."""
    return (
        NodeDeclaration(
            class_type="CLIPTextEncode",
            inputs=(
                Input(
                    name="text",
                    type="STRING",
                    extra={"multiline": True, "dynamicPrompts": True, "tooltip": "The words to encode."},
                ),
                Input(name="clip", type="CLIP", extra={"tooltip": "The text encoder."}),
            ),
            outputs=("CONDITIONING",),
            output_tooltips=("What guides the diffusion model towards the words.",),
            implementation="conditioning:clip_text_encode",
            display_name="CLIP Text Encode (Prompt)",
            description="Encodes a prompt, so that it can guide the diffusion model.",
            category="conditioning",
        ),
        NodeDeclaration(
            class_type="CLIPSetLastLayer",
            inputs=(
                Input(name="clip", type="CLIP"),
                Input(name="stop_at_clip_layer", type="INT", default=-1, min=-24, max=-1, step=1),
            ),
            outputs=("CLIP",),
            implementation="conditioning:clip_set_last_layer",
            display_name="CLIP Set Last Layer",
            category="conditioning",
        ),
    )
