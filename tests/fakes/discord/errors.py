"""What Discord answers when it refuses: a status, a code, a sentence, and for forms the place of each mistake.

Sources: Discord's "Opcodes and Status Codes", and answers of the real API as clients' issue trackers quote them.
"""

from collections.abc import Mapping
from typing import Any

Errors = dict[str, tuple[str, str]]  # "components.0.custom_id" -> (code, sentence)
REQUIRED = ("BASE_TYPE_REQUIRED", "This field is required")

REFUSALS: dict[int, tuple[int, str]] = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20022: (429, "This message cannot be edited due to announcement rate limits"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later."),
    30034: (429, "Max number of daily application command creates has been reached (200)"),
    30032: (400, "Maximum number of application commands reached (100)"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow-up messages."),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (403, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50016: (
        400,
        "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages",
    ),
    50027: (401, "Invalid Webhook Token"),
    50034: (400, "A message provided was too old to bulk delete"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160002: (403, "You cannot reply without permission to read message history"),
}


class Refusal(Exception):
    """An answer that is not what the caller wanted."""

    def __init__(
        self, code: int, *, status: int = 0, message: str = "", more: Mapping[str, object] | None = None
    ) -> None:
        usual_status, usual_message = REFUSALS[code]
        self.status = status or usual_status
        self.code = code
        self.message = message or usual_message
        self.more: dict[str, Any] = dict(more or {})
        self.headers: dict[str, str] = {}
        self.places: Errors = {}
        super().__init__(f"{self.status} {self.code} {self.message}")

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        return {"message": self.message, "code": self.code, **self.more}


class Unauthorised(Refusal):
    """No token, or not ours."""

    def __init__(self) -> None:
        super().__init__(0, status=401, message="401: Unauthorized")


def nested(errors: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """`{"a.0.b": (code, sentence)}` as Discord nests it; the empty path is the form itself."""
    tree: dict[str, Any] = {}
    for path, (code, message) in errors.items():
        place = tree
        for step in path.split(".") if path else []:
            place = place.setdefault(step, {})
        place.setdefault("_errors", []).append({"code": code, "message": message})
    return tree


def form_error(errors: Mapping[str, tuple[str, str]]) -> Refusal:
    """50035 with the place and the sentence of each mistake."""
    refusal = Refusal(50035, more={"errors": nested(errors)})
    refusal.places = dict(errors)
    return refusal
