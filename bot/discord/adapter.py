"""The adapter: the one message of a job, posted and edited by the bot's token, or by what an interaction lends us."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import discord
import structlog

from bot.adapter import Handle, Limits
from bot.completions import Completions
from bot.delivery_budget import Rate
from bot.discord.answers import NOBODY, Answers
from bot.discord.attachments import Attachments
from bot.discord.cards import Card, Cards
from bot.discord.client import Client
from bot.discord.connection import Connection
from bot.discord.errors import Chat, delivery_error
from bot.discord.forms import Forms
from bot.discord.guilds import Guilds
from bot.discord.incoming import BORROWED, DIRECT, PLATFORM, channel_name, first_missing
from bot.discord.interactions import Interactions
from bot.discord.menu import commands
from bot.discord.presence import Census, keep_presence
from bot.discord.questions import Questions
from bot.discord.watch import Watch
from bot.discord.words import Words
from bot.replies import Reply, Tone
from bot.template_commands import TemplateCommand
from engine.errors import ChatGone, DeliveryDelayed, DeliveryError, FloodWait, MessageGone
from engine.model import Place

log = structlog.get_logger(__name__)
T = TypeVar("T")
Channel: TypeAlias = discord.PartialMessageable

MIB = 2**20
LIMITS = Limits(
    progress_interval=2.5,
    preview_interval=5.0,
    progress_age=55 * 60.0,
    chat=(Rate(count=5, seconds=5.0),),
    everywhere=(Rate(count=45, seconds=1.0),),
    honours_nonce=True,
    pings=True,
    max_upload=10 * MIB,
)
BRIEF = 12.0  # seconds that the word of an accepted job stays
OFFLINE_WAIT = 5.0  # seconds
OLD = 3600.0  # seconds
NO_HISTORY = 160002
"""We may not read what stands in the channel, and so not reply to it either; the message goes without."""
REMEMBERED = 4_096  # messages of which is known that they show a preview


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a bot is set up."""

    token: str
    api_base: str
    kept: Path  # remembers which commands Discord knows
    locale: str  # of what everybody sees
    shard_count: int = 0
    shard_ids: tuple[int, ...] = ()
    brief: float = BRIEF


