"""Telegram is told our commands when they changed, and only then."""

import asyncio
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import structlog
from telegram import Bot
from telegram.error import BadRequest

from bot.telegram.menu import Menu

log = structlog.get_logger(__name__)


async def sync(bot: Bot, menus: Iterable[Menu], kept: Path) -> int:
    """Tell the lists that are others than `kept` remembers; gives how many. Raises TelegramError.

    A list for somebody who has not begun a conversation with us yet is told at the next start.
    """
    known = await asyncio.to_thread(_read, kept)
    told = dict(known)
    changed = 0
    for menu in menus:
        key = f"{bot.id} {json.dumps(menu.scope.to_dict(), sort_keys=True)} {menu.language}"
        mark = _mark(menu)
        if known.get(key) == mark:
            continue
        try:
            await bot.set_my_commands(menu.commands, menu.scope, menu.language or None)
        except BadRequest as error:
            log.info("menu_not_told", scope=menu.scope.type, said=error.message[:100])
            continue
        told[key] = mark
        changed += 1
    if changed:
        await asyncio.to_thread(_write, kept, told)
        log.info("menus_told", menus=changed)
    return changed


def _mark(menu: Menu) -> str:
    commands = [command.to_dict() for command in menu.commands]
    return hashlib.sha256(json.dumps(commands, sort_keys=True).encode()).hexdigest()


def _read(kept: Path) -> dict[str, str]:
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _write(kept: Path, told: dict[str, str]) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(told, indent=1), encoding="utf-8")
    except OSError as error:  # they are told once more at the next start
        log.warning("menus_not_remembered", error=error.strerror)
