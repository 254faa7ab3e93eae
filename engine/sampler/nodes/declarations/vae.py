"""Nodes between pixels and latents."""

from engine.sampler.nodes.declarations.parts import whole, wire
from engine.sampler.nodes.registry import Input, NodeDeclaration

_MOST_TILE = 4096


def declarations() -> tuple[NodeDeclaration, ...]:
    """Give the autoencoder nodes."""
    return (_decode(), _encode(), _encode_for_inpaint(), _decode_tiled(), _encode_tiled())


def _decode() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAEDecode",
        inputs=(
            wire("samples", "LATENT", "The latents to decode."),
            wire("vae", "VAE", "The autoencoder to decode with."),
        ),
        outputs=("IMAGE",),
        output_tooltips=("The decoded pictures.",),
        implementation="vae:vae_decode",
        display_name="VAE Decode",
        description="Decodes latents into pictures.",
        category="latent",
    )


def _encode() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAEEncode",
        inputs=(wire("pixels", "IMAGE"), wire("vae", "VAE")),
        outputs=("LATENT",),
        implementation="vae:vae_encode",
        display_name="VAE Encode",
        category="latent",
    )


def _encode_for_inpaint() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAEEncodeForInpaint",
        inputs=(
            wire("pixels", "IMAGE"),
            wire("vae", "VAE"),
            wire("mask", "MASK"),
            whole("grow_mask_by", 6, 0, 64, 1),
        ),
        outputs=("LATENT",),
        implementation="vae:vae_encode_for_inpaint",
        display_name="VAE Encode (for Inpainting)",
        category="latent/inpaint",
    )


def _decode_tiled() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAEDecodeTiled",
        inputs=(wire("samples", "LATENT"), wire("vae", "VAE"), *_tiles(step=32)),
        outputs=("IMAGE",),
        implementation="vae:vae_decode_tiled",
        display_name="VAE Decode (Tiled)",
        category="_for_testing",
    )


def _encode_tiled() -> NodeDeclaration:
    return NodeDeclaration(
        class_type="VAEEncodeTiled",
        inputs=(wire("pixels", "IMAGE"), wire("vae", "VAE"), *_tiles(step=64)),
        outputs=("LATENT",),
        implementation="vae:vae_encode_tiled",
        display_name="VAE Encode (Tiled)",
        category="_for_testing",
    )


def _tiles(*, step: int) -> tuple[Input, ...]:
    frames = "Only for video, which this sampler does not draw."
    return (
        whole("tile_size", 512, 64, _MOST_TILE, step, extra={"tooltip": "Pixels a side of a tile."}),
        whole("overlap", 64, 0, _MOST_TILE, 32, extra={"tooltip": "Pixels over which tiles are blended."}),
        whole("temporal_size", 64, 8, _MOST_TILE, 4, extra={"tooltip": frames}),
        whole("temporal_overlap", 8, 4, _MOST_TILE, 4, extra={"tooltip": frames}),
    )
