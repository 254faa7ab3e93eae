"""Job events become edits of one message: progress while it runs, the pictures at the end, once.

What is due is a row in the books, so a restart delivers what the last process did not. Progress is best effort and
rationed per chat; a result never waits for it.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Mapping, Sequence

import structlog

from bot.adapter import Adapter
from bot.replies import Reply, Tone, job_reply
from engine.board import Board
from engine.errors import AtelierError, DeliveryError, StorageError
from engine.model import Delivery, DeliveryStatus, Place
from engine.ports import Books, Clock
from engine.studio import Studio

log = structlog.get_logger(__name__)

POSITION_REFRESH = 2.0  # seconds between looks at waiting jobs, whose positions move without an event of their own
FIRST_RETRY = 2.0  # seconds; doubles with each try
LAST_RETRY = 300.0  # seconds; the longest wait between tries
MAX_TRIES = 12  # about half an hour of a platform that answers nothing
REMEMBERED = 10_000  # jobs whose message is known to be up to date


class DeliveryService:
    """One loop for all adapters of this process."""

    def __init__(
        self,
        *,
        books: Books,
        studio: Studio,
        board: Board,
        clock: Clock,
        adapters: Sequence[Adapter],
    ) -> None:
        self._books = books
        self._studio = studio
        self._board = board
        self._clock = clock
        self._adapters: Mapping[str, Adapter] = {adapter.platform: adapter for adapter in adapters}
        self._chats: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._shown: OrderedDict[str, Reply] = OrderedDict()  # what each live job's message shows
        self._edited: dict[tuple[str, str], float] = {}  # when a chat last got a progress edit
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver until cancelled; a send that is under way is finished first."""
        changes = self._board.subscribe()
        try:
            while True:
                await self._guarded(self._deliver_due())
                jobs = await changes.take(timeout=POSITION_REFRESH)
                for job_id in jobs or tuple(self._shown):
                    await self._guarded(self._refresh(job_id))
        finally:
            self._board.unsubscribe(changes)
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StorageError as error:
            log.error("delivery_waits", error=error.code, detail=error.detail)
            await self._clock.sleep(POSITION_REFRESH)

    # Progress

    async def _refresh(self, job_id: str) -> None:
        """Bring the message of a job up to date, if its chat's budget allows; post it if it is not there yet."""
        delivery = await self._books.delivery(job_id)
        if delivery is None or delivery.status is not DeliveryStatus.WAITING:
            self._shown.pop(job_id, None)
            return
        adapter = self._adapters.get(delivery.place.platform)
        view = await self._books.job(job_id)
        if adapter is None or view is None:
            return
        reply = job_reply(self._studio.with_eta(view), self._board.progress(job_id), self._board.stalled)
        if reply.tone is not Tone.WORKING or (self._shown.get(job_id) == reply and reply.preview is None):
            return
        chat = _chat(delivery.place)
        if delivery.message_id and not self._may_edit(chat, adapter):
            self._shown.setdefault(job_id, Reply(lines=()))  # looked at again with the next refresh
            return
        try:
            async with self._chats[chat]:
                await self._show(adapter, delivery, reply)
        except (DeliveryError, StorageError) as error:
            log.info("progress_not_shown", job=job_id, error=error.code)
        self._remember(job_id, reply)

    def _may_edit(self, chat: tuple[str, str], adapter: Adapter) -> bool:
        now = self._clock.now()
        if now - self._edited.get(chat, 0.0) < adapter.limits.progress_interval:
            return False
        self._edited[chat] = now
        return True

    def _remember(self, job_id: str, reply: Reply) -> None:
        self._shown[job_id] = reply
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)

    async def _show(self, adapter: Adapter, delivery: Delivery, reply: Reply) -> None:
        if delivery.message_id:
            await adapter.edit(delivery.place, delivery.message_id, reply)
            return
        message_id = await adapter.post(delivery.place, reply, nonce=delivery.id)
        await self._books.delivery_posted(delivery.id, message_id)

    # Results

    async def _deliver_due(self) -> None:
        for delivery in await self._books.deliveries_due(tuple(self._adapters)):
            if not await self._books.delivery_sending(delivery.id):
                continue
            task = asyncio.create_task(self._deliver(delivery), name=f"deliver {delivery.job_id}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        """Put the result into the job's message, once."""
        adapter = self._adapters[delivery.place.platform]
        try:
            async with self._chats[_chat(delivery.place)]:
                current = await self._books.delivery(delivery.job_id)
                view = await self._books.job(delivery.job_id)
                if view is None or current is None:
                    return
                await self._show(adapter, current, job_reply(view, {}))
        except DeliveryError as error:
            await self._not_delivered(delivery, error)
        except Exception as error:
            log.exception("delivery_broke", job=delivery.job_id)
            await self._not_delivered(delivery, DeliveryError(type(error).__name__, retry_after=FIRST_RETRY))
        else:
            await self._books.delivery_done(delivery.id)
            log.info("delivered", job=delivery.job_id, platform=delivery.place.platform)
        self._shown.pop(delivery.job_id, None)
        self._board.changed(delivery.job_id)

    async def _not_delivered(self, delivery: Delivery, error: AtelierError) -> None:
        again = error.retryable or error.retry_after is not None
        retry_at = None
        if again and delivery.tries < MAX_TRIES:
            backoff = min(LAST_RETRY, FIRST_RETRY * 2**delivery.tries)
            retry_at = self._clock.now() + (error.retry_after if error.retry_after is not None else backoff)
        await self._books.delivery_failed(delivery.id, error, retry_at)
        log.warning("not_delivered", job=delivery.job_id, error=error.code, again=retry_at is not None)


def _chat(place: Place) -> tuple[str, str]:
    return place.platform, place.chat
