"""A platform that remembers what it was told, and fails when told to."""

from dataclasses import dataclass

from bot.adapter import Handle, Limits
from bot.replies import Reply
from engine.errors import AtelierError
from engine.model import Place


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One call of the delivery."""

    what: str  # "post" or "edit"
    place: Place
    message_id: str
    reply: Reply


class FakeAdapter:
    """Implements the adapter port; the log is what people would have seen."""

    platform = "fake"

    def __init__(self, *, progress_interval: float = 0.0) -> None:
        self.limits = Limits(progress_interval=progress_interval, preview_interval=0.0)
        self.log: list[Sent] = []
        self.failures: list[AtelierError] = []  # raised by the next results, in order
        self.handle: Handle | None = None

    async def start(self, handle: Handle) -> None:
        self.handle = handle

    async def stop(self) -> None:
        self.handle = None

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        self._fail(reply)
        known = [sent.message_id for sent in self.log if sent.message_id == f"message-{nonce}"]
        self.log.append(Sent(what="edit" if known else "post", place=place, message_id=f"message-{nonce}", reply=reply))
        return f"message-{nonce}"

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        self._fail(reply)
        self.log.append(Sent(what="edit", place=place, message_id=message_id, reply=reply))

    def _fail(self, reply: Reply) -> None:
        if reply.tone.final and self.failures:
            raise self.failures.pop(0)

    def results(self, job_id: str) -> list[Sent]:
        """The final states that a job's message was given."""
        return [sent for sent in self.log if sent.reply.job_id == job_id and sent.reply.tone.final]

    def messages(self, job_id: str) -> set[str]:
        """The ids of the messages that showed a job."""
        return {sent.message_id for sent in self.log if sent.reply.job_id == job_id}
