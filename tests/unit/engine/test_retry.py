from engine.errors import AttemptUnknown, EndpointLost, ExecutionFailed, GraphRejected, OutOfMemory
from engine.retry import NO_FAULT_FACTOR, should_retry


def test_what_another_try_cannot_mend_is_final_at_once():
    assert not should_retry(GraphRejected(), 1, 3)
    assert not should_retry(ExecutionFailed(), 1, 3)


def test_what_it_can_mend_is_tried_so_often_and_no_more():
    assert should_retry(OutOfMemory(), 2, 3)
    assert not should_retry(OutOfMemory(), 3, 3)


def test_an_endpoint_that_goes_away_is_no_fault_of_the_task_but_ends_too():
    last = 3 * NO_FAULT_FACTOR
    for error in (EndpointLost(), AttemptUnknown()):
        assert should_retry(error, last - 1, 3)
        assert not should_retry(error, last, 3)
