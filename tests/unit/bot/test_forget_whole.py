"""/privacy forget over a house that works: pictures made, one still running, and the whole data folder searched."""

import asyncio
from pathlib import Path

import pytest

from engine.accounts import is_forgotten
from engine.model import Identity
from tests.fakes.house import PATIENCE, open_house, until

EVE = Identity(platform="fake", id="eve-918273", name="Eve Unmistakable")
WORDS = "a lighthouse made of glass"


def holding(folder: Path, *needles: bytes) -> list[Path]:
    """The files below a folder that hold one of these."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(needle in path.read_bytes() for needle in needles)]


async def test_nothing_is_left_of_pictures_made_or_of_one_that_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        done = (await house.ask("imagine", f"{WORDS} --seed 1", who=EVE)).jobs[0]
        view = await house.ended(done)
        pictures = [await house.blobs.get(picture.blob) for picture in view.pictures]
        assert len(pictures) == 1
        storing, go_on, put = asyncio.Event(), asyncio.Event(), house.blobs.put

        async def put_late(data: bytes) -> str:
            storing.set()
            await go_on.wait()
            return await put(data)

        monkeypatch.setattr(house.blobs, "put", put_late)
        late = (await house.ask("imagine", f"{WORDS} --seed 2", who=EVE)).jobs[0]
        await asyncio.wait_for(storing.wait(), PATIENCE)
        needles = (WORDS.encode(), EVE.id.encode(), EVE.name.encode(), *pictures)
        assert len(holding(tmp_path, *needles)) >= 2
        reply = await house.ask("privacy", "forget", who=EVE, confirmed=True)
        assert reply.lines[0].key == "privacy-forgotten"
        go_on.set()
        await until(lambda: not house.dispatcher.running)
        assert is_forgotten((await house.job(late)).job)
        assert holding(tmp_path, *needles) == []
        assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
        assert await house.accounts.prove() == ()
