"""/link and /unlink: one person with accounts on several platforms."""

from collections.abc import Sequence

from bot.adapter import Command
from bot.commands_people import words_of
from bot.replies import Reply, Text, Tone, text
from bot.replies_people import said
from engine.linking import CODE_LIVES, Linking
from engine.model import Actor, Identity


class LinkCommands:
    """Answers /link and /unlink."""

    def __init__(self, linking: Linking) -> None:
        self._linking = linking

    async def link(self, actor: Actor, command: Command) -> Reply:
        """Give a code, or join the account that a code is of; whose it is, is said before."""
        typed = "".join(words_of(command))
        if not typed:
            code = await self._linking.offer(actor)
            known = await self._linking.identities(actor)
            lines: list[Text] = [text("link-code", code=code, minutes=round(CODE_LIVES / 60))]
            if len(known) > 1:
                lines.append(text("link-known", accounts=named(known)))
            return Reply(lines=tuple(lines), private=True)
        if not command.confirmed:
            theirs = await self._linking.look(actor, typed)
            ask = (text("link-ask", accounts=named(theirs)), text("quote-ask"))
            return Reply(lines=ask, tone=Tone.ASK, private=True)
        return said("link-done", accounts=named(await self._linking.join(actor, typed)))

    async def unlink(self, actor: Actor, command: Command) -> Reply:
        """Make the account that this is asked from a person of its own again."""
        known = await self._linking.identities(actor)
        if len(known) > 1 and not command.confirmed:
            platform = actor.identity.platform.capitalize()
            return Reply(lines=(text("unlink-ask", platform=platform), text("quote-ask")), tone=Tone.ASK, private=True)
        await self._linking.part(actor)
        return said("unlink-done")


def named(identities: Sequence[Identity]) -> str:
    """Name accounts as people know them: Ann (Discord), Ann Lee (Telegram)."""
    return ", ".join(f"{one.name or one.id} ({one.platform.capitalize()})" for one in identities)
