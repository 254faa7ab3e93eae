"""The delivery on one platform: what `Traffic` lets through is read anew, made into a message, and sent."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import structlog

from bot.adapter import Adapter, DirectMessages, Limits, UploadLimits
from bot.delivery_failure import Then, decide
from bot.delivery_result import compose_result
from bot.delivery_tools import ShownMessage, Tools, fingerprint
from bot.delivery_traffic import Call, Kind, Traffic
from bot.replies import Reply, Tone, job_reply, ready_reply, unreachable_reply
from engine.errors import AtelierError, BlobMissing, DeliveryError, DeliveryUnanswered, FloodWait, StorageError
from engine.gallery import is_deleted
from engine.model import Delivery, DeliveryStatus, JobView, Place

log = structlog.get_logger(__name__)
_UNDER_WAY = (DeliveryStatus.WAITING, DeliveryStatus.HELD)

T = TypeVar("T")
Meanwhile = Callable[[Delivery], Awaitable[None]]  # done once while something cannot be written down
CALL_TIMEOUT = 120.0  # seconds for one call of an adapter, uploads included
STORAGE_WAIT = 5.0  # seconds between tries to write down what happened
PROGRESS_RETRY = 5.0  # seconds after which progress is tried again that a platform did not take
LAST_WORDS = 10.0  # seconds that calls under way have to end when the service stops
QUIET_SWEEP = 60.0  # seconds between looks for chats that can be forgotten


async def _rest(*_: object) -> None:
    """Do nothing."""


class PlatformDelivery:
    """One platform's messages."""

    def __init__(self, adapter: Adapter, tools: Tools) -> None:
        self._adapter = adapter
        self._tools = tools
        self._limits = adapter.limits
        self._traffic = Traffic(adapter.limits)
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._shown: dict[str, ShownMessage] = {}
        self._pings: dict[str, tuple[Place, Reply]] = {}

    # What is wanted

    def show(self, delivery: Delivery, position: int = 0) -> None:
        """Bring the message of a job under way up to date, when its chat's budget allows; post it if it has none."""
        shown = self._shown.get(delivery.job_id)
        if shown is None:
            shown = self._shown[delivery.job_id] = ShownMessage(chat=delivery.place.chat)
        shown.position = position or shown.position
        self._want(Kind.PROGRESS if delivery.message_id else Kind.FIRST, delivery)

    def refresh(self, job_id: str, position: int) -> bool:
        """Show a job's place in the queue if it changed; False if nothing is known of the job."""
        shown = self._shown.get(job_id)
        if shown is None:
            return False
        if shown.position != position:
            shown.position = position
            self._traffic.want(Kind.PROGRESS, shown.chat, job_id, self._now())
            self._news.set()
        return True

    def touch(self, job_id: str) -> bool:
        """Look at a job that moved; False if nothing is known of it."""
        shown = self._shown.get(job_id)
        if shown is not None:
            self._traffic.want(Kind.PROGRESS, shown.chat, job_id, self._now())
            self._news.set()
        return shown is not None

    def deliver(self, delivery: Delivery) -> None:
        """Put a result into its chat; the books say already that we are sending it."""
        self._want(Kind.RESULT, delivery)

    def _want(self, kind: Kind, delivery: Delivery) -> None:
        place = delivery.place
        self._traffic.want(kind, place.chat, delivery.job_id, self._now(), chat_kind=place.kind)
        self._news.set()

    def _now(self) -> float:
        """Seconds of a clock that never goes back: budgets outlive a change of the wall clock."""
        return asyncio.get_running_loop().time()

    # What is sent

    async def run(self) -> None:
        """Send until cancelled; calls that are under way are ended first."""
        swept_at = self._now()
        try:
            while True:
                self._news.clear()
                now = self._now()
                found = self._traffic.next(now)
                if isinstance(found, Call):
                    self._begin(found)
                    continue
                if now - swept_at >= QUIET_SWEEP:
                    swept_at = now
                    self._traffic.forget_quiet(now)
                await self._until_news(found - now)
        finally:
            self._stopping.set()
            if self._calls:
                _, late = await asyncio.wait(self._calls, timeout=LAST_WORDS)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def _until_news(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(min(seconds, QUIET_SWEEP)):
                await self._news.wait()
        except TimeoutError:
            pass

    def _begin(self, call: Call) -> None:
        task = asyncio.create_task(self._carry_out(call), name=f"deliver {call.kind.name} {call.job_id}")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _carry_out(self, call: Call) -> None:
        try:
            match call.kind:
                case Kind.RESULT:
                    await self._result(call)
                case Kind.PING:
                    await self._ping(call)
                case _:
                    await self._progress(call)
        except StorageError as error:
            log.error("delivery_waits", job=call.job_id, error=error.code, detail=error.detail)
            self._again_after(STORAGE_WAIT, call)
        except Exception:
            log.exception("delivery_broke", job=call.job_id)
            self._again_after(STORAGE_WAIT, call)
        finally:
            self._traffic.ended(call, self._now())
            self._news.set()

    def _again_after(self, seconds: float, call: Call) -> None:
        def again() -> None:
            self._traffic.want(call.kind, call.chat, call.job_id, self._now())
            self._news.set()

        asyncio.get_running_loop().call_later(seconds, again)

    async def _call(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Make one call of the adapter; whatever it raises is a DeliveryError."""
        if (wait := self._traffic.held_for(self._now())) > 0:
            raise FloodWait("the platform has asked everybody to wait", retry_after=wait, everywhere=1)
        self._traffic.sent(call, self._now())
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                return await work()
        except TimeoutError:
            raise DeliveryUnanswered(f"no answer within {CALL_TIMEOUT:g} s") from None
        except AtelierError:
            raise
        except Exception as error:
            log.exception("adapter_broke", platform=self._adapter.platform)
            raise DeliveryUnanswered(type(error).__name__) from error

    async def _written(self, write: Callable[[], Awaitable[T]], meanwhile: Callable[[], Awaitable[None]] = _rest) -> T:
        """Write down what happened on the platform, however long the disk stays full: else it would happen twice."""
        with self._tools.board.stall("disk-full") as hold_up:
            while True:
                try:
                    return await write()
                except StorageError as error:
                    if self._stopping.is_set():
                        raise
                    if hold_up():
                        log.warning("delivery_not_written", error=error.code, detail=error.detail)
                    await meanwhile()
                    meanwhile = _rest
                    try:
                        async with asyncio.timeout(STORAGE_WAIT):
                            await self._stopping.wait()
                    except TimeoutError:
                        pass

    async def _read(self, job_id: str) -> tuple[Delivery | None, JobView | None]:
        found = await self._tools.deliveries.of_jobs([job_id])
        return (found[0] if found else None), await self._tools.books.job(job_id)

    async def _edit(self, call: Call, delivery: Delivery, reply: Reply) -> None:
        await self._call(call, lambda: self._adapter.edit(delivery.place, delivery.message_id, reply))

    async def _post(self, call: Call, delivery: Delivery, reply: Reply, meanwhile: Meanwhile = _rest) -> None:
        """Post a new message and remember it; a post that may be a second one is counted.

        Where the nonce keeps it from being one, the platform answers with the message that is there, which may show an
        earlier state: it is edited. `meanwhile` is given the delivery with its message where remembering has to wait.
        """
        books, deliveries = self._tools.books, self._tools.deliveries
        sure = self._limits.honours_nonce
        try:
            again = await deliveries.posting(delivery.id, counted=not sure)
        except StorageError:
            if not sure:
                raise
            again = True  # who knows: but a second one it cannot be
        if again and not sure:
            log.warning("may_be_posted_twice", job=delivery.job_id, platform=self._adapter.platform)
        try:
            message_id = await self._call(call, lambda: self._adapter.post(delivery.place, reply, nonce=delivery.nonce))
        except DeliveryUnanswered:
            raise
        except DeliveryError:
            if not again:
                await self._written(lambda: deliveries.not_posted(delivery.id))
            raise
        posted = replace(delivery, message_id=message_id)
        await self._written(lambda: books.delivery_posted(delivery.id, message_id), lambda: meanwhile(posted))
        if again and sure:
            await self._edit(call, posted, reply)

    def _hold(self, call: Call, seconds: float, *, everywhere: bool) -> None:
        until = self._now() + seconds
        if everywhere:
            self._traffic.hold_everywhere(until)
        else:
            self._traffic.hold(call.chat, until, self._now())

    # Progress

    async def _progress(self, call: Call) -> None:
        """Show the newest state of a job, if that is not what its message shows already."""
        delivery, view = await self._read(call.job_id)
        if delivery is None or view is None or delivery.status not in _UNDER_WAY:
            self._shown.pop(call.job_id, None)
            return
        shown = self._shown.setdefault(call.job_id, ShownMessage(chat=call.chat))
        if shown.over or self._too_old(delivery):
            return
        if (newest := self._newest(view, shown)) is None:
            return
        reply = newest

        async def tell_of_stall(posted: Delivery) -> None:
            nonlocal reply
            newer = self._newest(view, shown) or reply
            try:
                await self._edit(call, posted, newer)
            except DeliveryError as error:
                log.info("progress_not_shown", job=call.job_id, error=error.code)
            else:
                reply = newer

        try:
            if delivery.message_id:
                await self._edit(call, delivery, reply)
            else:
                await self._post(call, delivery, reply, tell_of_stall)
        except FloodWait as error:
            self._hold(call, error.retry_after or PROGRESS_RETRY, everywhere=error.everywhere)
            self._traffic.want(call.kind, call.chat, call.job_id, self._now())
        except DeliveryError as error:
            log.info("progress_not_shown", job=call.job_id, error=error.code)
            shown.over = not error.retryable
            if not shown.over:
                self._again_after(error.retry_after or PROGRESS_RETRY, call)
            elif view.job.private and delivery.place.asked_in:  # nobody could be given it: none of it need be made
                await self._tools.studio.withdraw(view.job.id, error)
        else:
            shown.fingerprint = fingerprint(reply)
            shown.preview_at = self._now() if reply.preview is not None else shown.preview_at

    def _too_old(self, delivery: Delivery) -> bool:
        return delivery.posted_at is not None and (
            self._tools.clock.now() - delivery.posted_at >= self._limits.progress_age
        )

    def _newest(self, view: JobView, shown: ShownMessage) -> Reply | None:
        """What the message should show now; None if it does, or if the result is about to."""
        board = self._tools.board
        reply = job_reply(self._tools.studio.with_eta(view), board.progress(view.job.id), board.stalled)
        if reply.tone is not Tone.WORKING:
            return None
        interval = self._limits.preview_interval
        if interval == float("inf") or self._now() - shown.preview_at < interval:
            reply = replace(reply, preview=None)
        if reply.preview is None and fingerprint(reply) == shown.fingerprint:
            return None
        return reply

    # Results

    async def _result(self, call: Call) -> None:
        """Put the result into the job's message, once; what becomes of it where that fails is decided elsewhere."""
        delivery, view = await self._read(call.job_id)
        self._shown.pop(call.job_id, None)
        if delivery is None or view is None or delivery.status is not DeliveryStatus.SENDING:
            return
        books = self._tools.books
        try:
            reply = await compose_result(view, delivery, self._tools.pictures, self._limits_in(delivery.place))
            if delivery.message_id:
                await self._edit(call, delivery, reply)
            else:
                await self._post(call, delivery, replace(reply, ping=self._waited_long(view)))
        except (DeliveryError, BlobMissing) as error:
            await self._not_delivered(call, delivery, view, error)
            return
        await self._written(lambda: books.delivery_done(delivery.id))
        log.info("delivered", job=delivery.job_id, platform=self._adapter.platform)
        if delivery.message_id and self._waited_long(view):
            self._pings[call.job_id] = (replace(delivery.place, reply_to=delivery.message_id), ready_reply(view.job))
            self._traffic.want(Kind.PING, call.chat, call.job_id, self._now())
        self._tools.board.changed(delivery.job_id)

    def _limits_in(self, place: Place) -> Limits:
        """The platform's limits, with what that chat takes."""
        if not isinstance(self._adapter, UploadLimits):
            return self._limits
        return replace(self._limits, max_upload=self._adapter.upload_limit(place))

    def _waited_long(self, view: JobView) -> bool:
        job, after = view.job, self._tools.ping_after
        waited = (job.finished_at or job.created_at) - job.created_at
        return self._limits.pings and after > 0 and waited >= after and not job.status.ended

    async def _not_delivered(self, call: Call, delivery: Delivery, view: JobView, error: AtelierError) -> None:
        now = self._tools.clock.now()
        age = now - (view.job.finished_at or now) if delivery.repairs == 0 else 0.0
        decision = decide(error, tries=delivery.tries, age=age, has_message=bool(delivery.message_id))
        log.warning("not_delivered", job=delivery.job_id, error=error.code, then=str(decision.then))
        books, deliveries = self._tools.books, self._tools.deliveries
        match decision.then:
            case Then.WAIT:
                self._hold(call, decision.seconds, everywhere=isinstance(error, FloodWait) and error.everywhere)
                self._want(Kind.RESULT, delivery)
            case Then.ANEW | Then.ELSEWHERE if is_deleted(view.job):
                await self._written(lambda: books.delivery_done(delivery.id))  # nobody sees it any more
            case Then.ANEW:
                await self._written(lambda: deliveries.message_gone(delivery.id))
                self._want(Kind.RESULT, delivery)
            case Then.ELSEWHERE:
                await self._elsewhere(call, delivery, view, error)
            case Then.LATER:
                await self._later(delivery, error, decision.seconds)
            case Then.NEVER:
                await self._give_up(call, delivery, view, decision.error)

    async def _give_up(self, call: Call, delivery: Delivery, view: JobView, error: AtelierError) -> None:
        """End what cannot be delivered; of a private result its owner is told where they asked for it, and no more."""
        await self._written(lambda: self._tools.books.delivery_failed(delivery.id, error, None))
        self._tools.board.changed(delivery.job_id)
        asked_in = delivery.place.asked_in
        if view.job.private and asked_in and not view.job.status.ended:
            place = replace(delivery.place, chat=asked_in, thread=delivery.place.asked_thread, kind="")
            self._pings[call.job_id] = (place, unreachable_reply(view.job, error))
            self._traffic.want(Kind.PING, asked_in, call.job_id, self._now())

    async def _elsewhere(self, call: Call, delivery: Delivery, view: JobView, error: AtelierError) -> None:
        """Send the result where it was last asked for, or to its owner; end it where neither can be."""
        deliveries = self._tools.deliveries
        place, reason = delivery.fallback, ""
        adapter = self._adapter
        if place is None and not delivery.detour and isinstance(adapter, DirectMessages):
            reason = error.code
            try:
                place = await self._call(call, lambda: adapter.direct(delivery.place))
            except DeliveryError as failure:
                if failure.retryable:
                    await self._later(delivery, failure, failure.retry_after or PROGRESS_RETRY)
                    return
        if place is None or place.chat == delivery.place.chat:
            await self._give_up(call, delivery, view, error)
            return
        target = place
        await self._written(lambda: deliveries.moved(delivery.id, target, reason))
        if target.platform == self._adapter.platform:
            self._want(Kind.RESULT, replace(delivery, place=target))
        else:
            await self._later(delivery, error, 0.0)
            self._tools.board.changed(delivery.job_id)

    async def _later(self, delivery: Delivery, error: AtelierError, seconds: float) -> None:
        retry_at = self._tools.clock.now() + seconds
        await self._written(lambda: self._tools.books.delivery_failed(delivery.id, error, retry_at))

    async def _ping(self, call: Call) -> None:
        place, reply = self._pings.pop(call.job_id)
        try:
            await self._call(call, lambda: self._adapter.post(place, reply, nonce=f"{call.job_id}-ready"))
        except FloodWait as error:
            self._hold(call, error.retry_after or PROGRESS_RETRY, everywhere=error.everywhere)
            self._pings[call.job_id] = (place, reply)
            self._traffic.want(Kind.PING, call.chat, call.job_id, self._now())
        except DeliveryError as error:
            log.info("not_pinged", job=call.job_id, error=error.code)
