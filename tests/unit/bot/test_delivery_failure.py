"""What follows when a platform does not take a result."""

import pytest

from bot.delivery_failure import GIVE_UP_AFTER, LAST_RETRY, MOST_FLOOD_WAIT, MOST_TRIES, Then, decide
from engine.errors import (
    AtelierError,
    BlobMissing,
    ChatGone,
    DeliveryDelayed,
    DeliveryError,
    DeliveryExpired,
    DeliveryUnanswered,
    FloodWait,
    MessageGone,
    MessageTooLarge,
    NotPermitted,
    RecipientBlocked,
)


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (FloodWait(retry_after=3.0), Then.WAIT),
        (MessageGone(), Then.ANEW),
        (ChatGone(), Then.ELSEWHERE),
        (NotPermitted(), Then.ELSEWHERE),
        (RecipientBlocked(), Then.ELSEWHERE),
        (DeliveryDelayed(), Then.LATER),
        (DeliveryUnanswered(), Then.LATER),
        (MessageTooLarge(), Then.NEVER),
        (BlobMissing(), Then.NEVER),
        (DeliveryError(), Then.NEVER),
    ],
)
def test_each_error_has_its_consequence(error: AtelierError, then: Then):
    assert decide(error, tries=1, age=0.0, has_message=True).then is then


def test_a_message_that_cannot_be_gone_is_not_posted_anew_for_ever():
    assert decide(MessageGone(), tries=1, age=0.0, has_message=False).then is Then.NEVER


def test_waits_grow_to_a_bound_and_the_platforms_word_goes_before():
    waits = [decide(DeliveryDelayed(), tries=tries, age=0.0, has_message=True).seconds for tries in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[0] < 5
    assert waits[-1] == LAST_RETRY
    assert decide(DeliveryDelayed(retry_after=7.0), tries=9, age=0.0, has_message=True).seconds == 7.0
    assert decide(FloodWait(retry_after=1e9), tries=1, age=0.0, has_message=True).seconds == MOST_FLOOD_WAIT


def test_an_outage_is_waited_for_a_day_and_a_clock_that_jumps_ends_nothing():
    def then(tries: int, age: float) -> Then:
        return decide(DeliveryUnanswered(), tries=tries, age=age, has_message=False).then

    assert then(1000, GIVE_UP_AFTER - 1) is Then.LATER
    assert then(1, 100 * GIVE_UP_AFTER) is Then.LATER
    assert then(MOST_TRIES, GIVE_UP_AFTER) is Then.NEVER
    end = decide(DeliveryUnanswered(), tries=MOST_TRIES, age=GIVE_UP_AFTER, has_message=False)
    assert isinstance(end.error, DeliveryExpired)
