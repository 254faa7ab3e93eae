"""What every platform's delivery works with, and what it remembers of a message."""

from dataclasses import dataclass

from bot.replies import Reply
from engine.board import Board
from engine.pictures import Pictures
from engine.ports import Books, Clock, Deliveries
from engine.studio import Studio


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What every platform's delivery works with."""

    books: Books
    deliveries: Deliveries
    studio: Studio
    pictures: Pictures
    board: Board
    clock: Clock
    ping_after: float  # seconds of waiting after which the owner of a result is called; 0: never


@dataclass(slots=True, kw_only=True)
class ShownMessage:
    """What the message of a job under way shows; small, since there may be very many."""

    chat: str
    fingerprint: int = 0
    position: int = 0  # in the queue, when it was last looked at
    preview_at: float = -1e12  # long ago
    over: bool = False  # the chat takes no progress of it any more


def fingerprint(reply: Reply) -> int:
    """Tell messages that show the same from others."""
    return hash(repr(reply))
