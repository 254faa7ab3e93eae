"""Methods that change or delete what was sent, and reactions."""

from typing import Any

from tests.fakes.telegram.errors import NOT_MODIFIED, bad_request
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.methods.common import (
    MAX_CAPTION,
    MAX_TEXT,
    Access,
    Handler,
    Request,
    caption_of,
    chat_of,
    markup_of,
    media_of,
    message_of,
    text_of,
)
from tests.fakes.telegram.model import Chat, Kind, Message

DELETABLE = 48 * 3600  # seconds
SAME_KIND_IN_ALBUMS = {"document", "audio"}
REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳🌚🌭💯🤣⚡🍌🏆💔🤨😐🍓🍾💋🖕😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾😡"
)


async def edit_text(request: Request) -> Any:
    """editMessageText: only what has no media; a keyboard that is not sent again is gone."""
    text, entities = text_of(request)
    message = _editable(request)
    if message.media:
        raise bad_request("there is no text in the message to edit")
    if len(text) > MAX_TEXT:
        raise bad_request("MESSAGE_TOO_LONG")
    return _changed(request, message, text=text, entities=entities)


async def edit_caption(request: Request) -> Any:
    """editMessageCaption: only what has media."""
    text, entities = caption_of(request, request.params)
    message = _editable(request)
    if not message.media:
        raise bad_request("there is no caption in the message to edit")
    if len(text) > MAX_CAPTION:
        raise bad_request("MEDIA_CAPTION_TOO_LONG")
    above = request.flag("show_caption_above_media")
    return _changed(request, message, text=text, entities=entities, caption_above=above)


async def edit_media(request: Request) -> Any:
    """editMessageMedia: any media takes the place of any other, and of a text; the caption is what comes with it."""
    item = request.params["media"]
    text, entities = caption_of(request, item)
    message = _editable(request, "message media can't be edited")
    if len(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    kind = item["type"]
    if message.album and message.media and kind != message.media.kind:
        if {kind, message.media.kind} & SAME_KIND_IN_ALBUMS:
            raise bad_request("can't change media type in the album")
        if kind == "animation":
            raise bad_request("message content type can't be used in an album")
    media = media_of(request, kind, item["media"])
    spoiler = bool(item.get("has_spoiler"))
    return _changed(request, message, text=text, entities=entities, media=media, spoiler=spoiler)


async def edit_markup(request: Request) -> Any:
    """editMessageReplyMarkup."""
    return _changed(request, _editable(request))


async def delete_message(request: Request) -> Any:
    """deleteMessage."""
    message = message_of(request, Access.WRITE, "message to delete")
    _check_deletable(request, message)
    request.world.delete(message, by_bot=True)
    return True


async def delete_messages(request: Request) -> Any:
    """deleteMessages: those that are not found are passed over."""
    ids = request.params["message_ids"]
    if not 1 <= len(ids) <= 100:
        raise bad_request("too many message identifiers specified" if ids else "message identifiers are not specified")
    chat = chat_of(request, Access.WRITE)
    found = [chat.messages[number] for number in ids if number in chat.messages and not chat.messages[number].deleted]
    for message in found:
        _check_deletable(request, message)
    for message in found:
        request.world.delete(message, by_bot=True)
    return True


async def set_reaction(request: Request) -> Any:
    """setMessageReaction: a bot gives one at most."""
    message = message_of(request, Access.READ, "message to react")
    emoji = [reaction.get("emoji", "") for reaction in request.params.get("reaction", [])]
    if len(emoji) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    allowed = REACTIONS if message.chat.reactions is None else message.chat.reactions
    if any(one.rstrip("\ufe0f") not in allowed for one in emoji):
        raise bad_request("REACTION_INVALID")
    message.reactions[request.world.bot.id] = emoji
    request.world.note(Event.REACTED, message, by_bot=True, detail="".join(emoji))
    return True


def _editable(request: Request, sentence: str = "message can't be edited") -> Message:
    if "inline_message_id" in request.params or "message_id" not in request.params:
        raise bad_request("message identifier is not specified")
    message = message_of(request, Access.EDIT, "message to edit")
    chat = message.chat
    is_own_channel = chat.kind is Kind.CHANNEL and chat.member(request.world.bot).is_admin
    mine = message.by_bot or is_own_channel
    if not mine or message.forward or message.has_other_markup or message.service or chat.migrated_to:
        raise bad_request(sentence)
    return message


def _changed(request: Request, message: Message, **fields: Any) -> Any:
    """Set the fields and the keyboard; "not modified" if all is as it was."""
    fields["keyboard"], _ = markup_of(request)
    if all(getattr(message, name) == value for name, value in fields.items()):
        raise bad_request(NOT_MODIFIED)
    for name, value in fields.items():
        setattr(message, name, value)
    if len(fields) > 1:
        message.edited = request.world.clock.date()
    request.world.note(Event.EDITED, message, by_bot=True)
    return request.world.payload(message)


def _check_deletable(request: Request, message: Message) -> None:
    chat, bot = message.chat, request.world.bot
    me = chat.member(bot)
    may = message.by_bot or chat.kind is Kind.PRIVATE or (me.is_admin and me.can_delete)
    if not may:
        raise bad_request("message can't be deleted")
    if request.world.clock.date() - message.date > DELETABLE:
        raise bad_request(f"message can't be deleted{'' if _deletes_for_all(chat) else ' for everyone'}")


def _deletes_for_all(chat: Chat) -> bool:
    """Whether what is deleted in the chat is always deleted for everyone."""
    return chat.kind in {Kind.SUPERGROUP, Kind.CHANNEL}


EDITING: dict[str, Handler] = {
    "editMessageText": edit_text,
    "editMessageCaption": edit_caption,
    "editMessageMedia": edit_media,
    "editMessageReplyMarkup": edit_markup,
}
DELETING: dict[str, Handler] = {
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
    "setMessageReaction": set_reaction,
}
