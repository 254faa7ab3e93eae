"""/backend for operators, and what the endpoints offer: /models and /loras with what they are."""

import asyncio
from collections.abc import Callable, Mapping

from bot.adapter import Command
from bot.catalog import find_command, find_verb
from bot.replies import Reply, text
from bot.replies_people import said
from engine.backends import Backends
from engine.errors import UnknownChoice
from engine.model import Actor
from engine.studio import Studio
from engine.workflows.loras import LOADER

READY_WAIT = 30.0  # seconds that a first endpoint may take to answer


class BackendCommands:
    """What is asked about endpoints."""

    def __init__(
        self,
        *,
        studio: Studio,
        backends: Backends,
        running: Callable[[], Mapping[str, int]],
        families: Callable[[], Mapping[tuple[str, str], str]],
    ) -> None:
        """`running` gives the attempts by endpoint now, `families` what local files are, by folder and name."""
        self._studio = studio
        self._backends = backends
        self._running = running
        self._families = families

    async def backend(self, actor: Actor, command: Command) -> Reply:
        """Answer /backend list | drain | enable; for operators."""
        words = command.line.split() if isinstance(command.line, str) else list(command.line)
        verb = find_verb(find_command("backend"), words[0] if words else "list").name
        if verb == "list":
            return self._list(actor)
        if not words[1:]:
            raise UnknownChoice(flag="endpoint", value="", nearest="")
        if verb == "drain":
            done = await self._backends.drain(actor, words[1])
            return said("backend-drained" if done else "backend-drained-before", endpoint=words[1])
        done = await self._backends.enable(actor, words[1])
        return said("backend-enabled" if done else "backend-enabled-before", endpoint=words[1])

    def _list(self, actor: Actor) -> Reply:
        found = self._backends.all(actor, self._running())
        lines = [
            text(
                "backend-line",
                endpoint=each.name,
                state="drained" if each.drained else "ready" if each.ready else "away",
                running=each.running,
                slots=each.slots,
                weight=f"{each.weight:g}",
                models=each.models,
                problem=each.problem,
            )
            for each in found
        ]
        return Reply(lines=(text("backend-title", count=len(found)), *lines), private=True)

    async def models(self, actor: Actor, command: Command) -> Reply:
        """The checkpoints that there are, each with its family where that is known."""
        await self._studio.until_ready(READY_WAIT)
        return await self._models("models", "checkpoints", self._studio.choices("CheckpointLoaderSimple", "ckpt_name"))

    async def loras(self, actor: Actor, command: Command) -> Reply:
        """The LoRAs that there are."""
        await self._studio.until_ready(READY_WAIT)
        return await self._models("loras", "loras", self._studio.choices(LOADER, "lora_name"))

    async def _models(self, title: str, folder: str, names: tuple[str, ...]) -> Reply:
        if not names:
            return said(f"{title}-empty")
        families = await asyncio.to_thread(self._families)
        lines = [text("model-line", name=name, family=families.get((folder, name), "")) for name in names]
        return Reply(lines=(text(f"{title}-title", count=len(names)), *lines), private=True)
