"""The JSON of users, chats, members and messages, as Telegram's Bot API writes it."""

from collections.abc import Callable
from typing import Any

from tests.fakes.telegram.files import Media, Stored
from tests.fakes.telegram.model import Chat, Kind, Member, Message, Status, User

Payload = dict[str, Any]

RIGHTS = (
    "can_manage_chat", "can_delete_messages", "can_manage_video_chats", "can_restrict_members", "can_promote_members",
    "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories",
)  # fmt: skip
NO_GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)


def filled(**fields: Any) -> Payload:
    """Only what says something."""
    return {name: value for name, value in fields.items() if value not in (None, "", False, [], {})}


def user(one: User) -> Payload:
    """A User."""
    more = filled(username=one.username, language_code=one.language)
    return {"id": one.id, "is_bot": one.is_bot, "first_name": one.name, **more}


def chat(one: Chat) -> Payload:
    """A Chat."""
    if one.user:
        more = filled(first_name=one.user.name, username=one.user.username)
    else:
        more = filled(title=one.title, username=one.username, is_forum=one.is_forum)
    return {"id": one.id, "type": one.kind.value, **more}


def full_chat(one: Chat) -> Payload:
    """A ChatFullInfo."""
    more = filled(linked_chat_id=one.linked.id if one.linked else None)
    if one.reactions is not None:
        more["available_reactions"] = [{"type": "emoji", "emoji": emoji} for emoji in sorted(one.reactions)]
    fixed = {"accent_color_id": one.id % 7, "max_reaction_count": 11, "accepted_gift_types": NO_GIFTS}
    return {**chat(one), **fixed, **more}


def member(chat_of: Chat, one: Member) -> Payload:
    """A ChatMember."""
    shown: Payload = {"status": one.status.value, "user": user(one.user)}
    match one.status:
        case Status.CREATOR:
            shown |= {"is_anonymous": one.anonymous}
        case Status.ADMINISTRATOR:
            shown |= {"can_be_edited": False, "is_anonymous": one.anonymous, **dict.fromkeys(RIGHTS, True)}
            shown |= {"can_delete_messages": one.can_delete, "can_promote_members": False}
            if chat_of.kind is Kind.CHANNEL:
                shown |= {"can_post_messages": one.can_post, "can_edit_messages": one.can_post}
            else:
                shown |= {"can_pin_messages": True, "can_manage_topics": chat_of.is_forum}
        case Status.KICKED:
            shown |= {"until_date": 0}
        case Status.RESTRICTED:
            shown |= {"is_member": True, "until_date": 0, **dict.fromkeys(RESTRICTIONS, False)}
    if one.title and one.is_admin:
        shown["custom_title"] = one.title
    return shown


RESTRICTIONS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_react_to_messages", "can_change_info", "can_invite_users", "can_pin_messages",
    "can_manage_topics", "can_edit_tag",
)  # fmt: skip


def photo_size(stored: Stored) -> Payload:
    """A PhotoSize."""
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.unique_id,
        "file_size": len(stored.data),
        "width": stored.width,
        "height": stored.height,
    }


def media(one: Media) -> Payload:
    """The fields of a Message that show a photo or a file."""
    if one.kind == "photo":
        return {"photo": [photo_size(size) for size in one.sizes]}
    stored = one.largest
    shown = {"file_id": stored.file_id, "file_unique_id": stored.unique_id, "file_size": len(stored.data)}
    shown |= filled(file_name=stored.name, mime_type=stored.mime)
    match one.kind:
        case "animation":
            shown |= {"width": stored.width or 320, "height": stored.height or 320, "duration": 1}
            return {"animation": shown, "document": {k: v for k, v in shown.items() if k not in _MOVING}}
        case "video":
            shown |= {"width": stored.width or 320, "height": stored.height or 320, "duration": 1}
        case "audio":
            shown |= {"duration": 1}
    return {one.kind: shown}


_MOVING = {"width", "height", "duration"}


def message(one: Message, users: Callable[[int], User], *, nested: bool = True) -> Payload:
    """A Message; `nested` with the message that it replies to, which is written without that of its own."""
    shown: Payload = {"message_id": one.id, "date": one.date, "chat": chat(one.chat)}
    if one.sender:
        shown["from"] = user(one.sender)
    if one.sender_chat:
        shown["sender_chat"] = chat(one.sender_chat)
    shown |= filled(author_signature=one.signature, is_automatic_forward=one.automatic_forward)
    shown |= filled(edit_date=one.edited, media_group_id=one.album, forward_origin=one.forward)
    shown |= filled(has_protected_content=one.protected, message_thread_id=shown_thread(one))
    shown |= filled(is_topic_message=one.thread is not None and one.chat.is_forum)
    entities = [_entity(entity, users) for entity in one.entities]
    if one.media:
        shown |= media(one.media) | filled(caption=one.text, caption_entities=entities)
        shown |= filled(has_media_spoiler=one.spoiler, show_caption_above_media=one.caption_above)
    elif one.text:
        shown |= {"text": one.text} | filled(entities=entities)
    if one.keyboard:
        shown["reply_markup"] = {"inline_keyboard": one.keyboard}
    if nested and one.reply_to and not one.reply_to.deleted:
        shown |= _reply(one, one.reply_to, users)
    elif nested and one.chat.is_forum and one.thread in one.chat.messages and not one.service:
        beginning = one.chat.messages[one.thread]  # messages in a topic reply to its beginning unless to another
        shown["reply_to_message"] = message(beginning, users, nested=False)
    return shown | one.service


def shown_thread(one: Message) -> int | None:
    """The topic's id; in other supergroups that of the message that a row of replies began with."""
    if one.chat.kind is not Kind.SUPERGROUP or one.chat.is_forum:
        return one.thread
    root = one
    while root.reply_to and root.reply_to.chat is one.chat:
        root = root.reply_to
    return root.id if root is not one else None


def _reply(one: Message, replied: Message, users: Callable[[int], User]) -> Payload:
    if replied.chat is one.chat and (replied.thread == one.thread or not one.chat.is_forum):
        return {"reply_to_message": message(replied, users, nested=False)}
    external = {"origin": origin(replied), "chat": chat(replied.chat), "message_id": replied.id}
    return {"external_reply": external | (media(replied.media) if replied.media else {})}


def origin(one: Message) -> Payload:
    """A MessageOrigin: where a forwarded message came from."""
    if one.sender_chat and one.sender_chat.kind is Kind.CHANNEL:
        more = filled(author_signature=one.signature)
        return {"type": "channel", "date": one.date, "chat": chat(one.sender_chat), "message_id": one.id, **more}
    if one.sender_chat:
        return {"type": "chat", "date": one.date, "sender_chat": chat(one.sender_chat)}
    assert one.sender
    return {"type": "user", "date": one.date, "sender_user": user(one.sender)}


def _entity(entity: Payload, users: Callable[[int], User]) -> Payload:
    if "user_id" not in entity:
        return entity
    return {k: v for k, v in entity.items() if k != "user_id"} | {"user": user(users(entity["user_id"]))}
