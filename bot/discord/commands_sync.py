"""Discord is told our commands when they changed, and only then: it takes no more than a few updates a day."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import discord
import structlog

from engine.model import Json

log = structlog.get_logger(__name__)


async def sync(client: discord.Client, commands: Sequence[Json], kept: Path) -> bool:
    """Replace all global commands of ours, if they are others than those that `kept` remembers; True if it was done.

    Commands that we have no more go away with that. Raises discord.HTTPException and whatever a lost connection does.
    """
    application = client.application_id
    if application is None:
        raise RuntimeError("not logged in")
    mark = f"{application} {_hash(commands)}"
    if await asyncio.to_thread(_read, kept) == mark:
        return False
    await client.http.bulk_upsert_global_commands(application, payload=cast(Any, list(commands)))
    await asyncio.to_thread(_write, kept, mark)
    log.info("commands_synced", commands=len(commands))
    return True


def _hash(commands: Sequence[Json]) -> str:
    return hashlib.sha256(json.dumps(list(commands), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _read(kept: Path) -> str:
    try:
        return kept.read_text(encoding="utf-8")
    except OSError:
        return ""


def _write(kept: Path, mark: str) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(mark, encoding="utf-8")
    except OSError as error:  # they are told once more at the next start
        log.warning("commands_not_remembered", error=error.strerror)
