"""`atelier imagine`: finds the running service, or is the service for its own job."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bot.compose import open_service
from bot.console.client import Terminal
from bot.console.frames import Ask
from bot.door import find_service
from bot.programs import Exit
from config.settings import Settings
from engine.errors import ChatGone, ImageRejected, ServiceRunning
from engine.ids import new_id

LOCK_WAIT = 0.5  # seconds between looks at a database that another process holds


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was typed on the command line."""

    words: tuple[str, ...]
    out: Path  # absolute
    image: Path | None = None
    mask: Path | None = None
    save: Path | None = None
    assume_yes: bool = False


async def make_pictures(settings: Settings, wish: Wish) -> Exit:
    """Go the whole way, show it, and give the exit code. Raises AtelierError."""
    console = Console()
    ask = await asyncio.to_thread(_read, wish, settings.inputs.max_bytes)
    terminal = Terminal(console, assume_yes=wish.assume_yes)
    told = False
    while True:
        notice = await find_service(settings.data_dir)
        if notice is not None:
            result = await terminal.run(notice, ask)
            break
        try:
            async with open_service(settings, alone=True) as service:
                result = await terminal.run(service.notice, ask)
            break
        except ServiceRunning:  # a service that is about to open its door, or another command like this one
            if not told:
                console.print("Another Atelier is at work in this data folder; waiting for it …", style="dim")
                told = True
            await asyncio.sleep(LOCK_WAIT)
    if wish.save is not None and result.files:
        await asyncio.to_thread(_copy, result.files[0], wish.save)
        console.print(f"  {wish.save}", highlight=False, soft_wrap=True)
    return result.exit


def _read(wish: Wish, max_bytes: int) -> Ask:
    images = {}
    for slot, path in (("image", wish.image), ("mask", wish.mask)):
        if path is None:
            continue
        try:
            with path.open("rb") as file:
                images[slot] = file.read(max_bytes + 1)
        except OSError as error:
            raise ImageRejected(str(error), name=path.name, reason="unreadable", limit=error.strerror or "") from None
    try:
        wish.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChatGone(str(error), chat=str(wish.out)) from None
    return Ask(name="imagine", words=wish.words, key=new_id(), out=str(wish.out), images=images)


def _copy(source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
