"""What adapters are tried with on every loopback platform: a handle that a test scripts, and a small picture."""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from PIL import Image

from bot.adapter import Command
from bot.replies import Reply, text

SAID = Reply(lines=(text("quote-ask"),), private=True)


def picture(colour: str = "red", size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


@dataclass
class Handler:
    """A handle that notes what it was asked, and answers what a test sets."""

    asked: list[Command] = field(default_factory=list)
    answer: Callable[[Command], Reply | Awaitable[Reply]] = lambda command: SAID

    async def __call__(self, command: Command) -> Reply:
        self.asked.append(command)
        answer = self.answer(command)
        return answer if isinstance(answer, Reply) else await answer
