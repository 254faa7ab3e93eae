"""What the methods share: a call, the chat and the message that it means, and who may do what there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.fakes.telegram.entities import Entity, formatted
from tests.fakes.telegram.errors import Refusal, bad_request, forbidden
from tests.fakes.telegram.files import Media, Upload
from tests.fakes.telegram.keyboards import ACTIONS, keyboard_of
from tests.fakes.telegram.model import GENERAL, Chat, Keyboard, Kind, Message, Status, Topic
from tests.fakes.telegram.world import World

if TYPE_CHECKING:
    from tests.fakes.telegram.server import FakeTelegram

MAX_TEXT = 4096  # characters after parsing
MAX_CAPTION = 1024
PLURALS = {"photo": "photos", "document": "documents", "video": "videos", "animation": "animations", "audio": "music"}


class Access(IntEnum):
    """What a call wants of a chat."""

    READ = 0
    EDIT = 1
    WRITE = 2


@dataclass(eq=False, kw_only=True)
class Request:
    """One call: values of the right types, and what was uploaded with it."""

    server: "FakeTelegram"
    method: str
    params: dict[str, Any]
    files: dict[str, Upload] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """All there is."""
        return self.server.world

    def flag(self, name: str) -> bool:
        """A parameter that is true or not there."""
        return bool(self.params.get(name))


Handler = Callable[[Request], Awaitable[Any]]


def chat_of(request: Request, access: Access, name: str = "chat_id") -> Chat:
    """The chat that a parameter means, if the bot may do this there; Refusal in Telegram's words."""
    chat = find_chat(request.world, request.params[name])
    if chat is None or (chat.kind is Kind.PRIVATE and not chat.user):
        raise bad_request("chat not found")
    me = chat.member(request.world.bot)
    match chat.kind:
        case Kind.PRIVATE:
            assert chat.user
            if chat.user.deactivated and access >= Access.EDIT:
                raise forbidden("user is deactivated")
            if access >= Access.EDIT and chat.blocked:
                raise forbidden("bot was blocked by the user")
            if access is Access.WRITE and not chat.started:
                raise forbidden("bot can't initiate conversation with a user")
        case Kind.GROUP if chat.migrated_to:
            if access is Access.WRITE:
                upgraded = "group chat was upgraded to a supergroup chat"
                raise bad_request(upgraded, migrate_to_chat_id=chat.migrated_to.id)
        case _ if chat.deleted and access >= Access.EDIT:
            raise forbidden(f"the {chat.kind} chat was deleted")
        case Kind.GROUP if access is Access.READ:
            pass
        case _ if me.status is Status.KICKED:
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        case _ if me.status is Status.LEFT and (access >= Access.EDIT or not chat.username):
            raise forbidden(f"bot is not a member of the {chat.kind} chat")
    return chat


def find_chat(world: World, chat_id: int | str) -> Chat | None:
    """A chat by id or by @username; a person's private chat exists from the first word on."""
    if isinstance(chat_id, str) and chat_id.startswith("@"):
        return next((chat for chat in world.chats.values() if chat.username.lower() == chat_id[1:].lower()), None)
    return world.chats.get(int(chat_id)) if str(chat_id).lstrip("-").isdigit() else None


def message_of(request: Request, access: Access, what: str) -> Message:
    """The message that a call means: "message to edit not found" if there is none."""
    chat = chat_of(request, access, "chat_id")
    message = chat.messages.get(request.params.get("message_id", 0))
    if message is None or message.deleted:
        raise bad_request(f"{what} not found")
    return message


def topic_of(request: Request, chat: Chat) -> Topic | None:
    """The topic that a call writes to; only forums have any, and General must not be named."""
    thread = request.params.get("message_thread_id", 0)
    if chat.kind is Kind.PRIVATE and thread:
        raise bad_request("message thread not found")
    if not chat.is_forum:
        return None
    if not thread:
        return chat.topics[GENERAL]
    topic = chat.topics.get(thread)
    if topic is None or topic.deleted or thread == GENERAL:
        raise bad_request("message thread not found")
    return topic


def may_send(request: Request, chat: Chat, what: str) -> None:
    """Refusal if the bot may not send this kind ("text messages", "photos") here or to the topic."""
    me = chat.member(request.world.bot)
    if chat.kind is Kind.CHANNEL and not (me.is_admin and me.can_post):
        raise bad_request("need administrator rights in the channel chat")
    if chat.is_group and not me.is_admin and (what in chat.muted or me.status is Status.RESTRICTED):
        raise bad_request(f"not enough rights to send {what} to the chat")
    topic = topic_of(request, chat)
    if topic and topic.closed and not me.is_admin:
        raise bad_request("TOPIC_CLOSED")


def replied_of(request: Request, chat: Chat) -> Message | None:
    """The message that a new one answers."""
    asked = request.params.get("reply_parameters")
    if not asked:
        return None
    where = find_chat(request.world, asked["chat_id"]) if "chat_id" in asked else chat
    replied = where.messages.get(asked["message_id"]) if where else None
    if replied is not None and not replied.deleted:
        return replied
    if asked.get("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def text_of(request: Request) -> tuple[str, list[Entity]]:
    """The text of a message, parsed; never empty."""
    if not request.params.get("text"):
        raise bad_request("message text is empty")
    text, entities = parsed(request, request.params, "text", "entities")
    if not text:
        raise bad_request("text must be non-empty")
    return text, entities


def caption_of(request: Request, source: dict[str, Any]) -> tuple[str, list[Entity]]:
    """A caption, parsed; of a call's parameters or of one of its media."""
    return parsed(request, source, "caption", "caption_entities")


def parsed(request: Request, source: dict[str, Any], name: str, entities: str) -> tuple[str, list[Entity]]:
    """A text of a call with its entities; mentions of unknown users are no entities."""
    given = source.get(entities)
    for entity in given or ():
        if entity["type"] == "text_mention":
            entity["user_id"] = entity.pop("user")["id"]
    text, found = formatted(source.get(name, ""), source.get("parse_mode", ""), given)
    return text, [e for e in found if e.get("user_id", 0) in request.world.users or "user_id" not in e]


def markup_of(request: Request) -> tuple[Keyboard | None, bool]:
    """The inline keyboard of a call, and whether it has a reply keyboard or the like instead."""
    markup = request.params.get("reply_markup")
    for button in (button for row in (markup or {}).get("inline_keyboard", ()) for button in row):
        if len(button.keys() & set(ACTIONS)) > 1:
            request.server.violate(request.method, f"the button {button['text']!r} must do exactly one thing")
    return keyboard_of(markup), markup is not None and "inline_keyboard" not in markup


def media_of(request: Request, kind: str, value: Any, name: str = "") -> Media:
    """What a call sends: uploaded under the parameter's name, attached, or known by its file id."""
    if isinstance(value, str) and value.startswith("attach://"):
        name = value.removeprefix("attach://")
    elif isinstance(value, str):
        if value.startswith(("http://", "https://")):
            raise bad_request("failed to get HTTP URL content")
        return request.server.files.again(kind, value)
    upload = request.files.get(name)
    if upload is None:
        raise bad_request(f"there is no {kind} in the request")
    if len(upload.data) > request.server.files.limits.upload:
        raise Refusal(413, "Request Entity Too Large")
    return request.server.files.receive(kind, upload)
