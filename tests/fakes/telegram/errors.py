"""What Telegram answers when it refuses: a status, a sentence, sometimes parameters.

The sentences are those of the Bot API server and of Telegram's servers behind it, word for word: clients compare them.
"""

from typing import Any

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
POLL_ENDED_BY_WEBHOOK = "Conflict: terminated by setWebhook request"


class Refusal(Exception):
    """An answer that is not what the caller wanted; `description` is the whole sentence."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        self.status = status
        self.description = description
        self.parameters = parameters
        super().__init__(f"{status} {description}")

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        shown: dict[str, Any] = {"ok": False, "error_code": self.status, "description": self.description}
        return shown | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(reason: str, **parameters: int) -> Refusal:
    """400; the sentence goes on after "Bad Request: "."""
    return Refusal(400, f"Bad Request: {reason}", **parameters)


def forbidden(reason: str) -> Refusal:
    """403; the sentence goes on after "Forbidden: "."""
    return Refusal(403, f"Forbidden: {reason}")


def too_many_requests(retry_after: int) -> Refusal:
    """429: the flood wait in seconds, in words and as a parameter."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
