"""Methods that send: texts, photos, files, albums, copies."""

import secrets
from typing import Any

from tests.fakes.telegram import payloads
from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.log import Event
from tests.fakes.telegram.methods.common import (
    MAX_CAPTION,
    MAX_TEXT,
    PLURALS,
    Access,
    Handler,
    Request,
    caption_of,
    chat_of,
    find_chat,
    markup_of,
    may_send,
    media_of,
    replied_of,
    text_of,
    topic_of,
)
from tests.fakes.telegram.model import GENERAL, Chat, Kind, Message

ALONE_IN_ALBUMS = {"document", "audio"}  # they are not mixed with other kinds
ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip


async def send_message(request: Request) -> Any:
    """sendMessage."""
    text, entities = text_of(request)
    if len(text) > MAX_TEXT:
        raise bad_request("message is too long")
    chat = chat_of(request, Access.WRITE)
    return _answer(request, _send(request, chat, "text messages", text=text, entities=entities))


def sends(kind: str) -> Handler:
    """sendPhoto, sendDocument, sendVideo, sendAnimation or sendAudio."""

    async def send(request: Request) -> Any:
        chat = chat_of(request, Access.WRITE)
        return _answer(request, _send_media(request, chat, kind, request.params))

    return send


async def send_media_group(request: Request) -> Any:
    """sendMediaGroup: all or nothing."""
    items = request.params["media"]
    kinds = [item["type"] for item in items]
    if not items:
        raise bad_request("there are no messages to send")
    if len(items) > 10:
        raise bad_request("too many messages to send as an album")
    if len(items) < 2:
        request.server.violate(request.method, "media must have 2-10 items")
        raise bad_request("media must include 2-10 items")
    for kind in ALONE_IN_ALBUMS:
        if kind in kinds and len(set(kinds)) > 1:
            raise bad_request(f"{kind} can't be mixed with other media types")
    chat = chat_of(request, Access.WRITE)
    ready = [_media_fields(request, item["type"], item, item["media"]) for item in items]
    album = str(secrets.randbelow(2**62))
    sent = [
        _send(request, chat, PLURALS[kind], album=album, **fields) for kind, fields in zip(kinds, ready, strict=True)
    ]
    return [request.world.payload(message) for message in sent]


async def copy_message(request: Request) -> Any:
    """copyMessage: the same content as a message of the bot's own; the answer is only its id."""
    source = _source(request, "message to copy")
    if source.service:
        raise bad_request("the message can't be copied")
    chat = chat_of(request, Access.WRITE)
    fields = {"text": source.text, "entities": list(source.entities), "media": source.media, "spoiler": source.spoiler}
    if source.media and "caption" in request.params:
        fields["text"], fields["entities"] = _caption(request, request.params)
    what = PLURALS[source.media.kind] if source.media else "text messages"
    return {"message_id": _send(request, chat, what, **fields).id}


async def forward_message(request: Request) -> Any:
    """forwardMessage."""
    source = _source(request, "message to forward")
    if source.service or source.protected:
        raise bad_request("the message can't be forwarded")
    chat = chat_of(request, Access.WRITE)
    what = PLURALS[source.media.kind] if source.media else "text messages"
    origin = source.forward or payloads.origin(source)
    fields = {"text": source.text, "entities": list(source.entities), "media": source.media, "forward": origin}
    return _answer(request, _send(request, chat, what, **fields))


async def send_chat_action(request: Request) -> Any:
    """sendChatAction: seen for five seconds, or until the next message."""
    if request.params["action"] not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat = chat_of(request, Access.WRITE)
    topic_of(request, chat)
    request.world.note(Event.ACTION, None, by_bot=True, detail=f"{chat.id} {request.params['action']}")
    return True


def _source(request: Request, what: str) -> Message:
    chat = chat_of(request, Access.READ, "from_chat_id")
    message = chat.messages.get(request.params["message_id"])
    if message is None or message.deleted:
        raise bad_request(f"{what} not found")
    return message


def _send_media(request: Request, chat: Chat, kind: str, params: dict[str, Any]) -> Message:
    fields = _media_fields(request, kind, params, params.get(kind))
    return _send(request, chat, PLURALS[kind], **fields)


def _media_fields(request: Request, kind: str, source: dict[str, Any], value: Any) -> dict[str, Any]:
    """The fields of a message that shows this media."""
    text, entities = _caption(request, source)
    media = media_of(request, kind, value, kind)
    shown = {"spoiler": bool(source.get("has_spoiler")), "caption_above": bool(source.get("show_caption_above_media"))}
    return {"text": text, "entities": entities, "media": media, **shown}


def _caption(request: Request, source: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    text, entities = caption_of(request, source)
    if len(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return text, entities


def _send(request: Request, chat: Chat, what: str, **fields: Any) -> Message:
    may_send(request, chat, what)
    topic = topic_of(request, chat)
    replied = replied_of(request, chat)
    keyboard, other = markup_of(request)
    is_post = chat.kind is Kind.CHANNEL
    message = request.world.add(
        chat,
        sender=None if is_post else request.world.bot,
        sender_chat=chat if is_post else None,
        by_bot=True,
        thread=topic.id if topic and topic.id != GENERAL else None,
        reply_to=replied,
        keyboard=keyboard,
        has_other_markup=other,
        silent=request.flag("disable_notification"),
        protected=request.flag("protect_content"),
        **fields,
    )
    if is_post:
        request.world.forward_post(message)
    return message


def _answer(request: Request, message: Message) -> dict[str, Any]:
    return request.world.payload(message)


def counted(request: Request) -> tuple[Chat | None, int]:
    """The chat and the number of messages that a call takes from the flood budgets."""
    chat = find_chat(request.world, request.params.get("chat_id", ""))
    media = request.params.get("media")
    return chat, len(media) if request.method == "sendMediaGroup" and isinstance(media, list) else 1


SENDING: dict[str, Handler] = {
    "sendMessage": send_message,
    "sendPhoto": sends("photo"),
    "sendDocument": sends("document"),
    "sendVideo": sends("video"),
    "sendAnimation": sends("animation"),
    "sendAudio": sends("audio"),
    "sendMediaGroup": send_media_group,
    "copyMessage": copy_message,
    "forwardMessage": forward_message,
}
