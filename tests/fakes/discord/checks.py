"""What was wrong with a time on the loopback Discord, as sentences: for a test to hold against an empty list."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tests.fakes.discord.calls import Change

if TYPE_CHECKING:
    from tests.fakes.discord.server import FakeDiscord


def complaints(server: "FakeDiscord", *, allowed: Iterable[int] = ()) -> list[str]:
    """Calls that Discord would have refused or counted, people who got no answer, sockets that we had to close.

    `allowed` are codes of refusals that a test provoked: 50013 after it took a permission away, 10008 after it deleted
    a message. What a fault did is never complained about.
    """
    expected = set(allowed)
    refused = [call for call in server.refused() if call.code not in expected and not call.over_bucket]
    return [
        *server.crashes,
        *(f"against the specification: {violation}" for violation in server.violations),
        *(f"our own answer is wrong: {violation}" for violation in server.own_violations),
        *(f"over a rate limit: {call.method} {call.path}" for call in server.limits.overruns),
        *(f"refused: {call}" for call in refused),
        *(f"{asked.user.name} got no answer to {asked.payload['data']}" for asked in server.unanswered()),
        *(f"the gateway closed a socket with {code}: {reason}" for code, reason in server.gateway.closes),
    ]


def posted_twice(server: "FakeDiscord") -> list[str]:
    """Files that the bot showed in two public messages of one channel, and nonces that made two messages."""
    return [*_twice(server, "file", _files), *_twice(server, "nonce", _nonces)]


def _twice(server: "FakeDiscord", what: str, of: Callable[[Change], Iterable[str]]) -> Iterator[str]:
    bot = server.world.app.bot.id
    places: dict[tuple[int, str], set[int]] = defaultdict(set)
    for change in server.history:
        if change.author_id == bot and change.private_to is None and change.kind != "delete":
            for mark in of(change):
                places[(change.channel_id, mark)].add(change.message_id)
    for (channel, mark), messages in places.items():
        if len(messages) > 1:
            yield f"{what} {mark[:16]} in {len(messages)} messages of channel {channel}"


def _files(change: Change) -> Iterable[str]:
    return change.files.values()


def _nonces(change: Change) -> Iterable[str]:
    return [change.nonce] if change.nonce else []


def seen_by_others(server: "FakeDiscord", digest: str, may: Iterable[int]) -> set[int]:
    """Who saw a file without being among those who may; by its SHA-256 and ids of users."""
    return server.seen_by(digest) - set(may)
