"""The torch side as a whole: devices by name, memory, and its end."""

from typing import Any, cast

import pytest
import torch

from engine.sampler.models.files import ModelFile
from engine.sampler.models.runtime import TorchRuntime, build
from engine.sampler.models.text import TextEncoder
from engine.sampler.nodes.registry import InterruptedPrompt
from tests.unit.engine.sampler.nodes.bench import TINY
from tests.unit.engine.sampler.sampling.test_batcher import task
from tests.unit.engine.sampler.sampling.toy import Toy

NO_FOLDERS = cast(Any, None)  # the runtime is told paths


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    """Give the built-in model's text encoder."""
    runtime = TorchRuntime(device=torch.device("cpu"), max_batch=4)
    try:
        return runtime.models.checkpoint(ModelFile.of(TINY)).text
    finally:
        runtime.close()


def test_the_cpu() -> None:
    runtime = build(NO_FOLDERS, device="cpu", max_batch=4)
    try:
        total, free = runtime.memory()
        assert total >= free > 0
        assert runtime.device_name == "cpu"
        runtime.free(unload_models=True, free_memory=True)
    finally:
        runtime.close()


@pytest.mark.parametrize("name", ["tpu", "cuda:63", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ValueError, match=repr(name)):
        build(NO_FOLDERS, device=name, max_batch=4)


def test_nothing_is_sampled_after_the_end() -> None:
    runtime = TorchRuntime(device=torch.device("cpu"), max_batch=4)
    runtime.close()
    with pytest.raises(InterruptedPrompt):
        runtime.batcher.sample(task(Toy()))


def test_the_text_encoder_reads_out_earlier_layers(text: TextEncoder) -> None:
    last = text.encode("a red house")
    assert not torch.allclose(last.embeddings, text.encode("a red house", layer=-2).embeddings)
    unknown = text.encode("a red house", layer=-24)  # it has no such layer
    assert torch.equal(unknown.embeddings, last.embeddings)
    assert text.encode("a red house") is last  # kept


def test_a_weight_stretches_the_distance_from_the_empty_prompt(text: TextEncoder) -> None:
    plain, weighted, empty = (text.encode(prompt).embeddings for prompt in ("red house", "(red:1.5) house", ""))
    torch.testing.assert_close(weighted[:, 1], empty[:, 1] + 1.5 * (plain[:, 1] - empty[:, 1]))
    torch.testing.assert_close(weighted[:, 2:], plain[:, 2:])


def test_a_long_prompt_has_more_tokens(text: TextEncoder) -> None:
    assert text.encode("red house " * 20).embeddings.shape == (1, 48, 128)
