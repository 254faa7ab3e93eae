"""The commands that Telegram's clients offer, made of the catalog: who is where sees what they may use. Pure.

There is a list for conversations with us, for groups, for administrators of groups, and for operators in their own
conversation, each in every language.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)

from bot.catalog import COMMANDS, Command, Where, may_give
from bot.telegram.words import Words, shortened
from bot.template_commands import TemplateCommand
from engine.model import Power

LONGEST_HELP = 256  # characters
MOST_COMMANDS = 100
LANGUAGES = {"": "en", "zh": "zh-CN"}
"""Telegram's language of a list, and ours; the empty one is what all others read."""


@dataclass(frozen=True, kw_only=True)
class Menu:
    """One list."""

    scope: BotCommandScope
    language: str
    commands: tuple[BotCommand, ...]


def menus(words: Words, templates: Sequence[TemplateCommand], operators: Sequence[int]) -> Iterator[Menu]:
    """Give every list; `operators` are people's ids."""
    for language, locale in LANGUAGES.items():
        own = [
            BotCommand(command_name(each.command.name), shortened(each.template.title, LONGEST_HELP))
            for each in templates
        ]
        for scope, where, power in (
            (BotCommandScopeAllPrivateChats(), Where.DIRECT, Power.MEMBER),
            (BotCommandScopeAllGroupChats(), Where.GROUP, Power.MEMBER),
            (BotCommandScopeAllChatAdministrators(), Where.GROUP, Power.MODERATOR),
            *((BotCommandScopeChat(person), Where.DIRECT, Power.OPERATOR) for person in operators),
        ):
            shown = [
                BotCommand(command.name, shortened(words.say(locale, f"{command.key}.summary"), LONGEST_HELP))
                for command in _offered(where, power)
            ]
            yield Menu(scope=scope, language=language, commands=tuple([*shown, *own][:MOST_COMMANDS]))


def command_name(name: str) -> str:
    """Give a template's command: Telegram knows no dashes in them."""
    return name.replace("-", "_").lower()


def _offered(where: Where, power: Power) -> list[Command]:
    return [command for command in COMMANDS if where in command.where and may_give(power, command)]
