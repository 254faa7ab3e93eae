"""What to do about a result that a platform did not take; pure: the decision here, the waiting elsewhere."""

from dataclasses import dataclass
from enum import StrEnum

from engine.errors import (
    AtelierError,
    ChatGone,
    DeliveryExpired,
    FloodWait,
    MessageGone,
    NotPermitted,
    RecipientBlocked,
)

FIRST_RETRY = 2.0  # seconds; doubles with each try
LAST_RETRY = 300.0  # seconds; the longest wait between tries
MOST_FLOOD_WAIT = 900.0  # seconds; a platform that asks for more is asked again then
MOST_TRIES = 12
GIVE_UP_AFTER = 24 * 3600.0  # seconds since the job ended; an outage of a platform may take hours


class Then(StrEnum):
    """What follows."""

    WAIT = "wait"  # the chat, or everybody, does nothing for a while; then again
    LATER = "later"  # this one again after a while; others go on
    ANEW = "anew"  # at once, as a new message
    ELSEWHERE = "elsewhere"  # at once, in another place
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows, and after how long; `error` is the reason to be kept."""

    then: Then
    error: AtelierError
    seconds: float = 0.0


def decide(error: AtelierError, *, tries: int, age: float, has_message: bool) -> Decision:
    """Decide after the `tries`th failure of a result that has been ready for `age` seconds.

    A platform that is down is waited for as long as both a day and twelve tries have not passed: a clock that jumps
    ends nothing. An error that no waiting mends ends it at once.
    """
    match error:
        case FloodWait():
            wait = FIRST_RETRY if error.retry_after is None else error.retry_after
            return Decision(then=Then.WAIT, error=error, seconds=min(max(wait, 0.0), MOST_FLOOD_WAIT))
        case MessageGone() if has_message:
            return Decision(then=Then.ANEW, error=error)
        case ChatGone() | NotPermitted() | RecipientBlocked():
            return Decision(then=Then.ELSEWHERE, error=error)
    if not error.retryable or (tries >= MOST_TRIES and age >= GIVE_UP_AFTER):
        return Decision(then=Then.NEVER, error=DeliveryExpired(error.detail) if error.retryable else error)
    backoff = min(LAST_RETRY, FIRST_RETRY * 2.0 ** min(max(0, tries - 1), 10))
    wait = backoff if error.retry_after is None else min(error.retry_after, MOST_FLOOD_WAIT)
    return Decision(then=Then.LATER, error=error, seconds=wait)
