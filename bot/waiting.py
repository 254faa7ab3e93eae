"""Why a job waits, in words: what stands in its way now, the weightiest first."""

from collections.abc import Iterator
from dataclasses import replace

from bot.replies import Reply, Text, text
from engine.standing import Waiting


def with_reasons(reply: Reply, waiting: Waiting | None) -> Reply:
    """Add to the message of a job what it waits for; nothing where nothing of it waits."""
    return reply if waiting is None else replace(reply, lines=(*reply.lines, *reasons(waiting)))


def reasons(waiting: Waiting) -> tuple[Text, ...]:
    """Say what a job waits for, a line each."""
    return tuple(_reasons(waiting)) or (text("why-next"),)


def _reasons(waiting: Waiting) -> Iterator[Text]:
    if waiting.held:
        yield text("why-held")
    if waiting.paused:
        yield text("why-paused", reason=waiting.pause_reason)
    if waiting.endpoint_away:
        yield text("why-endpoint-away")
    if waiting.running_cap is not None and waiting.own_running >= waiting.running_cap:
        yield text("why-at-cap", running=waiting.own_running, limit=waiting.running_cap)
    if waiting.tasks_of_others:
        yield text("why-others", pictures=waiting.tasks_of_others, people=waiting.people)
    if waiting.own_jobs:
        yield text("why-own", jobs=waiting.own_jobs)
