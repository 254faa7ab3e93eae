"""The adapter: the one message of a job, posted and edited; and a bot that receives, by polling or by a webhook."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from telegram import Bot, CallbackQuery, ChatMemberUpdated, Message
from telegram.error import InvalidToken, TelegramError

from bot.adapter import Handle, Limits
from bot.delivery_budget import Rate
from bot.downloads import Downloads
from bot.replies import Reply, Tone
from bot.telegram.answers import Answers
from bot.telegram.forms import Forms
from bot.telegram.http import make_bot
from bot.telegram.incoming import GROUP, PLATFORM, PRIVATE, kind_of
from bot.telegram.live import Live
from bot.telegram.members import Members
from bot.telegram.menu import command_name, menus
from bot.telegram.menu_sync import sync
from bot.telegram.pace import Pace
from bot.telegram.presses import Presses
from bot.telegram.reading import Me
from bot.telegram.recent import Recent
from bot.telegram.reception import Desk, Reception
from bot.telegram.sender import Moved, Sender
from bot.telegram.shown import MOST_FILE, Composer
from bot.telegram.updates import ALLOWED, Takers, Updates
from bot.telegram.words import Words
from bot.template_commands import TemplateCommand
from engine.errors import StartError
from engine.model import Place

log = structlog.get_logger(__name__)

_GROUP_RATES = (Rate(count=1, seconds=1.0), Rate(count=20, seconds=60.0))
LIMITS = Limits(
    progress_interval=3.0,
    preview_interval=6.0,
    progress_age=55 * 60.0,
    chat=_GROUP_RATES,
    chat_kinds={PRIVATE: (Rate(count=1, seconds=1.0),)},
    everywhere=(Rate(count=30, seconds=1.0),),
    pings=True,
    max_upload=MOST_FILE,
    actions=("album",),
)
START_WAIT = 10.0  # seconds that the service waits for Telegram; then it goes on without, and Telegram comes later
FIRST_RETRY, LAST_RETRY = 1.0, 60.0  # seconds; doubles with each try
LAST_WORDS = 5.0  # seconds that answers under way have to end when the service stops
WEBHOOK_CONNECTIONS = 40


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a bot is set up."""

    token: str
    api_base: str
    file_base: str
    kept: Path  # remembers which commands Telegram knows
    sent: Path  # remembers what was sent in the last minute
    locale: str  # of people whose client names none
    operators: tuple[int, ...] = ()
    webhook_url: str = ""  # empty: it polls
    webhook_secret: str = ""


