"""Presses: a result's buttons, the answers to questions, and panels."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import discord
import structlog

from bot.actions import ACTIONS
from bot.adapter import Command, Handle
from bot.discord import ids
from bot.discord.answers import NOBODY, Answers
from bot.discord.attachments import Attachment
from bot.discord.forms import MORE, Forms, Panel, fits_modal, keeps, panel_of, read_panel, turned, typed_fields
from bot.discord.incoming import command_of
from bot.discord.questions import Questions
from bot.replies import Form, Reply
from bot.targets import Answered, Target

log = structlog.get_logger(__name__)
Interaction: TypeAlias = "discord.Interaction[Any]"
Give: TypeAlias = Callable[[Interaction, Command, Mapping[str, Attachment]], Awaitable[Reply]]

FORM_WAIT = 1.5  # seconds that a form may take to be known; a modal can only be a first answer, due within three


class Presses:
    """Answers presses."""

    def __init__(self, *, give: Give, handle: Handle, answers: Answers, forms: Forms, questions: Questions) -> None:
        self._give = give
        self._handle = handle
        self._answers = answers
        self._forms = forms
        self._questions = questions

    async def pressed(self, interaction: Interaction) -> None:
        """Answer a press on a component of ours."""
        match ids.read(interaction.custom_id or ""):
            case ids.Pressed(target=target):
                await self.act(interaction, target)
            case Answered(key=key, answer=answer):
                await self._answered(interaction, key, answer)
            case ids.Picked(field=name, target=target):
                await self._picked(interaction, name, target)
            case ids.Done() as done:
                await self._done(interaction, done)
            case _:
                await self._answers.note(interaction, "press-unknown")

    async def act(self, interaction: Interaction, target: Target) -> None:
        """Do what a result's button, or a message's menu, names."""
        action = ACTIONS.get(target.action)
        if action is None:
            await self._answers.note(interaction, "press-unknown")
            return
        command = command_of(interaction, target.action, target.line)
        if action.form:
            await self._open_form(interaction, command)
            return
        await self._answers.acknowledge(interaction, update=_turns_page(interaction, target))
        await self._answers.reply(interaction, command, await self._give(interaction, command, {}))

    # Forms

    async def _open_form(self, interaction: Interaction, command: Command) -> None:
        """Open the form of an action; where it is not known in time, the answer comes as any other."""
        asked = asyncio.ensure_future(self._give(interaction, command, {}))
        done, _ = await asyncio.wait({asked}, timeout=FORM_WAIT)
        form = asked.result().form if done else None
        if form is None:
            await self._answers.acknowledge(interaction)
            await self._answers.reply(interaction, command, await asked)
            return
        locale = str(interaction.locale)
        if fits_modal(form):
            target = Target(action=form.action, job_id=form.job_id, index=form.index)
            modal = self._forms.modal(locale, form, custom_id=f"form:{target.id}", fields=form.fields, filled={})
            await interaction.response.send_modal(modal)
            modal.stop()
        else:
            view = self._forms.panel(locale, panel_of(form))
            await interaction.response.send_message(view=view, ephemeral=True, allowed_mentions=NOBODY)

    async def _form(self, interaction: Interaction, target: Target) -> Form | None:
        """Ask for a panel's form anew, within the time that an answer has."""
        command = command_of(interaction, target.action, target.line)
        try:
            async with asyncio.timeout(FORM_WAIT):
                return (await self._handle(command)).form
        except TimeoutError:
            return None

    # Questions

    async def _answered(self, interaction: Interaction, key: str, answer: str) -> None:
        person_id = str(interaction.user.id)
        question = (self._questions.peek if answer == "edit" else self._questions.take)(key, person_id)
        if question is None:
            await self._answers.note(interaction, "ask-expired", update=True)
        elif answer == "no":
            await self._answers.note(interaction, "ask-cancelled", update=True)
        elif answer == "edit":
            line = question.command.line
            modal = self._forms.line_modal(
                str(interaction.locale), line if isinstance(line, str) else " ".join(line), custom_id=f"edit:{key}"
            )
            await interaction.response.send_modal(modal)
            modal.stop()
        else:
            await self._answers.acknowledge(interaction, update=True)
            command = replace(question.command, confirmed=True)
            await self._answers.reply(interaction, command, await self._give(interaction, command, {}))

    # Panels

    async def _picked(self, interaction: Interaction, name: str, target: Target) -> None:
        panel = _panel(interaction)
        data: Any = interaction.data or {}
        value = next(iter(data.get("values") or ()), "")
        if panel is None or not value:
            await self._answers.note(interaction, "press-unknown")
            return
        if value.startswith(MORE):
            form = await self._form(interaction, target)
            start = value.removeprefix(MORE)
            panel = turned(panel, form, name, int(start)) if form is not None and start.isdigit() else panel
        else:
            panel = panel.with_chosen(name, value)
        await self._show(interaction, panel)

    async def _done(self, interaction: Interaction, done: ids.Done) -> None:
        panel = _panel(interaction)
        if panel is None or done.what == "close":
            await self._answers.note(interaction, "panel-closed", update=True)
        elif done.what == "make":
            await self._make(interaction, panel)
        else:
            form = await self._form(interaction, done.target)
            if form is None:
                await self._answers.note(interaction, "press-unknown")
                return
            modal = self._forms.modal(
                str(interaction.locale),
                form,
                custom_id=f"numbers:{done.target.id}",
                fields=typed_fields(form),
                filled=done.filled,
            )
            await interaction.response.send_modal(modal)
            modal.stop()

    async def filled_in(self, interaction: Interaction, target: Target, values: Mapping[str, str]) -> None:
        """Put what was typed into the panel that the modal came from; where it has no room for it, make it at once."""
        panel = _panel(interaction)
        if panel is None or panel.target != target:
            await self._answers.note(interaction, "form-unknown")
            return
        filled = replace(panel, filled={**panel.filled, **values})
        if values.keys() <= panel.filled.keys() and keeps(filled):
            await self._show(interaction, filled)
        else:
            await self._make(interaction, filled)

    async def _make(self, interaction: Interaction, panel: Panel) -> None:
        await self._answers.acknowledge(interaction, update=True)
        command = command_of(interaction, panel.target.action, panel.target.line, values=panel.values)
        await self._answers.reply(interaction, command, await self._give(interaction, command, {}))

    async def _show(self, interaction: Interaction, panel: Panel) -> None:
        view = self._forms.panel(str(interaction.locale), panel)
        await interaction.response.edit_message(view=view)


def _panel(interaction: Interaction) -> Panel | None:
    return None if interaction.message is None else read_panel(interaction.message.components)


def _turns_page(interaction: Interaction, target: Target) -> bool:
    """Whether a press turns the page of a private list, which then shows the next one itself."""
    return target.action == "older" and interaction.message is not None and interaction.message.flags.ephemeral
