"""The adapter on a loopback Telegram: with a handle that a test scripts, or with a whole house behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.adapter import Command, Handle
from bot.downloads import Downloads
from bot.replies import Reply, text
from bot.telegram import updates
from bot.telegram.adapter import LIMITS, Options, TelegramAdapter
from bot.telegram.words import Words
from bot.template_commands import TemplateCommand
from bot.texts import Texts
from config.settings import config_dir
from engine.images import ImageLimits
from tests.fakes.house import House, open_house
from tests.fakes.telegram.flood import FloodLimits
from tests.fakes.telegram.people import Person
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE
from tests.wire.scripted import Handler

IMAGE_LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2048 * 2048, max_side=4096)
WORDS = Words(Texts.load(config_dir() / "locales"))
PATIENT = 20.0  # seconds
FAST = 20.0
"""How much faster the rules of flood control run, and ours with them."""


def faster(rates):  # type: ignore[no-untyped-def]
    """The same rates on a faster clock."""
    return tuple(replace(rate, seconds=rate.seconds / FAST) for rate in rates)


QUICK = replace(
    LIMITS,
    progress_interval=0.1,
    chat=faster(LIMITS.chat),
    chat_kinds={kind: faster(rates) for kind, rates in LIMITS.chat_kinds.items()},
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A bot on a loopback Telegram, and somebody who has begun a conversation with it."""

    server: FakeTelegram
    adapter: TelegramAdapter
    handler: Handler
    ann: Person
    folder: Path
    moves: list[tuple[str, str]]

    async def asked(self, count: int = 1) -> Command:
        """Wait until the handle was given so many commands; gives the last."""
        await self.server.until(lambda: len(self.handler.asked) >= count, within=PATIENT)
        return self.handler.asked[-1]


@dataclass(frozen=True, kw_only=True)
class Home(Stage):
    """The same with a whole house behind it."""

    house: House


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    """Running, and strict: at the end nothing of ours was against the specification, refused, or over a limit."""
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeTelegram(flood=FloodLimits().faster(FAST)) as running:
        yield running
        assert running.violations == []
        assert running.own_violations == []
        assert running.excesses == []


def adapter_for(
    server: FakeTelegram,
    folder: Path,
    *,
    templates: tuple[TemplateCommand, ...] = (),
    moves: list[tuple[str, str]] | None = None,
    **options: object,
) -> TelegramAdapter:
    """The adapter as `compose` builds it, on a faster clock."""
    told = moves if moves is not None else []

    async def moved(old: str, new: str) -> None:
        told.append((old, new))

    chosen = Options(
        token=server.token,
        api_base=server.base_url.removesuffix("/bot"),
        file_base=server.base_file_url.removesuffix("/bot"),
        kept=folder / "menus",
        sent=folder / "sent",
        locale="en",
    )
    return TelegramAdapter(
        options=replace(chosen, **options),  # type: ignore[arg-type]
        words=WORDS,
        downloads=Downloads(base=server.base_file_url.removesuffix("/bot"), limits=IMAGE_LIMITS),
        templates=templates,
        guide=lambda chat: Reply(lines=(text("guide-title"), text("guide-allow", id=f"telegram:{chat}"))),
        moved=moved,
        limits=QUICK,
    )


@asynccontextmanager
async def started(adapter: TelegramAdapter, handle: Handle) -> AsyncIterator[None]:
    """The adapter, connected for a while."""
    await adapter.start(handle)
    try:
        yield
    finally:
        await adapter.stop()


async def met(server: FakeTelegram, name: str = "Ann", *, language: str = "en") -> Person:
    """Somebody who has begun a conversation; the bot hears nothing of that any more."""
    person = server.world.person(name, language=language)
    if not person.private.started:
        await person.opens()
        server.updates.drop_pending()
    return person


@asynccontextmanager
async def staged(server: FakeTelegram, folder: Path, **options: object) -> AsyncIterator[Stage]:
    """The bot with a scripted handle; again on the same server, it is a restart."""
    ann = await met(server)
    handler, moves = Handler(), list[tuple[str, str]]()
    adapter = adapter_for(server, folder, moves=moves, **options)  # type: ignore[arg-type]
    async with started(adapter, handler):
        yield Stage(server=server, adapter=adapter, handler=handler, ann=ann, folder=folder, moves=moves)


@asynccontextmanager
async def housed(
    server: FakeTelegram, folder: Path, *, options: dict[str, object] | None = None, **house: object
) -> AsyncIterator[Home]:
    """The bot with a whole house behind it; again on the same folder, it is a restart."""
    ann = await met(server)
    moves = list[tuple[str, str]]()
    adapter = adapter_for(server, folder, moves=moves, **(options or {}))  # type: ignore[arg-type]
    async with (
        open_house(folder, build=lambda studio: adapter, **house) as home,  # type: ignore[arg-type]
        started(adapter, home.commands.handle),
    ):
        yield Home(server=server, adapter=adapter, handler=Handler(), ann=ann, folder=folder, house=home, moves=moves)


@pytest.fixture
async def stage(server: FakeTelegram, tmp_path: Path) -> AsyncIterator[Stage]:
    """A bot with a scripted handle."""
    async with staged(server, tmp_path) as one:
        yield one


@pytest.fixture
async def home(server: FakeTelegram, tmp_path: Path) -> AsyncIterator[Home]:
    """A bot with a whole house behind it."""
    async with housed(server, tmp_path) as one:
        yield one


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Albums are gathered faster than people send them."""
    monkeypatch.setattr(updates, "GATHER", 0.15)