class TelegramAdapter:
    """Implements the adapter port and `DirectMessages`."""

    platform = PLATFORM
    limits = LIMITS

    def __init__(
        self,
        *,
        options: Options,
        words: Words,
        downloads: Downloads,
        templates: Sequence[TemplateCommand],
        guide: Callable[[str], Reply],
        moved: Moved,
        limits: Limits = LIMITS,
    ) -> None:
        """`guide` is what a group is told that has just taken us in, by its id; `moved` as in `Sender`."""
        self.limits = limits
        self._options = options
        self._words = words
        self._downloads = downloads
        self._templates = templates
        self._guide = guide
        self._composer = Composer(words)
        self._recent = Recent(options.sent)
        self._pace = Pace(limits, noted=self._recent.note)
        self._sender = Sender(pace=self._pace, composer=self._composer, moved=moved)
        self._updates = Updates(Takers(messages=self._messages, press=self._press, joined=self._joined))
        self._handle: Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self._flowing = asyncio.Event()
        self._reception: Reception | None = None
        self._presses: Presses | None = None
        self.webhook = self._updates.route(self._ready_bot, options.webhook_secret)

    # Receiving

    async def start(self, handle: Handle) -> None:
        """Connect. Raises StartError for a token that Telegram does not know."""
        self._handle = handle
        self._flowing.clear()
        self._task = asyncio.create_task(self._run(), name="telegram")
        flowing = asyncio.create_task(self._flowing.wait())
        await asyncio.wait({self._task, flowing}, timeout=START_WAIT, return_when=asyncio.FIRST_COMPLETED)
        flowing.cancel()
        if self._task.done():
            self._task.result()
        if not self._flowing.is_set():
            log.warning("telegram_not_reached_yet")

    async def stop(self) -> None:
        """Leave; what was taken in is ended, and answered."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._downloads.close()

    async def _run(self) -> None:
        """Connect, and receive for as long as the service runs."""
        bot = make_bot(self._options.token, api_base=self._options.api_base, file_base=self._options.file_base)
        try:
            await self._connect(bot)
            desk = self._desk(bot)
            self._reception = Reception(desk)
            self._presses = Presses(desk, self._reception)
            self._pace.recall(await self._recent.recall())
            self._sender.bot = bot
            beside = [asyncio.create_task(self._recent.run()), asyncio.create_task(desk.live.run(desk.queue))]
            try:
                await self._receive(bot)
            finally:
                await self._updates.close()
                await self._reception.close(LAST_WORDS)
                self._sender.bot = None
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
        finally:
            await bot.shutdown()

    async def _connect(self, bot: Bot) -> None:
        wait = FIRST_RETRY
        while True:
            try:
                await bot.initialize()
                break
            except InvalidToken as error:
                raise StartError(
                    "Telegram refused the token; set ATELIER_TELEGRAM__TOKEN to the bot's own, from @BotFather"
                ) from error
            except TelegramError as error:
                log.warning("telegram_not_reached", error=type(error).__name__, retry_in=wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LAST_RETRY)
        log.info("telegram_connected", bot=bot.username)

    async def _receive(self, bot: Bot) -> None:
        wait = FIRST_RETRY
        while True:
            try:
                await self._announce(bot)
                break
            except TelegramError as error:
                log.warning("telegram_not_set_up", error=type(error).__name__, said=error.message[:200], retry_in=wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LAST_RETRY)
        self._flowing.set()
        if self._options.webhook_url:
            await asyncio.Event().wait()
        await self._updates.poll(bot)

    async def _announce(self, bot: Bot) -> None:
        """Say where updates go, and which commands there are."""
        if self._options.webhook_url:
            await bot.set_webhook(
                self._options.webhook_url,
                secret_token=self._options.webhook_secret,
                allowed_updates=ALLOWED,
                max_connections=WEBHOOK_CONNECTIONS,
            )
        else:
            await bot.delete_webhook()
        await sync(bot, menus(self._words, self._templates, self._options.operators), self._options.kept)

    def _desk(self, bot: Bot) -> Desk:
        if self._handle is None:
            raise RuntimeError("not started")
        forms = Forms(self._words)
        named = {command_name(each.command.name): each.template.name for each in self._templates}
        return Desk(
            bot=bot,
            me=Me(id=bot.id, username=bot.username, templates=named),
            handle=self._handle,
            words=self._words,
            forms=forms,
            answers=Answers(
                words=self._words, composer=self._composer, forms=forms, sender=self._sender, username=bot.username
            ),
            sender=self._sender,
            members=Members(),
            downloads=self._downloads,
            live=Live(self._sender),
            locale=self._options.locale,
        )

    def _ready_bot(self) -> Bot | None:
        return self._sender.bot

    async def _messages(self, messages: Sequence[Message]) -> None:
        if self._reception is not None:
            await self._reception.received(messages)

    async def _press(self, query: CallbackQuery) -> None:
        if self._presses is not None:
            await self._presses.pressed(query)

    async def _joined(self, change: ChatMemberUpdated) -> None:
        if self._reception is not None:
            await self._reception.joined(change, self._guide(str(change.chat.id)))

    # Delivery

    async def post(self, place: Place, reply: Reply, nonce: str) -> str:
        """Post a job's message; progress makes no sound."""
        working = reply.tone is Tone.WORKING
        message = await self._composer.message(reply, place.locale, owner_id=_called(place))
        return await self._sender.send(place, message, silent=working, important=not working)

    async def edit(self, place: Place, message_id: str, reply: Reply) -> None:
        """Make the message show this instead; what its owner deleted goes, where Telegram still lets it."""
        if _is_deleted_by_owner(reply) and await self._sender.delete(place, message_id):
            return
        working = reply.tone is Tone.WORKING
        captioned = self._sender.is_pictured(place, message_id)
        message = await self._composer.message(reply, place.locale, owner_id=_called(place), captioned=captioned)
        await self._sender.edit(place, message_id, message, keep=working, important=not working)

    async def direct(self, place: Place) -> Place | None:
        """The owner's own conversation with us, if they have begun one. Raises RecipientBlocked if not."""
        if not place.owner_id.isdigit():
            return None
        await self._sender.reach(place.owner_id)
        return replace(place, chat=place.owner_id, thread="", reply_to="", kind=PRIVATE)


def _called(place: Place) -> str:
    """Who is called by name: in their own conversation nobody needs to be."""
    return place.owner_id if kind_of(place.chat) == GROUP and place.owner_id.isdigit() else ""


def _is_deleted_by_owner(reply: Reply) -> bool:
    return any(line.key == "job-deleted" and line.fields.get("by") == "owner" for line in reply.lines)
