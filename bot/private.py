"""Where private results go: into the person's own conversation with us, never into a chat that others read."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bot.adapter import Adapter, Command, DirectMessages
from engine.errors import DeliveryError, NoConversation
from engine.model import Place, Request

PATIENCE = 20.0  # seconds for a platform to say where a conversation is
FIRST_RETRY = 0.5  # seconds, where a platform does not say how many; doubles with each try


class Conversations:
    """People's own conversations with us, on every platform that has them."""

    def __init__(self, adapters: Sequence[Adapter], *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._adapters = {adapter.platform: adapter for adapter in adapters if isinstance(adapter, DirectMessages)}

    async def placed(self, command: Command, request: Request) -> Request:
        """Give a request its place: a private one that was asked for among others goes to the person.

        So nothing of it, not even progress, is ever on its way to the chat. Raises NoConversation, before anything is
        accepted, where there can be none; its `busy` is "yes" where the platform was too busy to say.
        """
        if not request.private or not command.community:
            return request
        place = await self._own(request.place)
        return replace(request, place=replace(place, asked_in=command.place.chat, asked_thread=command.place.thread))

    async def _own(self, place: Place) -> Place:
        adapter = self._adapters.get(place.platform)
        if adapter is None:
            raise NoConversation
        try:
            async with asyncio.timeout(self._patience):
                own = await _found(adapter, place)
        except TimeoutError as error:
            raise NoConversation("the platform did not say in time", busy="yes") from error
        except DeliveryError as error:
            raise NoConversation(str(error)) from error
        if own is None or own.chat == place.chat:
            raise NoConversation
        return own


async def _found(adapter: DirectMessages, place: Place) -> Place | None:
    """Ask where the conversation is, and again while the platform is only busy. Raises DeliveryError for good."""
    wait = FIRST_RETRY
    while True:
        try:
            return await adapter.direct(place)
        except DeliveryError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(wait if error.retry_after is None else error.retry_after)
            wait *= 2
