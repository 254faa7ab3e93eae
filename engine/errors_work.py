"""Errors of attempts on endpoints and of deliveries to platforms; `engine.errors` draws the tree."""

from engine.errors_base import AtelierError


class EndpointError(AtelierError):
    """An attempt failed. Fields: endpoint."""

    code = "endpoint-error"


class EndpointLost(EndpointError):
    """The endpoint cannot be reached or forgot the attempt."""

    code = "endpoint-lost"
    retryable = True


class EndpointBusy(EndpointError):
    """The endpoint answered that it takes no more (429 or 503)."""

    code = "endpoint-busy"
    retryable = True


class OutOfMemory(EndpointError):
    """The endpoint ran out of GPU memory."""

    code = "out-of-memory"
    retryable = True


class EndpointFull(EndpointError):
    """The endpoint's own disk is full."""

    code = "endpoint-full"
    retryable = True


class GraphRejected(EndpointError):
    """The endpoint's validation refused the graph. Fields: endpoint, reason."""

    code = "graph-rejected"


class ExecutionFailed(EndpointError):
    """A node raised. Fields: endpoint, node, reason."""

    code = "execution-failed"


class Interrupted(EndpointError):
    """Somebody interrupted the attempt on the endpoint."""

    code = "interrupted"


class AttemptUnknown(EndpointError):
    """The endpoint knows nothing of this prompt id: it can be sent (again)."""

    code = "attempt-unknown"
    retryable = True


class AttemptTimeout(EndpointError):
    """No progress within the attempt's deadline."""

    code = "attempt-timeout"
    retryable = True


class OutputMissing(EndpointError):
    """The history names no output, or a file that is not there."""

    code = "output-missing"
    retryable = True


class DeliveryError(AtelierError):
    """A platform did not take a message."""

    code = "delivery-error"


class ChatGone(DeliveryError):
    """The chat, channel or folder is gone or closed to us. Fields: chat."""

    code = "chat-gone"


class NotPermitted(DeliveryError):
    """The platform no longer lets us post in this chat. Fields: chat, missing (the permission's name)."""

    code = "not-permitted"


class RecipientBlocked(DeliveryError):
    """The person has blocked us, or takes no direct messages from us."""

    code = "recipient-blocked"


class MessageGone(DeliveryError):
    """The message that should be edited was deleted, or may not be edited any more."""

    code = "message-gone"


class MessageTooLarge(DeliveryError):
    """The platform takes no message or file of this size. Fields: size, limit."""

    code = "message-too-large"


class FloodWait(DeliveryError):
    """Nothing was posted: try again after `retry_after` seconds. Fields: everywhere (1: this holds for every chat)."""

    code = "flood-wait"
    retryable = True

    @property
    def everywhere(self) -> bool:
        """Whether every chat of the platform has to wait."""
        return bool(self.fields.get("everywhere"))


class DeliveryDelayed(DeliveryError):
    """Nothing was posted: try again, after `retry_after` seconds where the platform says how many."""

    code = "delivery-delayed"
    retryable = True


class DeliveryUnanswered(DeliveryError):
    """The platform did not say whether it posted the message (a timeout, a lost connection, an error of its own)."""

    code = "delivery-unanswered"
    retryable = True


class DeliveryExpired(DeliveryError):
    """The chat could not be reached for as long as we try."""

    code = "delivery-expired"
