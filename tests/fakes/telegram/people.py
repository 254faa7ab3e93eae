"""People, who write, send pictures, press buttons and read, as they would in Telegram's own client."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.fakes.telegram import payloads
from tests.fakes.telegram.entities import formatted
from tests.fakes.telegram.errors import Refusal
from tests.fakes.telegram.files import Media, Upload
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.model import ANONYMOUS_BOT, CHANNEL_BOT, GENERAL, Chat, Kind, Member, Message, Status, User

if TYPE_CHECKING:
    from tests.fakes.telegram.callbacks import Press
    from tests.fakes.telegram.server import FakeTelegram

MAX_TEXT, MAX_CAPTION = 4096, 1024  # characters


class MayNot(AssertionError):
    """A person tries what Telegram's client does not let them do: the test is wrong, not the bot."""


class Person:
    """Somebody; whatever they do is told to the bot if it may know."""

    def __init__(self, server: "FakeTelegram", user: User) -> None:
        self.server = server
        self.world = server.world
        self.user = user

    def __repr__(self) -> str:
        return f"<Person {self.user.name} {self.user.id}>"

    @property
    def id(self) -> int:
        """The account's id."""
        return self.user.id

    @property
    def private(self) -> Chat:
        """The chat with the bot."""
        return self.world.private(self.user)

    # Writing

    async def says(
        self,
        chat: Chat,
        text: str,
        *,
        thread: int | None = None,
        reply_to: Message | None = None,
        speaks_as: Chat | None = None,
    ) -> Message:
        """Write a text; `thread` is a topic's id, `speaks_as` a channel of theirs in whose name they write."""
        return self._write(chat, text=text, thread=thread, reply_to=reply_to, speaks_as=speaks_as)

    async def sends_photo(
        self,
        chat: Chat,
        data: bytes,
        *,
        caption: str = "",
        thread: int | None = None,
        reply_to: Message | None = None,
        spoiler: bool = False,
    ) -> Message:
        """Send a picture as a photo: Telegram makes it anew as JPEG."""
        media = self._receive("photo", Upload(name="photo.png", data=data))
        return self._write(chat, text=caption, media=media, thread=thread, reply_to=reply_to, spoiler=spoiler)

    async def sends_document(
        self,
        chat: Chat,
        data: bytes,
        name: str,
        *,
        caption: str = "",
        thread: int | None = None,
        reply_to: Message | None = None,
        kind: str = "document",
    ) -> Message:
        """Send a file as it is; `kind` may be video, animation or audio too."""
        media = self._receive(kind, Upload(name=name, data=data))
        return self._write(chat, text=caption, media=media, thread=thread, reply_to=reply_to)

    async def sends_album(
        self,
        chat: Chat,
        pictures: Sequence[bytes],
        *,
        caption: str = "",
        thread: int | None = None,
        reply_to: Message | None = None,
        documents: bool = False,
    ) -> list[Message]:
        """Send several pictures together: each is a message and an update of its own, the first has the caption."""
        kind, album = "document" if documents else "photo", str(secrets.randbelow(2**62))
        sent = []
        for number, data in enumerate(pictures):
            media = self._receive(kind, Upload(name=f"{number}.png", data=data))
            text = "" if number else caption
            sent.append(self._write(chat, text=text, media=media, thread=thread, reply_to=reply_to, album=album))
        return sent

    async def replies(self, message: Message, text: str = "", *, photo: bytes | None = None) -> Message:
        """Answer a message, in its chat and topic."""
        chat = self._now(message.chat)
        thread = message.thread if chat.is_forum else None
        if photo is not None:
            return await self.sends_photo(chat, photo, caption=text, thread=thread, reply_to=message)
        return self._write(chat, text=text, thread=thread, reply_to=message)

    async def forwards(self, message: Message, to: Chat, *, thread: int | None = None) -> Message:
        """Pass a message on."""
        origin = payloads.origin(message) if message.forward is None else message.forward
        sent: dict[str, Any] = {"media": message.media, "entities": message.entities, "forward": origin}
        return self._write(to, text=message.text, thread=thread, **sent)

    async def edits(self, message: Message, text: str) -> Message:
        """Change the text or caption of an own message."""
        if message.sender is not self.user or message.deleted:
            raise MayNot(f"{message!r} is not theirs")
        message.text, message.entities = formatted(text)
        message.edited = self.world.clock.date()
        self.world.note(Event.EDITED, message, by_bot=False, who=self.id)
        self.world.tell(message, edited=True)
        return message

    async def deletes(self, message: Message) -> None:
        """Delete a message; the bot is told nothing."""
        self.world.delete(message)

    async def posts(self, channel: Chat, text: str = "", *, photo: bytes | None = None) -> Message:
        """Publish in a channel; its discussion group gets it forwarded."""
        media = self._receive("photo", Upload(name="photo.png", data=photo)) if photo is not None else None
        if not channel.member(self.user).is_admin:
            raise MayNot(f"{self.user.name} is no administrator of {channel.title}")
        post = self.world.add(channel, sender=None, sender_chat=channel, text=text, media=media)
        self.world.tell(post)
        self.world.forward_post(post)
        return post

    # Doing

    async def opens(self, payload: str = "") -> Message:
        """Follow a link to the bot, t.me/BOT?start=PAYLOAD, or press Start."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,64}", payload):
            raise MayNot(f"{payload!r} is no payload of a deep link: 64 of A-Z, a-z, 0-9, _ and -")
        return await self.says(self.private, f"/start {payload}".strip())

    async def presses(self, message: Message, button: str) -> "Press":
        """Press a button by its label, its data or the beginning of either."""
        if not message.chat.member(self.user).inside:
            raise MayNot(f"{self.user.name} does not see {message!r}")
        found = message.button(button)
        if "callback_data" not in found:
            raise MayNot(f"{found} opens a link")
        return self.server.presses.press(self.user, message, found["callback_data"])

    async def reacts(self, message: Message, *emoji: str) -> None:
        """React to a message; none takes the reactions back."""
        old = message.reactions.get(self.id, [])
        message.reactions[self.id] = list(emoji)
        self.world.note(Event.REACTED, message, by_bot=False, detail="".join(emoji), who=self.id)
        if not message.chat.is_group or message.chat.member(self.world.bot).is_admin:
            shown = {"chat": payloads.chat(message.chat), "message_id": message.id, "user": payloads.user(self.user)}
            for name, reactions in (("old_reaction", old), ("new_reaction", emoji)):
                shown[name] = [{"type": "emoji", "emoji": one} for one in reactions]
            self.world.updates.add("message_reaction", shown | {"date": self.world.clock.date()})

    async def blocks(self) -> None:
        """Block the bot: it can write no more, and is told so."""
        self.private.blocked = True
        self.world.change_member(self.private, self.world.bot, Status.KICKED)

    async def unblocks(self) -> None:
        """Let the bot write again."""
        self.private.blocked = False
        self.world.change_member(self.private, self.world.bot, Status.MEMBER)

    async def joins(self, chat: Chat) -> None:
        """Become a member."""
        self.world.change_member(chat, self.user, Status.MEMBER, by=self.user)
        if chat.is_group:
            service = {"new_chat_members": [payloads.user(self.user)]}
            self.world.tell(self.world.add(chat, sender=self.user, service=service))

    async def leaves(self, chat: Chat) -> None:
        """Be a member no longer."""
        self.world.change_member(chat, self.user, Status.LEFT, by=self.user)
        if chat.is_group:
            service = {"left_chat_member": payloads.user(self.user)}
            self.world.tell(self.world.add(chat, sender=self.user, service=service))

    # Reading

    def sees(self, chat: Chat | None = None, *, thread: int | None = None) -> list[Message]:
        """The messages of a chat as they look to them now; of a topic only those in it."""
        chat = chat or self.private
        if not chat.member(self.user).inside:
            raise MayNot(f"{self.user.name} is not in {chat.title}")
        return [
            m for m in chat.messages.values() if not m.deleted and (thread is None or (m.thread or GENERAL) == thread)
        ]

    def menu(self, chat: Chat | None = None) -> dict[str, str]:
        """The commands that the client offers them in a chat, with what each does."""
        return self.server.menus.shown(chat or self.private, self.user)

    async def waits(
        self,
        chat: Chat,
        holds: Callable[[Message], object] | str,
        *,
        after: Message | None = None,
        within: float = 30.0,
    ) -> Message:
        """Wait until the chat shows a message of the bot that has this text or that this holds for; give the newest."""

        def fits(message: Message) -> object:
            return holds in message.text if isinstance(holds, str) else holds(message)

        def found() -> Message | None:
            seen = [m for m in self.sees(chat) if m.by_bot and fits(m) and (after is None or m.id > after.id)]
            return seen[-1] if seen else None

        try:
            message: Message = await self.world.until(found, within=within)
        except AssertionError:
            raise AssertionError(f"not within {within} s: {holds!r}, but {self.sees(chat)[-5:]}") from None
        return message

    # Within

    def _now(self, chat: Chat) -> Chat:
        """Clients follow a group that became a supergroup."""
        return chat.migrated_to or chat

    def _receive(self, kind: str, upload: Upload) -> Media:
        try:
            return self.world.files.receive(kind, upload)
        except Refusal as refusal:
            raise MayNot(f"Telegram's client would not send this {kind}: {refusal.description}") from None

    def _write(
        self,
        chat: Chat,
        *,
        text: str = "",
        thread: int | None = None,
        reply_to: Message | None = None,
        speaks_as: Chat | None = None,
        **fields: Any,
    ) -> Message:
        member = self._may_write(chat, thread)
        longest = MAX_CAPTION if fields.get("media") else MAX_TEXT
        if len(text) > longest:
            raise MayNot(f"a text of {len(text)} characters: clients send {longest} at most")
        who: dict[str, Any] = {"sender": self.user}
        if speaks_as:
            if not speaks_as.member(self.user).is_admin:
                raise MayNot(f"{speaks_as.title} is not theirs")
            who = {"sender": self.world.users[CHANNEL_BOT], "sender_chat": speaks_as}
        elif member.anonymous:
            who = {"sender": self.world.users[ANONYMOUS_BOT], "sender_chat": chat, "signature": member.title}
        if chat.kind is Kind.PRIVATE:
            chat.started = True
        general = thread == GENERAL
        message = self.world.add(
            chat, text=text, thread=None if general else thread, reply_to=reply_to, **who, **fields
        )
        self.world.tell(message)
        return message

    def _may_write(self, chat: Chat, thread: int | None) -> Member:
        member = chat.member(self.user)
        if not member.inside or chat.deleted or chat.migrated_to:
            raise MayNot(f"{self.user.name} is not in {chat.title}, or it is no more")
        if chat.kind is Kind.CHANNEL:
            raise MayNot("in channels one posts")
        if chat.kind is Kind.PRIVATE and chat.blocked:
            raise MayNot("the bot is blocked: unblock it first")
        topic = chat.topics.get(thread or GENERAL)
        if chat.is_forum and (topic is None or topic.deleted or (topic.closed and not member.is_admin)):
            raise MayNot(f"there is no open topic {thread} in {chat.title}")
        return member
