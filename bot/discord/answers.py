"""How an interaction is answered: acknowledged privately at once, and the Reply put in that place."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any, TypeAlias

import discord
import structlog
from discord import ui

from bot.adapter import Command
from bot.discord.buttons import AskButton, action_button, plain_button
from bot.discord.cards import Card, Cards
from bot.discord.errors import UNANSWERED, Chat, delivery_error, is_late
from bot.discord.forms import Forms, fits_modal, panel_of
from bot.discord.incoming import ANSWER, BORROWED
from bot.discord.questions import Question, Questions
from bot.discord.words import Words
from bot.replies import Button, Reply, Tone, error_reply

log = structlog.get_logger(__name__)
Interaction: TypeAlias = "discord.Interaction[Any]"
AFTER_YOU = 1.0  # seconds that work waits for the acknowledgements of others, at the most
NOBODY = discord.AllowedMentions.none()


class Answers:
    """Answers interactions."""

    def __init__(self, *, words: Words, cards: Cards, forms: Forms, questions: Questions, brief: float) -> None:
        """`brief` is the seconds that the word of an accepted job stays; its message says the rest."""
        self._words = words
        self._cards = cards
        self._forms = forms
        self._questions = questions
        self._brief = brief
        self._under_way = 0  # acknowledgements
        self._all_acknowledged = asyncio.Event()
        self._later: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Leave what was still to be tidied up."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    async def acknowledge(self, interaction: Interaction, *, update: bool = False) -> None:
        """Say privately that it is being seen to; `update`: the message that was pressed becomes the answer."""
        self._under_way += 1
        self._all_acknowledged.clear()
        try:
            answer = await interaction.response.defer(ephemeral=not update, thinking=not update)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._all_acknowledged.set()
        interaction.extras[ANSWER] = "" if answer is None or answer.message_id is None else str(answer.message_id)

    async def after_you(self) -> None:
        """Let what is not acknowledged yet, and has three seconds for it, go before the work on what is."""
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AFTER_YOU):
                    await self._all_acknowledged.wait()

    async def reply(self, interaction: Interaction, command: Command, reply: Reply) -> None:
        """Put a reply in the place of the acknowledgement."""
        locale = str(interaction.locale)
        if reply.tone is Tone.ASK:
            await self._edit(interaction, self._question(interaction, command, reply))
        elif reply.form is not None:
            await self._edit(interaction, self._form(locale, reply))
        elif reply.jobs and command.place.kind == BORROWED:
            await self._beside(interaction, reply)
        elif reply.jobs and len(reply.lines) == 1:
            await self._edit(interaction, self._cards.card(reply, locale))
            self._soon(interaction)
        else:
            await self._all(interaction, reply)

    async def note(self, interaction: Interaction, key: str, *, tone: Tone = Tone.INFO, update: bool = False) -> None:
        """Answer at once with one of our own sentences; `update`: in place of the message that was pressed."""
        card = self._cards.note(self._words.say(str(interaction.locale), key), tone)
        if update:
            await interaction.response.edit_message(view=card.view, attachments=[])
        else:
            await interaction.response.send_message(view=card.view, ephemeral=True, allowed_mentions=NOBODY)

    def _question(self, interaction: Interaction, command: Command, reply: Reply) -> Card:
        locale = str(interaction.locale)
        key = self._questions.ask(Question(command=command))
        buttons = {"yes": discord.ButtonStyle.success, "edit": discord.ButtonStyle.primary}
        if not isinstance(command.line, str) or not command.line:
            del buttons["edit"]
        buttons["no"] = discord.ButtonStyle.secondary
        row: ui.ActionRow[Any] = ui.ActionRow(
            *(
                AskButton(plain_button(self._words.say(locale, f"ask-{name}"), f"ask:{key}:{name}", style=style))
                for name, style in buttons.items()
            )
        )
        return self._cards.card(reply, locale, rows=[row])

    def _form(self, locale: str, reply: Reply) -> Card:
        """A form that came too late to be opened: its panel, or a button that opens it."""
        form = reply.form
        if form is None or fits_modal(form):
            button = Button(action=form.action, job_id=form.job_id, index=form.index) if form is not None else None
            row: list[ui.ActionRow[Any]] = (
                [] if button is None else [ui.ActionRow(action_button(button, self._words, locale))]
            )
            said = self._words.say(locale, "panel-open")
            return self._cards.card(reply, locale, notes=[said], rows=row)
        return Card(view=self._forms.panel(locale, panel_of(form)))

    async def _all(self, interaction: Interaction, reply: Reply) -> None:
        """Say all of it, in as many messages as that takes."""
        first, *others = self._cards.all_of(reply, str(interaction.locale))
        await self._edit(interaction, first)
        await self._follow(interaction, others)

    async def _beside(self, interaction: Interaction, reply: Reply) -> None:
        """The acknowledgement becomes the job's own message: what else there is to say comes beside it."""
        if len(reply.lines) > 1:
            await self._follow(interaction, [self._cards.card(reply, str(interaction.locale))])

    async def _follow(self, interaction: Interaction, cards: Sequence[Card]) -> None:
        for card in cards:
            await interaction.followup.send(
                view=card.view, files=list(card.files), ephemeral=True, allowed_mentions=NOBODY
            )

    async def _edit(self, interaction: Interaction, card: Card) -> None:
        try:
            await interaction.edit_original_response(
                view=card.view, attachments=list(card.files), allowed_mentions=NOBODY
            )
        except discord.HTTPException as error:
            if is_late(error) or not card.files:
                raise
            told = delivery_error(error, Chat(), size=card.size, limit=interaction.filesize_limit)
            said = self._cards.card(error_reply(told), str(interaction.locale))
            await interaction.edit_original_response(view=said.view, attachments=[], allowed_mentions=NOBODY)

    def _soon(self, interaction: Interaction) -> None:
        """Take the word of an accepted job away once it was read."""
        self._spawn(self._take_away(interaction))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _take_away(self, interaction: Interaction) -> None:
        await asyncio.sleep(self._brief)
        try:
            await interaction.delete_original_response()
        except UNANSWERED as error:
            log.info("note_not_taken_away", error=type(error).__name__)
