"""Whether a failed attempt is worth another: a pure policy; the queue does the waiting."""

from engine.errors import AtelierError, AttemptUnknown, EndpointBusy, EndpointFull, EndpointLost

_NO_FAULT_OF_THE_TASK = (EndpointLost, EndpointBusy, EndpointFull, AttemptUnknown)
NO_FAULT_FACTOR = 4


def should_retry(error: AtelierError, tries: int, max_tries: int) -> bool:
    """Say whether the task waits again after its attempt number `tries` (1 is the first) ended with `error`.

    Errors that another try cannot mend (a graph that is refused, a node that raises) are final at once. An endpoint
    that went away is no fault of the task, so it may be tried `NO_FAULT_FACTOR` times as often: a crash loop ends, an
    evening of restarts does not cost anybody a picture.
    """
    if not error.retryable:
        return False
    if isinstance(error, _NO_FAULT_OF_THE_TASK):
        return tries < max_tries * NO_FAULT_FACTOR
    return tries < max_tries
