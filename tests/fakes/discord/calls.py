"""One call of the REST API: what came, what was answered, and the record of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.messages import File

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


@dataclass(eq=False, kw_only=True)
class Call:
    """What a client asked."""

    at: float  # by the server's clock
    method: str
    route: str  # "/channels/{channel_id}/messages"
    path: str
    params: dict[str, str]
    query: dict[str, str]
    authorised: bool  # carries the bot's token
    body: Any = None
    files: dict[int, File] = field(default_factory=dict)

    def ident(self, name: str) -> int:
        """A snowflake of the path."""
        return int(self.params[name])

    @property
    def form(self) -> dict[str, Any]:
        """The body as an object; an empty one if there was none."""
        return self.body if isinstance(self.body, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is sent back; a body of None is no body."""

    status: int = 200
    body: Any = None


Handler = Callable[["FakeDiscord", Call], "Answer | Awaitable[Answer]"]
Routes = dict[tuple[str, str], Handler]  # by method and path template, as Discord's document writes it

NOTHING = Answer(status=204)


@dataclass(frozen=True, kw_only=True)
class Logged:
    """A call that is over."""

    at: float
    method: str
    route: str
    path: str
    status: int  # 0: the connection was cut without an answer
    code: int  # Discord's, 0 for none
    body: Any
    files: tuple[str, ...]
    answer: Any
    seconds: float  # from its arrival to the answer
    fault: str = ""  # of ours, on a test's demand
    over_bucket: bool = False

    def __str__(self) -> str:
        """One line."""
        code = f" {self.code}" if self.code else ""
        return f"{self.method} {self.path} -> {self.status}{code}{' ' + self.fault if self.fault else ''}"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """Where a client left the specification, or we did."""

    method: str
    path: str
    errors: dict[str, tuple[str, str]]
    body: Any = None

    def __str__(self) -> str:
        """One line."""
        return f"{self.method} {self.path}: " + "; ".join(f"{at or '(body)'} {e[1]}" for at, e in self.errors.items())


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happened to a message, with how it was right after."""

    at: float
    kind: str  # "create" (also when a deferred answer gets its content), "update", "delete"
    message_id: int
    channel_id: int
    author_id: int
    private_to: int | None
    snapshot: dict[str, Any]
    pings: tuple[int, ...]
    files: dict[str, str]  # name -> SHA-256 of the files that it has
    viewers: frozenset[int]  # the people who saw it like this
    interaction_id: int | None = None
    nonce: str = ""
