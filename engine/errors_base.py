"""What every error is; `engine.errors` draws the tree."""

from typing import ClassVar

Field = str | int | float


class AtelierError(Exception):
    """An error with a code; `retry_after` is in seconds, None if nobody knows."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", *, retry_after: float | None = None, **fields: Field) -> None:
        self.detail = detail
        self.retry_after = retry_after
        self.fields: dict[str, Field] = fields
        super().__init__(detail or self.code)
