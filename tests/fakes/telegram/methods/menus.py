"""Menus of commands, per scope and language, and which of them a person's client shows."""

import re
from typing import Any

from tests.fakes.telegram.errors import bad_request
from tests.fakes.telegram.methods.common import Access, Handler, Request, chat_of
from tests.fakes.telegram.model import Chat, Kind, User

Key = tuple[str, int, int, str]  # scope, chat, user, language
MAX_COMMANDS = 100


class Menus:
    """What was set."""

    def __init__(self) -> None:
        self.lists: dict[Key, list[dict[str, str]]] = {}

    def shown(self, chat: Chat, user: User) -> dict[str, str]:
        """The commands that a person sees in a chat: of the narrowest scope, in their language if there is one."""
        admin = chat.member(user).is_admin
        scopes: list[tuple[str, int, int]] = []
        if chat.kind is Kind.PRIVATE:
            scopes = [("chat", chat.id, 0), ("all_private_chats", 0, 0)]
        else:
            scopes += [("chat_member", chat.id, user.id)]
            scopes += [("chat_administrators", chat.id, 0)] if admin else []
            scopes += [("chat", chat.id, 0)]
            scopes += [("all_chat_administrators", 0, 0)] if admin else []
            scopes += [("all_group_chats", 0, 0)]
        for scope in [*scopes, ("default", 0, 0)]:
            for language in (user.language.split("-")[0], ""):
                if found := self.lists.get((*scope, language)):
                    return {command["command"]: command["description"] for command in found}
        return {}


async def set_commands(request: Request) -> Any:
    """setMyCommands; the commands of a scope and a language."""
    commands = request.params["commands"]
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"/?[a-z0-9_]{1,32}", command["command"]):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command["description"]) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    request.server.menus.lists[_key(request)] = [
        {**command, "command": command["command"].removeprefix("/")} for command in commands
    ]
    return True


async def get_commands(request: Request) -> Any:
    """getMyCommands: exactly what was set for this scope and language."""
    return request.server.menus.lists.get(_key(request), [])


async def delete_commands(request: Request) -> Any:
    """deleteMyCommands."""
    request.server.menus.lists.pop(_key(request), None)
    return True


def _key(request: Request) -> Key:
    scope = request.params.get("scope", {"type": "default"})
    language = request.params.get("language_code", "")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    if "chat_id" not in scope:
        return scope["type"], 0, 0, language
    within = Request(server=request.server, method=request.method, params=scope)
    chat = chat_of(within, Access.READ)
    if chat.kind is Kind.CHANNEL:
        raise bad_request("can't change commands in channel chats")
    if chat.kind is Kind.PRIVATE and scope["type"] != "chat":
        raise bad_request("can't use specified scope in private chats")
    return scope["type"], chat.id, scope.get("user_id", 0), language


MENUS: dict[str, Handler] = {
    "setMyCommands": set_commands,
    "getMyCommands": get_commands,
    "deleteMyCommands": delete_commands,
}
