"""bot -> storage -> engine -> config, never back; each heavy or foreign library in one room only."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_files import ROOMS, ROOT, sources, within

THE_SAMPLER_MAY_KNOW = (
    "engine.sampler",
    "engine.errors",
    "engine.ids",
    "engine.marking",
    "engine.model_files",
    "config",
)
"""Besides itself: what has no idea of jobs, people or queues."""

ONE_ROOM_EACH = {
    "torch": "engine.sampler",
    "diffusers": "engine.sampler",
    "transformers": "engine.sampler",
    "safetensors": "engine.sampler",
    "sqlmodel": "storage",
    "sqlalchemy": "storage",
    "alembic": "storage",
    "discord": "bot.discord",
    "telegram": "bot.telegram",
    "typer": "bot",
    "rich": "bot",
    "fluent": "bot",
    "pydantic_settings": "config",
}


def test_import_linter_finds_nothing() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Contracts: 6 kept, 0 broken" in found.stdout


@pytest.mark.parametrize(("library", "room"), ONE_ROOM_EACH.items())
def test_each_library_stays_in_its_room(library: str, room: str) -> None:
    strays = [
        source.path
        for source in sources(*ROOMS)
        if not within(source.module, room) and any(within(name, library) for name in source.imports())
    ]
    assert strays == []


def test_the_sampler_knows_nothing_of_the_queue() -> None:
    files = [source for source in sources("engine") if within(source.module, "engine.sampler")]
    strays = {
        (source.path, name)
        for source in files
        for name in source.imports()
        if within(name, *ROOMS) and name != "engine" and not within(name, *THE_SAMPLER_MAY_KNOW)
    }
    assert strays == set()
    assert len(files) >= 30


def test_nothing_of_ours_is_imported_by_a_relative_name() -> None:
    """The tests above read absolute names."""
    assert [s.path for s in sources(*ROOMS) if "\nfrom ." in s.text] == []


def test_the_tools_and_the_tests_are_not_part_of_the_product() -> None:
    for source in sources(*ROOMS):
        assert not any(within(name, "tests", "tools", "pytest", "hypothesis") for name in source.imports()), source.path
