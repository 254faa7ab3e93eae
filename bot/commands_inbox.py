"""The moderators' inbox as commands and buttons, reports, and a community's own words."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from bot.adapter import Command
from bot.replies import FieldKind, Form, FormField, Reply
from bot.replies_inbox import decided_reply, inbox_reply, words_reply
from bot.replies_people import said
from engine.errors import BadValue, UnknownJob
from engine.inbox import LONGEST_REASON, Inbox
from engine.model import Actor
from engine.moderation import Moderation
from engine.reviews import Outcome
from engine.workflows.nearest import nearest

Answer: TypeAlias = Callable[[Actor, Command, list[str]], Awaitable[Reply]]

SHOWN = 4  # jobs of the inbox in one message: each has a row of buttons
OUTCOMES = {
    "approve": Outcome.APPROVED,
    "spoiler": Outcome.SPOILER,
    "reject": Outcome.REJECTED,
    "hide": Outcome.HIDDEN,
    "dismiss": Outcome.DISMISSED,
}
"""The verbs of /mod, and buttons of the same names, that decide."""
EXPLAINED = frozenset({"reject", "hide"})
"""Those that the person hears a reason for."""
_WORD_VERBS = ("list", "add", "remove")


class InboxCommands:
    """What is asked of the inbox."""

    def __init__(self, *, inbox: Inbox, moderation: Moderation) -> None:
        self._inbox = inbox
        self._moderation = moderation
        self.verbs: Mapping[str, Answer] = {
            "inbox": self._list,
            "words": self._words,
            **{name: self._decided_by_verb(outcome) for name, outcome in OUTCOMES.items()},
        }
        """The verbs of /mod that are answered here."""

    async def press(self, actor: Actor, command: Command) -> Reply:
        """Answer a button of the inbox; one that wants a reason answers with a form for it."""
        job_id, _ = job_and_number(command)
        name = command.name
        if name in EXPLAINED and command.values is None:
            await self._inbox.require_decidable(actor, job_id, OUTCOMES[name])
            reason = FormField(name="reason", kind=FieldKind.LONG, expected=f"≤ {LONGEST_REASON}")
            return Reply(lines=(), private=True, form=Form(action=name, job_id=job_id, fields=(reason,)))
        reason_given = (command.values or {}).get("reason", "")
        return decided_reply(await self._inbox.decide(actor, job_id, OUTCOMES[name], reason_given), OUTCOMES[name])

    async def report(self, actor: Actor, command: Command) -> Reply:
        """Answer Report: a form for the reason, and then the report itself; `/report JOB [REASON]` works too."""
        job_id, number = job_and_number(command)
        typed = "" if command.values is not None or _is_press(command) else _rest(command)
        if command.values is None and not typed:
            await self._inbox.require_reportable(actor, job_id, number)
            reason = FormField(name="reason", kind=FieldKind.LONG, required=True, expected=f"≤ {LONGEST_REASON}")
            form = Form(action="report", job_id=job_id, index=number, fields=(reason,))
            return Reply(lines=(), private=True, form=form)
        words = typed or (command.values or {}).get("reason", "")
        new = await self._inbox.report(actor, job_id, number, words)
        return said("reported" if new else "reported-before", job=job_id)

    async def _list(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        found = await self._inbox.waiting(actor, limit=SHOWN + 1)
        shown = found[:SHOWN]
        previews = [await self._inbox.previews(actor, review) for review in shown]
        return inbox_reply(shown, previews, more=len(found) > SHOWN)

    def _decided_by_verb(self, outcome: Outcome) -> Answer:
        async def decide(actor: Actor, command: Command, words: list[str]) -> Reply:
            if not words:
                raise UnknownJob(value="?")
            return decided_reply(await self._inbox.decide(actor, words[0], outcome, " ".join(words[1:])), outcome)

        return decide

    async def _words(self, actor: Actor, command: Command, words: list[str]) -> Reply:
        """[list], add WORDS, remove WORDS: what is ruled out in this chat."""
        verb = words[0].lower() if words else "list"
        phrase = " ".join(words[1:])
        if verb not in _WORD_VERBS:
            expected, near = " | ".join(_WORD_VERBS), nearest(verb, _WORD_VERBS)
            raise BadValue(flag="words", value=verb[:64], expected=expected, nearest=near)
        if verb == "list":
            return words_reply(await self._moderation.words(actor))
        if verb == "add":
            return words_reply(await self._moderation.rule_out(actor, phrase))
        return words_reply(await self._moderation.allow_again(actor, phrase))


def job_and_number(command: Command) -> tuple[str, int]:
    """Read what a button or a line means: a job, and which of its pictures (0: all, or the only one)."""
    words: Sequence[str] = command.line.split() if isinstance(command.line, str) else command.line
    if not words:
        raise UnknownJob(value="")
    number = words[1] if len(words) > 1 else "0"
    return words[0], int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0


def _is_press(command: Command) -> bool:
    """Whether a line is a button's: the job and a number; a slash command's is the job and words."""
    words = command.line
    return not isinstance(words, str) and len(words) <= 2 and all(word.isdigit() for word in words[1:])


def _rest(command: Command) -> str:
    words = command.line.split() if isinstance(command.line, str) else list(command.line)
    return " ".join(words[1:])
