"""Interactions: slash commands, message menus, autocompletion and filled-in forms; presses are in `presses`.

Each is acknowledged privately first, whatever the load, and then becomes a Command whose Reply takes that place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.actions import ACTIONS
from bot.adapter import Command, Handle
from bot.catalog import Option, OptionKind, Source, find_command, find_verb
from bot.completions import Completion, Completions
from bot.discord import ids
from bot.discord.answers import Answers
from bot.discord.attachments import TYPES, Attachment, Attachments
from bot.discord.buttons import ids_of, is_ours
from bot.discord.errors import is_late
from bot.discord.forms import Forms, values_of
from bot.discord.incoming import Options, channel_name, command_of, custom_ids, missing_permission, resolved
from bot.discord.menu import MESSAGE_MENUS, MOST_CHOICES, menu_name, option_of
from bot.discord.presses import Presses
from bot.discord.questions import Question, Questions
from bot.discord.words import Words, shortened
from bot.given import line_of
from bot.replies import Reply, Tone, error_reply, text
from bot.targets import Target
from bot.template_commands import TemplateCommand
from engine.errors import AtelierError
from engine.model import OptionValue

log = structlog.get_logger(__name__)
Interaction: TypeAlias = "discord.Interaction[Any]"

COMPLETION_WAIT = 2.0  # seconds; an answer is due within three
LONGEST_CHOICE = 100  # characters
_MESSAGE_MENU = 3


class Interactions:
    """Receives all interactions of one bot."""

    def __init__(
        self,
        *,
        handle: Handle,
        answers: Answers,
        forms: Forms,
        questions: Questions,
        words: Words,
        attachments: Attachments,
        completions: Completions,
        templates: Sequence[TemplateCommand],
    ) -> None:
        self._handle = handle
        self._answers = answers
        self._forms = forms
        self._questions = questions
        self._words = words
        self._attachments = attachments
        self._completions = completions
        self._templates = {each.command.name: each for each in templates}
        self._menus = {menu_name(words, action): action for action in MESSAGE_MENUS}
        self._presses = Presses(give=self.give, handle=handle, answers=answers, forms=forms, questions=questions)

    async def received(self, interaction: Interaction) -> None:
        """Take an interaction that just came."""
        match interaction.type:
            case discord.InteractionType.application_command:
                data: Any = interaction.data or {}
                menu = data.get("type") == _MESSAGE_MENU
                await self._guarded(interaction, self._menu if menu else self._slash)
            case discord.InteractionType.autocomplete:
                await self._guarded(interaction, self._complete)
            case discord.InteractionType.modal_submit:
                await self._guarded(interaction, self._submitted)
            case discord.InteractionType.component:
                message = interaction.message
                shown = [] if message is None else ids_of(message.components)
                if not is_ours(interaction.custom_id or "", shown):
                    await self._guarded(interaction, self._unknown)

    async def pressed(self, interaction: Interaction) -> None:
        """Take a press that one of our items was found for."""
        await self._guarded(interaction, self._presses.pressed)

    async def give(self, interaction: Interaction, command: Command, pictures: Mapping[str, Attachment]) -> Reply:
        """Fetch what comes with a command and give it; whatever is wrong becomes a reply.

        What would post into the channel is refused here where we may not: nobody shall pay for a picture that cannot
        be shown.
        """
        try:
            if makes_messages(command.name) and (missing := missing_permission(interaction)):
                named = self._words.say(str(interaction.locale), f"permission-{missing.replace('_', '-')}")
                needed = text("permission-missing", permission=named, chat=channel_name(interaction.channel))
                return Reply(lines=(needed,), tone=Tone.REFUSED, private=True)
            images = {name: await self._attachments.fetch(one, name=name) for name, one in pictures.items()}
        except AtelierError as error:
            return error_reply(error)
        await self._answers.after_you()
        return await self._handle(replace(command, images={**command.images, **images}))

    async def _guarded(self, interaction: Interaction, work: Callable[[Interaction], Awaitable[None]]) -> None:
        """Let nothing that goes wrong with one interaction harm another, or go unsaid."""
        try:
            await work(interaction)
        except Exception as error:
            kind = interaction.type.name
            if is_late(error):
                log.info("interaction_over", kind=kind, error=getattr(error, "code", 0))
                return
            log.exception("interaction_broke", kind=kind)
            await self._apologise(interaction)

    async def _apologise(self, interaction: Interaction) -> None:
        if interaction.type is discord.InteractionType.autocomplete:
            return
        command = command_of(interaction, "")
        try:
            if not interaction.response.is_done():
                await self._answers.acknowledge(interaction)
            await self._answers.reply(interaction, command, error_reply(AtelierError()))
        except Exception as error:  # it was tried
            log.info("apology_not_heard", error=type(error).__name__)

    async def _unknown(self, interaction: Interaction) -> None:
        await self._answers.note(interaction, "press-unknown")

    # Slash commands

    async def _slash(self, interaction: Interaction) -> None:
        await self._answers.acknowledge(interaction)
        data: Any = interaction.data or {}
        try:
            command, pictures = self._command(interaction, data)
        except AtelierError as error:
            await self._answers.reply(interaction, command_of(interaction, ""), error_reply(error))
            return
        await self._answers.reply(interaction, command, await self.give(interaction, command, pictures))

    def _command(self, interaction: Interaction, data: Mapping[str, Any]) -> tuple[Command, dict[str, Attachment]]:
        """Read a slash command and the attachments that come with it. Raises UserError for one that is gone."""
        name, options = str(data["name"]), Options.read(data)
        own = self._templates.get(name)
        declared = own.command if own is not None else find_command(name)
        given = find_verb(declared, options.verb) if declared.verbs else declared
        values, pictures = _sorted(given.options, options.values, data)
        if own is not None:
            line = f"{line_of(given, values, own.flags)} --template {own.template.name}"
            return command_of(interaction, "imagine", line), pictures
        line_ = line_of(given, values)
        if declared.verbs:
            line_ = (given.name, *line_) if isinstance(line_, tuple) else (given.name, line_)
        return command_of(interaction, declared.name, line_), pictures

    # Message menus

    async def _menu(self, interaction: Interaction) -> None:
        """Do something with the picture of a message: with our job that it shows, or with what somebody attached."""
        data: Any = interaction.data or {}
        action = self._menus.get(str(data.get("name")), "")
        message = resolved(data, "messages", data.get("target_id"))
        target = _target(action, message) if _is_mine(interaction, message) else None
        if target is not None:
            await self._presses.act(interaction, target)
            return
        pictures = [Attachment.read(one) for one in message.get("attachments") or ()]
        picture = next((one for one in pictures if one.content_type in TYPES), None)
        if picture is None or action in ("info", "report"):
            await self._answers.note(interaction, "menu-no-job" if action in ("info", "report") else "menu-no-picture")
        elif action == "use-as-input":
            await self._ask_prompt(interaction, picture)
        else:
            await self._answers.acknowledge(interaction)
            command = command_of(interaction, action)
            await self._answers.reply(interaction, command, await self.give(interaction, command, {"image": picture}))

    async def _ask_prompt(self, interaction: Interaction, picture: Attachment) -> None:
        key = self._questions.ask(Question(command=command_of(interaction, "img2img"), attachment=picture))
        locale = str(interaction.locale)
        modal = self._forms.text_modal(
            locale,
            title=self._words.say(locale, "menu-use-as-input"),
            label=self._words.say(locale, "field-prompt"),
            name="line",
            value="",
            custom_id=f"edit:{key}",
        )
        await interaction.response.send_modal(modal)
        modal.stop()

    # Filled-in forms

    async def _submitted(self, interaction: Interaction) -> None:
        custom_id = interaction.custom_id or ""
        data: Any = interaction.data or {}
        values = values_of(data)
        if (target := ids.read_form(custom_id)) is not None:
            await self._answers.acknowledge(interaction)
            command = command_of(interaction, target.action, target.line, values=values)
            await self._answers.reply(interaction, command, await self.give(interaction, command, {}))
        elif (target := ids.read_numbers(custom_id)) is not None:
            await self._presses.filled_in(interaction, target, values)
        elif match := ids.EDIT.fullmatch(custom_id):
            await self._edited(interaction, match["key"], values.get("line", ""))
        else:
            await self._answers.note(interaction, "form-unknown")

    async def _edited(self, interaction: Interaction, key: str, line: str) -> None:
        """Give the command of a question with another line."""
        question = self._questions.take(key, str(interaction.user.id))
        update = interaction.message is not None
        if question is None:
            await self._answers.note(interaction, "ask-expired", update=update)
            return
        await self._answers.acknowledge(interaction, update=update)
        command = replace(command_of(interaction, question.command.name, line), images=question.command.images)
        pictures = {"image": question.attachment} if question.attachment is not None else {}
        await self._answers.reply(interaction, command, await self.give(interaction, command, pictures))

    # Autocompletion

    async def _complete(self, interaction: Interaction) -> None:
        data: Any = interaction.data or {}
        found: Sequence[Completion] = ()
        try:
            async with asyncio.timeout(COMPLETION_WAIT):
                found = await self._completed(interaction, data)
        except (TimeoutError, AtelierError) as error:
            log.info("not_completed", error=type(error).__name__)
        await interaction.response.autocomplete(
            [
                app_commands.Choice(name=shortened(one.name, LONGEST_CHOICE), value=one.value)
                for one in found
                if one.name and 0 < len(one.value) <= LONGEST_CHOICE
            ][:MOST_CHOICES]
        )

    async def _completed(self, interaction: Interaction, data: Mapping[str, Any]) -> Sequence[Completion]:
        name, options = str(data["name"]), Options.read(data)
        typed = str(options.values.get(options.focused, ""))
        own = self._templates.get(name)
        if own is not None:
            slot = own.slots.get(options.focused)
            return () if slot is None else self._completions.of_slot(own.template, slot, typed)
        declared = find_command(name)
        given = find_verb(declared, options.verb) if declared.verbs else declared
        option = option_of(given.options, options.focused)
        source: Source | None = option.source if option is not None else None
        if source is None:
            return ()
        return await self._completions.complete(source, typed, command_of(interaction, name))


def makes_messages(name: str) -> bool:
    """Whether a command, or an action, may post into the channel."""
    action = ACTIONS.get(name)
    if action is not None:
        return bool(action.template or action.slot)
    try:
        command = find_command(name)
    except AtelierError:
        return False
    return command.flags or command.draws


def _sorted(
    options: Sequence[Option], given: Mapping[str, OptionValue], data: Mapping[str, Any]
) -> tuple[dict[str, OptionValue], dict[str, Attachment]]:
    """Part what was given into values and attachments; people are named as `platform:id`."""
    values: dict[str, OptionValue] = {}
    pictures: dict[str, Attachment] = {}
    for option in options:
        if option.name not in given:
            continue
        value = given[option.name]
        match option.kind:
            case OptionKind.IMAGE:
                pictures[option.name] = Attachment.read(resolved(data, "attachments", value))
            case OptionKind.PERSON:
                values[option.name] = f"discord:{value}"
            case _:
                values[option.name] = value
    return values, pictures


def _is_mine(interaction: Interaction, message: Mapping[str, Any]) -> bool:
    """Whether a message is one of ours: only its buttons are believed."""
    author = message.get("author") or {}
    return str(author.get("id", "")) == str(interaction.client.application_id) or (
        interaction.client.user is not None and str(author.get("id", "")) == str(interaction.client.user.id)
    )


def _target(action: str, message: Mapping[str, Any]) -> Target | None:
    """The job that a message of ours shows."""
    presses = [ids.read(custom_id) for custom_id in custom_ids(message.get("components") or ())]
    jobs = [press.target.job_id for press in presses if isinstance(press, ids.Pressed) and press.target.job_id]
    return Target(action=action, job_id=jobs[0]) if jobs and action else None
