"""Completions: found as one types, several LoRAs with their weights, and nobody else's jobs."""

from pathlib import Path
from typing import cast

from bot.adapter import Command
from bot.catalog import Source
from bot.completions import Completions, found
from config.settings import config_dir
from engine.model import Place
from engine.studio import Studio
from engine.workflows.library import Library
from tests.fakes.house import ADA, BOB, open_house

NAMES = ("sdxl/base.safetensors", "dream shaper 8.safetensors", "base-v2.safetensors", "painter.safetensors")
ASKED = Command(name="imagine", identity=ADA, place=Place(platform="fake", chat="chat"), key="k")


class Lists:
    """A studio that only offers names."""

    library = Library.load([config_dir() / "workflows"])

    def choices(self, node: str, name: str) -> tuple[str, ...]:
        return NAMES


def test_names_are_found_by_their_head_by_words_and_by_likeness() -> None:
    assert found(NAMES, "") == list(NAMES)
    assert found(NAMES, "BASE") == ["sdxl/base.safetensors", "base-v2.safetensors"]
    assert found(NAMES, "8 dream") == ["dream shaper 8.safetensors"]
    assert found(NAMES, "paniter") == ["painter.safetensors"]
    assert found(NAMES, "zzzz") == []


async def test_each_of_several_loras_is_completed_and_keeps_its_weight() -> None:
    completions = Completions(cast(Studio, Lists()))
    (first, *_) = await completions.complete(Source.LORAS, "pai", ASKED)
    assert (first.name, first.value) == ("painter:1", "painter.safetensors:1")
    (second,) = await completions.complete(Source.LORAS, "painter.safetensors:0.5, dream:0.7", ASKED)
    assert second.value == "painter.safetensors:0.5, dream shaper 8.safetensors:0.7"
    others = await completions.complete(Source.LORAS, "painter.safetensors:1, ", ASKED)
    assert len(others) == len(NAMES) - 1


async def test_slots_complete_from_their_own_lists() -> None:
    completions = Completions(cast(Studio, Lists()))
    template = Lists.library.get("txt2img")
    assert [one.value for one in completions.of_slot(template, template.slots["model"], "paint")] == [
        "painter.safetensors"
    ]
    assert completions.of_slot(template, template.slots["steps"], "1") == ()


async def test_jobs_are_ones_own_and_commands_those_that_one_may_give(tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        completions = Completions(house.studio)
        reply = await house.ask("imagine", "a red house")
        (job,) = await completions.complete(Source.JOBS, "red", ASKED)
        assert job.value == reply.jobs[0]
        assert job.name.startswith(f"{reply.jobs[0]} · a red house")
        other = Command(name="cancel", identity=BOB, place=Place(platform="fake", chat="chat"), key="k")
        assert await completions.complete(Source.JOBS, "", other) == ()
        names = [one.value for one in await completions.complete(Source.COMMANDS, "", other)]
        assert "imagine" in names
        assert "mod" not in names
        assert [one.value for one in await completions.complete(Source.TEMPLATES, "txt", other)] == ["txt2img"]
