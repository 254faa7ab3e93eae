"""All there is: people, chats and messages in memory, the ways to change them, and what the bot is told of it.

Tests may change anything between calls. What happens to messages is written to the log; what the bot may see of it
becomes an update, by Telegram's rules of privacy.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fakes.telegram import payloads
from tests.fakes.telegram.entities import covered_by, formatted
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.model import (
    ANONYMOUS_BOT,
    CHANNEL_BOT,
    GENERAL,
    TELEGRAM,
    Chat,
    Kind,
    Member,
    Message,
    Status,
    Topic,
    User,
)
from tests.fakes.telegram.people import Person

if TYPE_CHECKING:
    from tests.fakes.telegram.server import FakeTelegram

TOPIC_COLOUR = 0x6FB9F0


class World:
    """Who and what there is around one bot."""

    def __init__(self, server: "FakeTelegram", *, bot_id: int) -> None:
        self.server = server
        self.clock = server.clock
        self.files = server.files
        self.updates = server.updates
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.privacy = True
        self._counter = 0  # of messages in private chats and basic groups
        self._next_id = 500_000_000
        self._waiters: set[asyncio.Future[None]] = set()
        self.bot = User(id=bot_id, name="Atelier", username="atelier_bot", language="", is_bot=True)
        self.users[bot_id] = self.bot
        for id_, name, username in (
            (TELEGRAM, "Telegram", ""),
            (CHANNEL_BOT, "Channel", "Channel_Bot"),
            (ANONYMOUS_BOT, "Group", "GroupAnonymousBot"),
        ):
            self.users[id_] = User(id=id_, name=name, username=username, language="", is_bot=id_ != TELEGRAM)

    # Making things

    def user(self, name: str, *, username: str | None = None, language: str = "en", is_bot: bool = False) -> User:
        """A new account; its username is its name unless told."""
        self._next_id += secrets.randbelow(1000) + 1
        handle = "".join(c for c in name.lower() if c.isascii() and c.isalnum()) if username is None else username
        user = User(id=self._next_id, name=name, username=handle, language=language, is_bot=is_bot)
        self.users[user.id] = user
        return user

    def person(self, name: str, *, language: str = "", username: str | None = None) -> Person:
        """Somebody by name, made when first asked for."""
        user = next((u for u in self.users.values() if u.name == name and not u.is_bot), None)
        user = user or self.user(name, username=username)
        user.language = language or user.language
        return Person(self.server, user)

    def private(self, user: User) -> Chat:
        """A person's chat with the bot."""
        if user.id not in self.chats:
            self.chats[user.id] = Chat(id=user.id, kind=Kind.PRIVATE, user=user)
            self.chats[user.id].members = {one.id: Member(user=one) for one in (user, self.bot)}
        return self.chats[user.id]

    def group(self, title: str, *members: Person, owner: str = "", bot: bool = True) -> Chat:
        """A basic group; the bot is in it unless told otherwise. Its owner is named after it unless told."""
        return self._chat(Kind.GROUP, title, members, owner, bot)

    def supergroup(
        self, title: str, *members: Person, owner: str = "", bot: bool = True, forum: bool = False, username: str = ""
    ) -> Chat:
        """A supergroup; as a forum it has topics."""
        chat = self._chat(Kind.SUPERGROUP, title, members, owner, bot)
        chat.is_forum, chat.username = forum, username
        if forum:
            chat.topics[GENERAL] = Topic(id=GENERAL, name="General")
        return chat

    def channel(
        self, title: str, *members: Person, owner: str = "", bot: bool = True, group: Chat | None = None
    ) -> Chat:
        """A channel, its discussion group if one is given; the bot is an administrator of it."""
        chat = self._chat(Kind.CHANNEL, title, members, owner, bot)
        if bot:
            chat.members[self.bot.id].status = Status.ADMINISTRATOR
        if group:
            chat.linked, group.linked = group, chat
        return chat

    def topic(self, chat: Chat, name: str, *, by: Person | None = None) -> Topic:
        """A new topic of a forum."""
        created = {"forum_topic_created": {"name": name, "icon_color": TOPIC_COLOUR}}
        message = self.add(chat, sender=by.user if by else self.owner(chat), service=created)
        message.thread = message.id
        chat.topics[message.id] = Topic(id=message.id, name=name)
        self.tell(message)
        return chat.topics[message.id]

    def owner(self, chat: Chat) -> User:
        """Whose chat it is."""
        return next(member.user for member in chat.members.values() if member.status is Status.CREATOR)

    def _chat(self, kind: Kind, title: str, members: tuple[Person, ...], owner: str, bot: bool) -> Chat:
        self._next_id += 17
        id_ = -self._next_id if kind is Kind.GROUP else -(10**12) - self._next_id
        chat = self.chats[id_] = Chat(id=id_, kind=kind, title=title)
        creator = self.person(owner or f"Owner of {title}").user
        chat.members[creator.id] = Member(user=creator, status=Status.CREATOR)
        for person in members:
            chat.members.setdefault(person.user.id, Member(user=person.user))
        if bot:
            self.add_bot(chat)
        return chat

    # Messages

    def add(self, chat: Chat, *, sender: User | None, text: str = "", parse_mode: str = "", **fields: Any) -> Message:
        """A new message, in its place and in the log; the bot is told by `tell`."""
        text, entities = formatted(text, parse_mode, fields.pop("entities", None))
        message = Message(
            id=self._number(chat),
            chat=chat,
            date=self.clock.date(),
            sender=sender,
            text=text,
            entities=entities,
            **fields,
        )
        message.by_bot = sender is self.bot or message.by_bot
        chat.messages[message.id] = message
        self.note(Event.SENT, message, by_bot=message.by_bot)
        return message

    def note(self, event: Event, message: Message | None, *, by_bot: bool, detail: str = "", who: int = 0) -> None:
        """Write to the log, and wake those who wait for something to happen."""
        self.server.journal.write(event, self.clock.now(), message, by_bot=by_bot, detail=detail, who=who)
        self.pulse()

    def tell(self, message: Message, *, edited: bool = False) -> None:
        """An update for the bot if it may see the message."""
        if message.by_bot or not self.bot_sees(message):
            return
        kind = "channel_post" if message.chat.kind is Kind.CHANNEL else "message"
        self.updates.add(f"edited_{kind}" if edited else kind, self.payload(message))

    def payload(self, message: Message) -> dict[str, Any]:
        """A message's JSON."""
        return payloads.message(message, self.users.__getitem__)

    def bot_sees(self, message: Message) -> bool:
        """Whether the bot gets a message: in groups only what is meant for it, unless it is an administrator."""
        chat = message.chat
        me = chat.member(self.bot)
        if not me.inside or chat.blocked or chat.deleted:
            return False
        if not chat.is_group or message.service or me.is_admin or not self.privacy:
            return True
        if message.reply_to and message.reply_to.by_bot:
            return True
        own = f"@{self.bot.username}".lower()
        for entity in message.entities:
            covered = covered_by(message.text, entity).lower()
            if (
                entity["type"] == "bot_command"
                and entity["offset"] == 0
                and ("@" not in covered or covered.endswith(own))
            ):
                return True
            if (entity["type"] == "mention" and covered == own) or entity.get("user_id") == self.bot.id:
                return True
        return False

    def forward_post(self, post: Message) -> None:
        """What is published in a channel appears in its discussion group too."""
        if post.chat.linked:
            kept: dict[str, Any] = {"entities": post.entities, "media": post.media, "forward": payloads.origin(post)}
            telegram = self.users[TELEGRAM]
            more: dict[str, Any] = {"sender_chat": post.chat, "automatic_forward": True}
            self.tell(self.add(post.chat.linked, sender=telegram, text=post.text, **kept, **more))

    def delete(self, message: Message, *, by_bot: bool = False) -> None:
        """The message is gone."""
        message.deleted = True
        self.note(Event.DELETED, message, by_bot=by_bot)

    def _number(self, chat: Chat) -> int:
        if chat.numbers_itself:
            chat.counter += 1
            return chat.counter
        self._counter += 1
        return self._counter

    # Members

    def add_bot(self, chat: Chat, *, admin: bool = False) -> None:
        """The bot joins, or becomes what is said here."""
        self.change_member(chat, self.bot, Status.ADMINISTRATOR if admin else Status.MEMBER)
        if chat.is_group:
            new = {"new_chat_members": [payloads.user(self.bot)]}
            self.tell(self.add(chat, sender=self.owner(chat), service=new))

    def kick_bot(self, chat: Chat) -> None:
        """The bot is removed from the chat."""
        self.change_member(chat, self.bot, Status.KICKED)

    def promote(self, chat: Chat, who: Person | User, *, anonymous: bool = False, title: str = "") -> None:
        """Somebody is an administrator from now on; the bot too, if it is named."""
        user = who if isinstance(who, User) else who.user
        self.change_member(chat, user, Status.ADMINISTRATOR)
        chat.members[user.id].anonymous, chat.members[user.id].title = anonymous, title

    def demote(self, chat: Chat, who: Person | User) -> None:
        """Somebody is an ordinary member again."""
        self.change_member(chat, who if isinstance(who, User) else who.user, Status.MEMBER)

    def change_member(self, chat: Chat, user: User, status: Status, *, by: User | None = None) -> None:
        """A membership changes; the bot is told of its own, and of others' where it is an administrator."""
        old = chat.member(user)
        new = Member(user=user, status=status)
        chat.members[user.id] = new
        if old.status is not status:
            change = {
                "chat": payloads.chat(chat),
                "from": payloads.user(by or chat.user or self.owner(chat)),
                "date": self.clock.date(),
                "old_chat_member": payloads.member(chat, old),
                "new_chat_member": payloads.member(chat, new),
            }
            if user is self.bot:
                self.updates.add("my_chat_member", change)
            elif chat.member(self.bot).is_admin:
                self.updates.add("chat_member", change)
        self.pulse()

    # Chats

    def migrate(self, group: Chat) -> Chat:
        """The group becomes a supergroup with another id; both are told, the old one takes no more messages."""
        owner = self.owner(group)
        new = self._chat(Kind.SUPERGROUP, group.title, (), owner.name, bot=False)
        new.members = dict(group.members)
        group.migrated_to = new
        self.tell(self.add(group, sender=owner, service={"migrate_to_chat_id": new.id}))
        self.tell(self.add(new, sender=owner, service={"migrate_from_chat_id": group.id}))
        return new

    def close_topic(self, chat: Chat, topic: Topic, *, closed: bool = True) -> None:
        """Only administrators write in a closed topic; `closed=False` opens it again."""
        topic.closed = closed
        happened = "forum_topic_closed" if closed else "forum_topic_reopened"
        self.tell(self.add(chat, sender=self.owner(chat), thread=topic.id, service={happened: {}}))

    def delete_topic(self, chat: Chat, topic: Topic) -> None:
        """The topic and its messages are gone."""
        topic.deleted = True
        for message in chat.messages.values():
            if message.thread == topic.id and not message.deleted:
                self.delete(message)

    def delete_chat(self, chat: Chat) -> None:
        """The group is gone; the bot is told nothing."""
        chat.deleted = True

    # Waiting

    def pulse(self) -> None:
        """Something happened."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, holds: Callable[[], Any], *, within: float = 30.0, what: str = "") -> Any:
        """Wait until this gives something true, and give it; AssertionError after so many seconds."""
        try:
            async with asyncio.timeout(within):
                while not (found := holds()):
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    await waiter
        except TimeoutError:
            raise AssertionError(f"{what or 'what was waited for'} did not come within {within} s") from None
        return found
