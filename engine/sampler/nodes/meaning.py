"""Nodes that say what a model's predictions mean."""

from dataclasses import replace

from engine.sampler.models.diffusion import Meaning
from engine.sampler.nodes.registry import NodeContext
from engine.sampler.nodes.values import Model
from engine.sampler.sampling.kinds import Prediction

_PREDICTIONS = {"eps": Prediction.EPS, "v_prediction": Prediction.V, "x0": Prediction.X0}


def model_sampling_discrete(context: NodeContext, *, model: Model, sampling: str, zsnr: bool) -> tuple[Model]:
    """Understand predictions as noise, v or the picture, whatever the checkpoint's file tells."""
    return (replace(model, meaning=Meaning(prediction=_PREDICTIONS[sampling], zero_terminal_snr=zsnr)),)
