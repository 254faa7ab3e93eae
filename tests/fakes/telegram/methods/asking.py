"""Methods that ask: about the bot, chats, members and files; and answers to pressed buttons."""

from typing import Any

from tests.fakes.telegram import payloads
from tests.fakes.telegram.callbacks import Answer
from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.methods.common import Access, Handler, Request, chat_of
from tests.fakes.telegram.model import Kind, Status

MAX_NOTICE = 200  # characters of what a press is answered with


async def get_me(request: Request) -> Any:
    """getMe."""
    me = {"can_join_groups": True, "can_read_all_group_messages": not request.world.privacy}
    return payloads.user(request.world.bot) | me | {"supports_inline_queries": False}


async def get_chat(request: Request) -> Any:
    """getChat."""
    return payloads.full_chat(chat_of(request, Access.READ))


async def get_member(request: Request) -> Any:
    """getChatMember; who never was in the chat has left."""
    chat = chat_of(request, Access.READ)
    user = request.world.users.get(request.params["user_id"])
    if user is None:
        raise bad_request("user not found")
    return payloads.member(chat, chat.member(user))


async def get_administrators(request: Request) -> Any:
    """getChatAdministrators: without other bots."""
    chat = chat_of(request, Access.READ)
    if chat.kind is Kind.PRIVATE:
        raise bad_request("there are no administrators in the private chat")
    admins = [member for member in chat.members.values() if member.is_admin]
    own = [member for member in admins if not member.user.is_bot or member.user is request.world.bot]
    return [payloads.member(chat, member) for member in own]


async def count_members(request: Request) -> Any:
    """getChatMemberCount."""
    return sum(member.inside for member in chat_of(request, Access.READ).members.values())


async def leave_chat(request: Request) -> Any:
    """leaveChat."""
    chat = chat_of(request, Access.EDIT)
    if chat.kind is Kind.PRIVATE:
        raise bad_request("chat member status can't be changed in private chats")
    request.world.change_member(chat, request.world.bot, Status.LEFT, by=request.world.bot)
    return True


async def get_file(request: Request) -> Any:
    """getFile: a path that is good for an hour."""
    stored, path = request.server.files.link(request.params["file_id"])
    size = {"file_size": len(stored.data), "file_path": path}
    return {"file_id": stored.file_id, "file_unique_id": stored.unique_id, **size}


async def answer_callback(request: Request) -> Any:
    """answerCallbackQuery."""
    text = request.params.get("text", "")
    if len(text) > MAX_NOTICE:
        raise bad_request("MESSAGE_TOO_LONG")
    answer = Answer(text=text, alert=request.flag("show_alert"), url=request.params.get("url", ""))
    request.server.presses.answer(request.params["callback_query_id"], answer)
    return True


ASKING: dict[str, Handler] = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_member,
    "getChatAdministrators": get_administrators,
    "getChatMemberCount": count_members,
    "leaveChat": leave_chat,
    "getFile": get_file,
    "answerCallbackQuery": answer_callback,
}
