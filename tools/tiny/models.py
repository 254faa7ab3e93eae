"""The three networks of the built-in model, as the public libraries define them, and their sizes.

Together they hold under 6 million parameters, which is 12 MB in half precision.
"""

from __future__ import annotations

from typing import Final

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from tools.tiny import vocabulary

LATENT_CHANNELS: Final = 4
DOWN: Final = 8
"""Pixels of a picture's side that become one cell of the latents."""
TEXT_WIDTH: Final = 128
TRAIN_STEPS: Final = 1000
BETA_START: Final = 0.00085
BETA_END: Final = 0.012


def build_unet() -> UNet2DConditionModel:
    """The denoiser: latents (batch, 4, h, w), timesteps (batch,), text (batch, 24, 128) -> predicted noise."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 96, 112),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def build_autoencoder() -> AutoencoderTiny:
    """The autoencoder: pictures (batch, 3, H, W) in [-1, 1] <-> latents (batch, 4, H/8, W/8)."""
    return AutoencoderTiny(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        num_encoder_blocks=(0, 1, 2, 3),
        num_decoder_blocks=(3, 3, 2, 1),
        latent_channels=LATENT_CHANNELS,
        scaling_factor=1.0,
    )


def build_text_encoder() -> CLIPTextModel:
    """The text encoder: ids (batch, 24) -> last hidden state (batch, 24, 128) after the final layer norm."""
    config = CLIPTextConfig(
        vocab_size=vocabulary.TABLE_SIZE,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=vocabulary.MAX_TOKENS,
        projection_dim=TEXT_WIDTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    return CLIPTextModel(config)


def alphas_cumprod() -> Tensor:
    """The 1,000 cumulative signal powers of SD's schedule: betas linear in their square root, 0.00085 to 0.012."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TRAIN_STEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, dim=0).float()


def parameters_of(*networks: nn.Module) -> int:
    """How many numbers the networks hold together."""
    return sum(weight.numel() for network in networks for weight in network.parameters())
