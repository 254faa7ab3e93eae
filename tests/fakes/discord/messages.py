"""A message and its files, as the server keeps them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from tests.fakes.discord.interactions import Interaction
    from tests.fakes.discord.world import Channel, User


class Flag(IntFlag):
    """A message's flags."""

    CROSSPOSTED = 1 << 0
    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


NO_FLAGS = Flag(0)
SETTABLE = {
    "create": Flag.SUPPRESS_EMBEDS | Flag.SUPPRESS_NOTIFICATIONS | Flag.COMPONENTS_V2,
    "edit": Flag.SUPPRESS_EMBEDS | Flag.COMPONENTS_V2,
    "interaction": Flag.SUPPRESS_EMBEDS | Flag.EPHEMERAL | Flag.SUPPRESS_NOTIFICATIONS | Flag.COMPONENTS_V2,
}


@dataclass(frozen=True, kw_only=True)
class File:
    """What somebody uploads."""

    filename: str
    data: bytes = field(repr=False)
    content_type: str = "application/octet-stream"


@dataclass(eq=False, kw_only=True)
class Attachment:
    """An uploaded file with its place on the CDN."""

    id: int
    file: File
    digest: str  # SHA-256, hexadecimal
    url: str
    description: str | None = None
    ephemeral: bool = False
    width: int | None = None
    height: int | None = None

    @property
    def filename(self) -> str:
        """Its name, which a component may refer to."""
        return self.file.filename

    @property
    def spoiler(self) -> bool:
        """Whether it is covered by its name."""
        return self.filename.startswith("SPOILER_")

    def payload(self) -> dict[str, Any]:
        """As Discord shows it."""
        shown: dict[str, Any] = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.file.data),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": self.file.content_type,
        }
        if self.width:
            shown |= {"width": self.width, "height": self.height}
        if self.description:
            shown["description"] = self.description
        if self.ephemeral:
            shown["ephemeral"] = True
        return shown


def size_of(data: bytes) -> tuple[int, int] | tuple[None, None]:
    """A picture's width and height by its header; Discord shows none for what it cannot read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None, None


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every component, nested ones after the one they are in."""
    for component in components:
        yield component
        inner = [*(component.get("components") or [])]
        inner += [part for part in (component.get("accessory"), component.get("component")) if part]
        yield from walk(inner)


@dataclass(eq=False, kw_only=True)
class Message:
    """A message; `private_to` is who alone sees an ephemeral one."""

    id: int
    channel: "Channel"
    author: "User"
    created: float
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: Flag = NO_FLAGS
    nonce: str | int | None = None
    edited: float | None = None
    reference: int | None = None
    interaction: "Interaction | None" = None
    private_to: "User | None" = None
    deleted: bool = False
    pinged: "list[User]" = field(default_factory=list)  # whom it notifies, by text and allowed_mentions
    pings_everyone: bool = False
    pings_roles: list[int] = field(default_factory=list)
    old_edits: list[float] = field(default_factory=list)  # when it was edited while older than an hour
    reactions: dict[str, set[int]] = field(default_factory=dict)
    is_followup: bool = False

    @property
    def is_v2(self) -> bool:
        """Whether it is made of components alone."""
        return bool(self.flags & Flag.COMPONENTS_V2)

    @property
    def loading(self) -> bool:
        """Whether it is only "is thinking…" as yet."""
        return bool(self.flags & Flag.LOADING)

    @property
    def text(self) -> str:
        """All that can be read in it, in order, one piece a line."""
        texts = [self.content] if self.content else []
        for embed in self.embeds:
            texts += [embed[key] for key in ("title", "description") if embed.get(key)]
            texts += [f"{field['name']}: {field['value']}" for field in embed.get("fields", [])]
            texts += [embed["footer"]["text"]] if embed.get("footer") else []
        texts += [part["content"] for part in walk(self.components) if part["type"] == 10]
        return "\n".join(texts)

    def controls(self) -> list[dict[str, Any]]:
        """Buttons and selects."""
        return [part for part in walk(self.components) if part["type"] in {2, 3, 5, 6, 7, 8}]

    def control(self, wanted: str) -> dict[str, Any]:
        """A button or select by custom id, or by label, emoji or placeholder; LookupError names what there is."""
        names: dict[str, dict[str, Any]] = {}
        for part in self.controls():
            emoji = (part.get("emoji") or {}).get("name") or ""
            label = part.get("label") or part.get("placeholder") or ""
            for name in (part.get("custom_id"), label, emoji, f"{emoji} {label}".strip()):
                if name:
                    names.setdefault(name, part)
        if wanted not in names:
            raise LookupError(f"no {wanted!r} among {sorted(names)}")
        return names[wanted]

    def media(self) -> list[dict[str, Any]]:
        """The items of its galleries: media, description, spoiler."""
        return [item for part in walk(self.components) if part["type"] == 12 for item in part["items"]]

    def pictures(self) -> list[bytes]:
        """The bytes of what it shows: attachments, or for Components V2 those that a component shows."""
        if not self.is_v2:
            return [attachment.file.data for attachment in self.attachments]
        by_id = {str(attachment.id): attachment.file.data for attachment in self.attachments}
        shown = [item["media"] for item in self.media()]
        shown += [part["file"] for part in walk(self.components) if part["type"] == 13]
        shown += [part["media"] for part in walk(self.components) if part["type"] == 11]
        return [by_id[media["attachment_id"]] for media in shown if media.get("attachment_id") in by_id]
