"""What a platform needs of the books when a chat is not where it was."""

from typing import Protocol


class Moves(Protocol):
    """Chats that have another id now."""

    async def moved(self, platform: str, old: str, new: str) -> bool:
        """Let a community, its preferences and what is on its way to it follow a chat to its new id.

        One transaction, and idempotent: False if nothing was to be done.
        """
