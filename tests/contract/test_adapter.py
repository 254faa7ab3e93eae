"""What every platform keeps, seen from the delivery; run on the fake, the console, and both loopback platforms."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from bot.adapter import Adapter
from bot.console.adapter import ConsoleAdapter
from bot.ladder import File, Form
from bot.replies import Button, Meter, Reply, Tone, text
from bot.texts import Texts
from config.settings import config_dir
from engine.errors import ChatGone, DeliveryError
from engine.model import Identity, Picture, Place
from tests.fakes.adapter import FakeAdapter
from tests.fakes.discord.pointing import pointed_at
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.telegram.flood import FloodLimits
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.discord.conftest import staged
from tests.wire.telegram.conftest import FAST
from tests.wire.telegram.conftest import staged as staged_on_telegram

JOB = "abcdefghijklmnop"
WORKING = Reply(
    lines=(text("job-running", percent=50, bar="▓▓▓░░░", step=5, steps=10),),
    tone=Tone.WORKING,
    job_id=JOB,
    meter=Meter(stage="sampling", done=5, total=10, eta=3.0),
    buttons=((Button(action="cancel", job_id=JOB),),),
)
CANCELLED = Reply(lines=(text("job-cancelled"),), tone=Tone.CANCELLED, job_id=JOB)


@pytest.fixture(params=["fake", "console", "discord", "telegram"])
async def platform(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Adapter, Place]]:
    """An adapter, and a place on its platform."""
    chat = str(tmp_path / "chat")
    if request.param == "fake":
        yield FakeAdapter(), Place(platform="fake", chat=chat, owner="Ada")
    elif request.param == "console":
        console = ConsoleAdapter(
            texts=Texts.load(config_dir() / "locales"),
            identity=Identity(platform="console", id="1", name="Ada"),
            locale="en",
        )
        yield console, Place(platform="console", chat=chat, reply_to="nobody listens", owner="Ada")
    elif request.param == "telegram":
        async with FakeTelegram(flood=FloodLimits().faster(FAST)) as server, staged_on_telegram(server, tmp_path) as on:
            yield on.adapter, Place(platform="telegram", chat=str(on.ann.id), owner="Ada", kind="private")
            assert server.violations == server.excesses == []
    else:
        async with FakeDiscord() as server, on_discord(server, tmp_path) as found:
            yield found
            assert [str(violation) for violation in server.violations] == []


@asynccontextmanager
async def on_discord(server: FakeDiscord, folder: Path) -> AsyncIterator[tuple[Adapter, Place]]:
    """The Discord adapter in a channel of a guild."""
    with pointed_at(server):
        async with staged(server, folder) as stage:
            yield stage.adapter, Place(platform="discord", chat=str(stage.art.id), owner="Ada")


@pytest.fixture
def adapter(platform: tuple[Adapter, Place]) -> Adapter:
    return platform[0]


@pytest.fixture
def place(platform: tuple[Adapter, Place]) -> Place:
    return platform[1]


def result(count: int = 2) -> Reply:
    """A job's end, with pictures."""
    pictures, files = [], []
    for number in range(count):
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (number, 0, 0)).save(buffer, "PNG")
        data = buffer.getvalue()
        name = f"a_0000{number + 1}_.png"
        pictures.append(Picture(blob="ab" * 32, filename=name, kind="images", mime="image/png", size=len(data)))
        files.append(File(filename=name, mime="image/png", form=Form.ORIGINAL, data=data))
    line = text("job-result", prompt="a house", owner="Ada", seconds=1.5, endpoint="gpu", credits="0.3")
    return Reply(lines=(line,), tone=Tone.DONE, job_id=JOB, pictures=tuple(pictures), files=tuple(files))


async def test_a_message_is_posted_and_becomes_the_result(adapter: Adapter, place: Place):
    message = await adapter.post(place, WORKING, nonce="n1")
    assert message
    await adapter.edit(place, message, WORKING)
    await adapter.edit(place, message, result())


async def test_the_same_nonce_is_the_same_message(adapter: Adapter, place: Place):
    if not adapter.limits.honours_nonce:  # the delivery counts such a post
        return
    assert await adapter.post(place, WORKING, nonce="n1") == await adapter.post(place, WORKING, nonce="n1")
    assert await adapter.post(place, WORKING, nonce="n2") != await adapter.post(place, WORKING, nonce="n1")


async def test_a_result_that_is_sent_twice_is_there_once(adapter: Adapter, place: Place):
    reply = result()
    message = await adapter.post(place, reply, nonce="n1")
    await adapter.edit(place, message, reply)
    if isinstance(adapter, ConsoleAdapter):
        assert [path.name for path in sorted(Path(place.chat).iterdir())] == [f"{JOB}-1.png", f"{JOB}-2.png"]
    elif isinstance(adapter, FakeAdapter):
        assert adapter.messages(JOB) == {message}


async def test_a_job_without_pictures_ends_too(adapter: Adapter, place: Place):
    await adapter.edit(place, await adapter.post(place, WORKING, nonce="n1"), CANCELLED)


async def test_limits_are_data(adapter: Adapter):
    assert adapter.limits.progress_interval >= 0
    assert adapter.limits.preview_interval >= 0


async def test_it_stops_and_starts(adapter: Adapter):
    async def handle(_: object) -> Reply:
        return CANCELLED

    await adapter.stop()
    await adapter.start(handle)
    await adapter.stop()


@pytest.mark.parametrize("spoil", [Path.touch, lambda path: path.symlink_to("/proc")], ids=["a file", "unwritable"])
async def test_a_folder_that_cannot_be_written_is_a_chat_that_is_gone(tmp_path: Path, spoil: Callable[[Path], None]):
    console = ConsoleAdapter(
        texts=Texts.load(config_dir() / "locales"),
        identity=Identity(platform="console", id="1"),
        locale="en",
    )
    spoil(tmp_path / "chat")
    place = Place(platform="console", chat=str(tmp_path / "chat" / "inside"))
    with pytest.raises(DeliveryError) as error:
        await console.edit(place, "m", result())
    assert isinstance(error.value, ChatGone)
