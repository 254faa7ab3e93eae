"""The settings of safety: what may be asked for and shown, and who else looks at it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from config.forms import OptionalDirectory, Section, Url, empty_is_none


class SafetySettings(Section):
    """What may be asked for and shown. The rules for words are built in; /mod policy switches a community's own."""

    nsfw: Literal["allow", "spoiler", "hold", "refuse"] = "hold"
    """What becomes of adult pictures in chats that are not for adults alone, unless a policy says so.

    allow, spoiler, hold (a moderator looks first) or refuse.
    """
    classifier: OptionalDirectory = None
    """Folder of a model that looks at every picture: config.json, model.safetensors. Empty: none does."""
    labels: tuple[str, ...] = ("nsfw", "porn", "hentai", "explicit", "unsafe", "sexual")
    """The classifier's labels that mean an adult picture; upper and lower case alike."""
    threshold: float = Field(default=0.7, gt=0, le=1)
    """How sure it must be of these labels together, above 0 and at most 1."""
    hook_url: Annotated[Url | None, BeforeValidator(empty_is_none)] = None
    """An address of your own that every prompt and picture is sent to, as JSON. Empty: none is."""
    hook_key: SecretStr | None = None
    """Sent to it as `Authorization: Bearer KEY`. Secret: only from ATELIER_SAFETY__HOOK_KEY."""
    timeout: float = Field(default=20.0, ge=0.1, le=600)
    """Seconds that classifier and hook may take for one prompt or picture, 0.1 to 600."""
    on_failure: Literal["closed", "open"] = "closed"
    """What counts when they do not answer. closed: prompts are refused, pictures held. open: neither."""
    review_hours: float = Field(default=168.0, ge=1, le=8784)
    """Hours after which held pictures that nobody looked at are removed and refunded, 1 to 8784."""