class DiscordAdapter:
    """Implements the adapter port, `DirectMessages` and `UploadLimits`."""

    platform = PLATFORM
    limits = LIMITS

    def __init__(
        self,
        *,
        options: Options,
        words: Words,
        attachments: Attachments,
        completions: Completions,
        templates: Sequence[TemplateCommand],
        census: Census,
        guide: Callable[[str], Reply],
    ) -> None:
        self._options = options
        self._words = words
        self._cards = Cards(words)
        self._attachments = attachments
        self._completions = completions
        self._templates = templates
        self._census = census
        self._guilds = Guilds(cards=self._cards, guide=guide)
        self._watch = Watch()
        self._interactions: Interactions | None = None
        self._answers: Answers | None = None
        self._presence: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[Any]] = set()
        self._opening = asyncio.Lock()  # conversations are opened one by one: so many at once would be over their limit
        self._previewed: OrderedDict[str, None] = OrderedDict()
        self._borrowed: OrderedDict[str, str] = OrderedDict()  # the nonce whose message an acknowledgement became
        self._connection = Connection(
            make=self._client,
            token=options.token,
            api_base=options.api_base,
            commands=commands(words, templates),
            kept=options.kept,
            first_shard=not options.shard_ids or 0 in options.shard_ids,
        )

    # Receiving

    async def start(self, handle: Handle) -> None:
        """Connect. Raises StartError for a token that Discord does not know."""
        forms, questions = Forms(self._words), Questions()
        self._answers = Answers(
            words=self._words, cards=self._cards, forms=forms, questions=questions, brief=self._options.brief
        )
        self._interactions = Interactions(
            handle=handle,
            answers=self._answers,
            forms=forms,
            questions=questions,
            words=self._words,
            attachments=self._attachments,
            completions=self._completions,
            templates=self._templates,
        )
        await self._connection.open()
        self._presence = asyncio.create_task(
            keep_presence(lambda: self._connection.client, self._census, self._words, self._options.locale)
        )

    async def stop(self) -> None:
        """Disconnect."""
        if self._presence is not None:
            self._presence.cancel()
            await asyncio.gather(self._presence, return_exceptions=True)
        if self._answers is not None:
            await self._answers.close()
        await self._connection.close()
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._attachments.close()

    def _client(self) -> Client:
        return Client(
            events=self,
            watch=self._watch,
            shard_count=self._options.shard_count,
            shard_ids=self._options.shard_ids,
        )

    async def received(self, interaction: "discord.Interaction[Any]") -> None:
        """Take an interaction."""
        if self._interactions is not None:
            await self._interactions.received(interaction)

    async def pressed(self, interaction: "discord.Interaction[Any]") -> None:
        """Take a press."""
        if self._interactions is not None:
            await self._interactions.pressed(interaction)

    async def joined(self, client: Client, guild: discord.Guild) -> None:
        """Greet a guild."""
        await self._guilds.joined(client, guild)

    # Delivery

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        """Post a job's message; the nonce keeps Discord from posting it twice."""
        card = self._card(place, reply)
        if place.kind == BORROWED:
            message_id = await self._call(place, card, lambda client: self._lend(client, place, card, nonce))
        else:
            message_id = await self._call(place, card, lambda client: _send(client, place, reply, card, nonce))
        self._remember(message_id, reply)
        return message_id

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        """Make the message show this instead."""
        kept = reply.tone is Tone.WORKING and reply.preview is None and message_id in self._previewed
        card = self._card(place, reply, kept_preview=kept)
        files = discord.utils.MISSING if kept else list(card.files)

        async def change(client: Client) -> None:
            number = _snowflake(message_id, MessageGone(message_id))
            if place.kind == BORROWED:
                webhook = _webhook(client, place)
                await webhook.edit_message(number, view=card.view, attachments=files, allowed_mentions=NOBODY)
            else:
                message = _channel(client, place).get_partial_message(number)
                await message.edit(view=card.view, attachments=files, allowed_mentions=NOBODY)

        try:
            await self._call(place, card, change)
        except FloodWait as error:
            if not error.everywhere and _is_old(message_id):
                raise MessageGone("too old to be edited more") from error
            raise
        self._remember(message_id, reply)

    async def direct(self, place: Place) -> Place | None:
        """The owner's own conversation with us."""
        if not place.owner_id.isdigit():
            return None

        async def opened(client: Client) -> int:
            async with self._opening:
                return (await client.create_dm(discord.Object(int(place.owner_id)))).id

        chat = await self._call(place, None, opened)
        return replace(place, chat=str(chat), thread="", reply_to="", kind=DIRECT)

    def upload_limit(self, place: Place) -> int | None:
        """The bytes that one file may have there: guilds may have bought more."""
        client = self._connection.client
        channel = client.get_channel(int(place.chat)) if client is not None and place.chat.isdigit() else None
        guild = getattr(channel, "guild", None)
        limit = self.limits.max_upload or 0
        return max(limit, guild.filesize_limit) if isinstance(guild, discord.Guild) else limit

    def _card(self, place: Place, reply: Reply, *, kept_preview: bool = False) -> Card:
        notes = []
        if reply.tone is Tone.WORKING:
            notes += [f"<@{place.owner_id}>"] if place.kind == "" and place.owner_id.isdigit() else []
            notes += [self._words.say(place.locale, "install-private")] if place.kind == BORROWED else []
        return self._cards.card(reply, place.locale, owner_id=place.owner_id, notes=notes, kept_preview=kept_preview)

    async def _lend(self, client: Client, place: Place, card: Card, nonce: str) -> str:
        """Where we are no member, the acknowledgement becomes the job's message; further jobs come beside it."""
        webhook = _webhook(client, place)
        first = self._borrowed.setdefault(place.chat, nonce) == nonce and place.reply_to.isdigit()
        while len(self._borrowed) > REMEMBERED:
            self._borrowed.popitem(last=False)
        if first:
            await webhook.edit_message(
                int(place.reply_to), view=card.view, attachments=list(card.files), allowed_mentions=NOBODY
            )
            return place.reply_to
        sent = await webhook.send(
            view=card.view, files=list(card.files), ephemeral=True, wait=True, allowed_mentions=NOBODY
        )
        return str(sent.id)

    def _remember(self, message_id: str, reply: Reply) -> None:
        """Know which messages show a preview: it stays until another one, or the result, takes its place."""
        if reply.tone is Tone.WORKING and reply.preview is not None:
            self._previewed[message_id] = None
            while len(self._previewed) > REMEMBERED:
                self._previewed.popitem(last=False)
        elif reply.tone is not Tone.WORKING:
            self._previewed.pop(message_id, None)

    async def _call(self, place: Place, card: Card | None, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Call Discord; whatever it answers becomes an error of ours.

        Whoever waits may give up, but the call goes on to its end: discord.py, cut off in a wait that holds for all
        chats, would make them wait for ever.
        """
        client = self._connection.client
        if client is None:
            raise DeliveryDelayed("not connected", retry_after=OFFLINE_WAIT)
        if (wait := self._watch.wait()) > 0:
            log.error("too_many_refused", seconds=round(wait))
            raise FloodWait("too many refused requests", retry_after=wait, everywhere=1)
        task = asyncio.create_task(work(client))
        self._calls.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except DeliveryError:
            raise
        except Exception as error:
            raise self._error(client, place, card, error) from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # it is whoever waits that hears of it, if anybody still does

    def _error(self, client: Client, place: Place, card: Card | None, error: Exception) -> DeliveryError:
        if isinstance(error, discord.RateLimited):
            return FloodWait("429", retry_after=error.retry_after, everywhere=int(self._watch.everywhere()))
        size = card.size if card is not None else 0
        return delivery_error(error, self._chat(client, place), size=size, limit=self.upload_limit(place) or 0)

    def _chat(self, client: Client, place: Place) -> Chat:
        """What people call the chat, and what we lack there."""
        channel = client.get_channel(int(place.chat)) if place.chat.isdigit() else None
        guild = getattr(channel, "guild", None)
        missing = ""
        if isinstance(guild, discord.Guild) and guild.me is not None and channel is not None:
            may = getattr(channel, "permissions_for", None)
            missing = first_missing(may(guild.me), channel) if callable(may) else ""
        named = self._words.say(place.locale, f"permission-{missing.replace('_', '-')}") if missing else ""
        return Chat(name=channel_name(channel), missing=named)


async def _send(client: Client, place: Place, reply: Reply, card: Card, nonce: str) -> str:
    """Post by the bot's own token."""
    channel = _channel(client, place)
    more: dict[str, Any] = {}
    if place.reply_to.isdigit():
        more["reference"] = discord.MessageReference(
            message_id=int(place.reply_to), channel_id=channel.id, fail_if_not_exists=False
        )
    owner = [discord.Object(int(place.owner_id))] if reply.ping and place.owner_id.isdigit() else []
    mentions = discord.AllowedMentions(everyone=False, roles=False, replied_user=False, users=owner or False)
    more |= {"view": card.view, "nonce": nonce, "allowed_mentions": mentions}
    try:
        sent = await channel.send(files=list(card.files), **more)
    except discord.HTTPException as error:
        if error.code != NO_HISTORY or "reference" not in more:
            raise
        del more["reference"]
        for file in card.files:
            file.fp.seek(0)
        sent = await channel.send(files=list(card.files), **more)
    return str(sent.id)


def _channel(client: Client, place: Place) -> Channel:
    return client.get_partial_messageable(_snowflake(place.chat, ChatGone(chat="")))


def _snowflake(text: str, error: DeliveryError) -> int:
    """Read an id of Discord's. Raises the error for what is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise error
    return int(text)


def _is_old(message_id: str) -> bool:
    """Whether a message is so old that Discord lets it be edited a few times only, and then says no more than 429."""
    written = discord.utils.snowflake_time(int(message_id)) if message_id.isdigit() else discord.utils.utcnow()
    return (discord.utils.utcnow() - written).total_seconds() >= OLD


def _webhook(client: Client, place: Place) -> discord.Webhook:
    webhook = discord.Webhook.partial(client.application_id or 0, place.thread, client=client)
    webhook.type = discord.WebhookType.application  # an interaction's own, which may speak privately
    return webhook
