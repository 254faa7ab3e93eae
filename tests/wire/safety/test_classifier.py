"""The classifier as it runs: a real model in a real process, and processes that misbehave."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from bot.programs import classifier_command
from engine.safety.classifier import ClassifierSafety
from engine.safety.verdicts import Asked, Finding, Verdict

ASKED = Asked(texts=["a red house"])
FOUND = (Finding(category="classifier", rule="classifier"),)
UNCHECKED = (Finding(category="unchecked", rule="classifier", verdict=Verdict.HOLD),)
ENVIRONMENT = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}


def png(shade: int) -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (48, 32), (shade, shade, shade)).save(into, "PNG")
    return into.getvalue()


BRIGHT, DARK = png(250), png(5)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ResNet that takes whatever is bright for an adult picture."""
    import torch
    from transformers import ResNetConfig, ResNetForImageClassification

    folder = tmp_path_factory.mktemp("classifier")
    config = ResNetConfig(
        num_channels=3,
        embedding_size=4,
        hidden_sizes=[4],
        depths=[1],
        layer_type="basic",
        id2label={0: "normal", 1: "NSFW"},
        label2id={"normal": 0, "NSFW": 1},
    )
    network = ResNetForImageClassification(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.fill_(1.0 / (module.weight[0].numel()))
        linear = network.classifier[1]
        linear.weight.copy_(torch.tensor([[-5.0] * 4, [5.0] * 4]))
        linear.bias.copy_(torch.tensor([1.0, -1.0]))
    network.save_pretrained(folder, safe_serialization=True)
    preparation = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


@asynccontextmanager
async def running(command: list[str], **more: object) -> AsyncIterator[ClassifierSafety]:
    options = {"labels": ["nsfw"], "threshold": 0.7, "timeout": 60.0, "closed": True, "rest": 0.0, **more}
    classifier = ClassifierSafety(command=command, environment=ENVIRONMENT, **options)  # type: ignore[arg-type]
    await classifier.open()
    try:
        yield classifier
    finally:
        await classifier.close()


async def test_a_real_model_looks_at_pictures_in_a_process_of_its_own(model: Path) -> None:
    async with running(classifier_command(["--model", str(model), "--device", "cpu"])) as classifier:
        assert classifier.looks
        assert await classifier.prompt(ASKED) == ()
        assert await classifier.result(BRIGHT, ASKED) == FOUND
        assert await classifier.result(DARK, ASKED) == ()
        assert await classifier.input(BRIGHT, ASKED) == FOUND
        found = await asyncio.gather(*(classifier.result(each, ASKED) for each in [BRIGHT, DARK] * 5))
        assert found == [FOUND, ()] * 5
        assert await classifier.result(b"no picture", ASKED) == UNCHECKED
        assert await classifier.result(DARK, ASKED) == ()  # the same process goes on


async def test_it_is_started_again_when_it_has_died(model: Path) -> None:
    async with running(classifier_command(["--model", str(model), "--device", "cpu"])) as classifier:
        process = classifier._process
        assert process is not None
        process.kill()
        await process.wait()
        assert await classifier.result(BRIGHT, ASKED) == FOUND


async def test_a_folder_without_a_model_is_unchecked(tmp_path: Path) -> None:
    async with running(classifier_command(["--model", str(tmp_path), "--device", "cpu"])) as classifier:
        assert await classifier.result(DARK, ASKED) == UNCHECKED
        refused = Finding(category="unchecked", rule="classifier", verdict=Verdict.REFUSE)
        assert await classifier.input(DARK, ASKED) == (refused,)


def program(body: str) -> list[str]:
    """A process that says it is a classifier, and then this."""
    hello = 'import sys, time, os; print(\'{"labels": ["nsfw"]}\', flush=True); read = sys.stdin.buffer.read\n'
    return [sys.executable, "-c", hello + body]


MISBEHAVING = {
    "silent": "time.sleep(60)",
    "dies": "read(4); os._exit(3)",
    "garbage": "read(4); print('hello', flush=True); time.sleep(60)",
    "no scores": "read(4); print('{}', flush=True); time.sleep(60)",
    "scores that are no numbers": 'read(4); print(\'{"scores": {"nsfw": "x"}}\', flush=True); time.sleep(60)',
    "a line without an end": "read(4)\nwhile True: sys.stdout.write('x' * 65536)",
    "reads nothing": "time.sleep(60)",
}


@pytest.mark.parametrize("name", MISBEHAVING)
@pytest.mark.parametrize("closed", [True, False])
async def test_one_that_misbehaves_is_ended_and_its_picture_unchecked(name: str, closed: bool) -> None:
    async with running(program(MISBEHAVING[name]), timeout=1.0, closed=closed) as classifier:
        picture = DARK + b"\0" * (2**20 if name == "reads nothing" else 0)
        for _ in range(2):
            assert await classifier.result(picture, ASKED) == (UNCHECKED if closed else ())
            assert classifier._process is None


async def test_labels_that_it_does_not_have_are_a_failure() -> None:
    async with running(program("time.sleep(60)"), labels=["gore"]) as classifier:
        assert await classifier.result(DARK, ASKED) == UNCHECKED


async def test_a_program_that_is_not_there_is_a_failure() -> None:
    async with running(["/no/such/program"]) as classifier:
        assert await classifier.result(DARK, ASKED) == UNCHECKED


async def test_it_is_not_started_over_and_over() -> None:
    async with running(["/no/such/program"], rest=60.0) as classifier:
        assert await classifier.result(DARK, ASKED) == UNCHECKED
        assert classifier._process is None


async def test_whoever_is_cancelled_leaves_no_answer_for_the_next(model: Path) -> None:
    body = 'time.sleep(0.5); read(4); print(\'{"scores": {"nsfw": 1.0}}\', flush=True); time.sleep(60)'
    async with running(program(body)) as classifier:
        looking = asyncio.create_task(classifier.result(DARK, ASKED))
        await asyncio.sleep(0.1)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert classifier._process is None
