from engine.errors import (
    AttemptTimeout,
    AttemptUnknown,
    EndpointBusy,
    EndpointLost,
    ExecutionFailed,
    GraphRejected,
    OutOfMemory,
)
from engine.retry import CALM, FIRST_REST, LONGEST_REST, NO_FAULT_FACTOR, Crowds, Rests, Retry, decide


def test_what_another_try_cannot_mend_is_final_at_once():
    assert decide(GraphRejected(), 1, 3) == Retry(again=False)
    assert decide(ExecutionFailed(), 1, 3) == Retry(again=False)


def test_what_it_can_mend_is_tried_so_often_and_no_more():
    assert decide(AttemptTimeout(), 2, 3).again
    assert not decide(AttemptTimeout(), 3, 3).again


def test_an_endpoint_that_goes_away_is_no_fault_of_the_task_but_ends_too():
    last = 3 * NO_FAULT_FACTOR
    for error in (EndpointLost(), AttemptUnknown(), EndpointBusy()):
        assert decide(error, last - 1, 3).again
        assert not decide(error, last, 3).again


def test_a_lost_endpoint_is_left_for_another_and_one_that_forgot_is_asked_again():
    assert decide(EndpointLost(), 1, 3).elsewhere
    assert not decide(AttemptUnknown(), 1, 3).elsewhere


def test_memory_that_ran_out_means_elsewhere_and_fewer_at_once():
    assert decide(OutOfMemory(), 1, 3) == Retry(again=True, elsewhere=True, fewer=True)
    assert decide(OutOfMemory(), 3, 3) == Retry(again=False, elsewhere=False, fewer=True)


def test_an_endpoint_that_ran_out_of_memory_gets_half_as_much_and_recovers_slowly():
    crowds = Crowds()
    assert crowds.limit("gpu", 8) == 8
    crowds.too_many("gpu", 8)
    assert crowds.limit("gpu", 8) == 4
    crowds.too_many("gpu", 1)
    assert crowds.limit("gpu", 8) == 1  # one at least: it may be the others' memory
    for _ in range(CALM):
        crowds.succeeded("gpu")
    assert (crowds.limit("gpu", 8), crowds.limit("other", 8)) == (2, 8)
    for _ in range(20 * CALM):
        crowds.succeeded("gpu")
    assert crowds.limit("gpu", 8) == 8


def test_a_lost_endpoint_rests_longer_each_time_until_it_works_again():
    rests, now, lengths = Rests(), 100.0, []
    for _ in range(10):
        for _ in range(6):  # attempts that ran side by side
            rests.lost("gpu", now)
        started = now
        while rests.resting("gpu", now):
            now += FIRST_REST
        lengths.append(now - started)
    assert lengths[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert lengths[-1] == LONGEST_REST
    assert not rests.resting("other", now)
    rests.succeeded("gpu")
    rests.lost("gpu", now)
    assert rests.resting("gpu", now)
    assert not rests.resting("gpu", now + FIRST_REST)
