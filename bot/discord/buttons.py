"""Components that are found by their id's pattern: pressed weeks later, after any restart, they are still known.

discord.py makes an item of one of these classes for each press whose id matches; all of them hand the press to the
client's receiver, which reads the id (`bot.discord.ids`).
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias

import discord
from discord import ui

from bot.actions import ACTIONS, Style
from bot.discord import ids
from bot.discord.words import Words, shortened
from bot.replies import Button
from bot.targets import ACTION, ASK, Target

LONGEST_LABEL = 80  # characters
_STYLES = {
    Style.PLAIN: discord.ButtonStyle.secondary,
    Style.MAIN: discord.ButtonStyle.primary,
    Style.DANGER: discord.ButtonStyle.danger,
}
Interaction: TypeAlias = "discord.Interaction[Any]"


class Receiver(Protocol):
    """Takes presses."""

    async def pressed(self, interaction: Interaction) -> None:
        """Answer a press on one of our components, whatever is wrong with it."""


class HasReceiver(Protocol):
    """What the items need of the client."""

    receiver: Receiver


async def _hand_over(interaction: Interaction) -> None:
    client: HasReceiver = interaction.client
    await client.receiver.pressed(interaction)


class ActionButton(ui.DynamicItem[ui.Button[Any]], template=ACTION):
    """`action:job:index`."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Make it of the button that was pressed."""
        return cls(_button(item))

    async def callback(self, interaction: Interaction) -> None:
        """Hand the press over."""
        await _hand_over(interaction)


class AskButton(ui.DynamicItem[ui.Button[Any]], template=ASK):
    """`ask:key:answer`."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Make it of the button that was pressed."""
        return cls(_button(item))

    async def callback(self, interaction: Interaction) -> None:
        """Hand the press over."""
        await _hand_over(interaction)


class PanelButton(ui.DynamicItem[ui.Button[Any]], template=ids.DO):
    """`do:what:action:job:index:filled`."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Make it of the button that was pressed."""
        return cls(_button(item))

    async def callback(self, interaction: Interaction) -> None:
        """Hand the press over."""
        await _hand_over(interaction)


class PanelSelect(ui.DynamicItem[ui.Select[Any]], template=ids.PICK):
    """`pick:field:action:job:index`."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """Make it of the select that was used."""
        if not isinstance(item, ui.Select):
            raise TypeError("not a select")
        return cls(item)

    async def callback(self, interaction: Interaction) -> None:
        """Hand the choice over."""
        await _hand_over(interaction)


ITEMS = (ActionButton, AskButton, PanelButton, PanelSelect)


def _button(item: ui.Item[Any]) -> ui.Button[Any]:
    if not isinstance(item, ui.Button):
        raise TypeError("not a button")
    return item


def is_ours(custom_id: str, message_ids: Sequence[str]) -> bool:
    """Whether discord.py makes one of these items of a press: the id has our form and stands in the message."""
    return custom_id in message_ids and any(
        item.__discord_ui_compiled_template__.fullmatch(custom_id) for item in ITEMS
    )


def ids_of(components: Sequence[Any]) -> list[str]:
    """The ids in a message's components, those within containers and rows included."""
    found: list[str] = []
    for component in components:
        custom_id = getattr(component, "custom_id", None)
        found += [custom_id] if isinstance(custom_id, str) else []
        found += ids_of(getattr(component, "children", None) or ())
        accessory = getattr(component, "accessory", None)
        found += ids_of([accessory]) if accessory is not None else []
    return found


def action_button(button: Button, words: Words, locale: str) -> ActionButton:
    """Give a reply's button."""
    action = ACTIONS.get(button.action)
    emoji = action.emoji if action is not None else ""
    numbered = button.index > 0 and len(words.say(locale, f"action-{button.action}", index=button.index)) <= 3
    label = words.say(locale, f"action-{button.action}", index=button.index)
    return ActionButton(
        ui.Button(
            style=_STYLES[action.style if action is not None else Style.PLAIN],
            label=None if button.bare and emoji else shortened(label, LONGEST_LABEL),
            emoji=None if numbered or not emoji else emoji,
            custom_id=Target(action=button.action, job_id=button.job_id, index=button.index).id,
        )
    )


def plain_button(
    label: str, custom_id: str, *, style: discord.ButtonStyle = discord.ButtonStyle.secondary
) -> ui.Button[Any]:
    """Give a button of ours."""
    return ui.Button(style=style, label=shortened(label, LONGEST_LABEL), custom_id=custom_id)
