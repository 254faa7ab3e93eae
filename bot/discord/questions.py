"""Questions that Discord's messages ask: within 15 minutes, since it lets such a message be changed as long."""

from dataclasses import dataclass

from bot.adapter import Command
from bot.discord.attachments import Attachment
from bot.questions import LIFE, OpenQuestions

__all__ = ["LIFE", "Question", "Questions"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A command that waits to be confirmed or filled in."""

    command: Command
    attachment: Attachment | None = None  # a picture that is fetched once the command is given


class Questions(OpenQuestions[Question]):
    """The open ones, by key."""

    def ask(self, question: Question) -> str:
        """Keep a question; gives its key."""
        return self.put(question.command.identity.id, question)
