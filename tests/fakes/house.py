"""A whole bot in one process: the real rooms, a real database, and fakes only at the two ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapter import Adapter, Command
from bot.commands import Commands
from bot.commands_backends import BackendCommands
from bot.commands_link import LinkCommands
from bot.commands_prefer import PreferCommands
from bot.delivery import DeliveryService
from bot.delivery_tools import Tools
from bot.private import Conversations
from bot.replies import Reply
from bot.requests import Defaults, RequestResolver
from config.settings import config_dir
from engine.admission import Admission
from engine.backends import Backends
from engine.board import Board
from engine.clock import SystemClock
from engine.dispatcher import Dispatcher
from engine.endpoints.pool import Pool
from engine.images import ImageLimits
from engine.inbox import Inbox
from engine.linking import Linking
from engine.model import Identity, JobView, Place
from engine.moderation import Moderation
from engine.pace import Pace
from engine.pictures import Pictures
from engine.ports import Accounts, Books, Deliveries
from engine.ports_moderation import Reviews, Safety
from engine.preferring import Preferring
from engine.safety.guard import Guard
from engine.safety.rules import Rules
from engine.safety.verdicts import Verdict
from engine.screening import Screener
from engine.studio import Access, Studio
from engine.workflows.library import Library
from engine.workflows.lint import missing
from storage.accounts import open_accounts
from storage.blobs import FileBlobs
from storage.books import open_books
from storage.database import Database
from storage.deliveries import open_deliveries
from storage.drains import open_drains
from storage.gallery import open_gallery
from storage.leftovers import SamplerFolders
from storage.linking import open_links
from storage.policy import Policy
from storage.preferences import open_preferences
from storage.reviews import open_reviews
from tests.fakes.adapter import FakeAdapter
from tests.fakes.endpoint import FakeEndpoint

ADA = Identity(platform="fake", id="1", name="Ada")
BOB = Identity(platform="fake", id="2", name="Bob")
OPEN = Access(operators=frozenset(), open=True, allowed=frozenset())
RULES = Rules.load(config_dir() / "safety" / "rules.toml")
DEFAULTS = Defaults(template="txt2img", image_template="img2img", mask_template="inpaint", model="")
FAMILIES = {("checkpoints", "atelier-tiny.safetensors"): "the built-in small model"}
LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2048 * 2048, max_side=4096)
PATIENCE = 20.0  # seconds before a wait in a test is a hang


@dataclass(frozen=True, kw_only=True)
class House:
    """The parts that tests look at."""

    books: Books
    deliveries: Deliveries
    blobs: FileBlobs
    database: Database
    studio: Studio
    pictures: Pictures
    accounts: Accounts
    reviews: Reviews
    inbox: Inbox
    preferring: Preferring
    linking: Linking
    backends: Backends
    moderation: Moderation
    commands: Commands
    dispatcher: Dispatcher
    delivery: DeliveryService
    adapter: FakeAdapter
    endpoints: Sequence[FakeEndpoint]
    only_jobs: set[str]
    asked: list[str]

    async def ask(
        self, name: str, line: str = "", *, who: Identity = ADA, key: str = "", chat: str = "chat", **more: object
    ) -> Reply:
        """Give a command as somebody in a chat."""
        self.asked.append(line)
        place = Place(platform="fake", chat=chat, owner=who.name, owner_id=who.id)
        key = key or f"fake:{len(self.asked)}"
        return await self.commands.handle(
            Command(name=name, identity=who, place=place, key=key, line=line, **more),  # type: ignore[arg-type]
        )

    async def job(self, job_id: str) -> JobView:
        """A job as it is now."""
        view = await self.books.job(job_id)
        assert view is not None
        return view

    async def ended(self, job_id: str) -> JobView:
        """Wait until a job has ended, and give it."""
        async with asyncio.timeout(PATIENCE):
            while not (view := await self.job(job_id)).job.status.ended:  # noqa: ASYNC110 (as an outsider looks)
                await asyncio.sleep(0.01)
        return view


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; a hang is a failure."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (a test looks from outside: there is no event to wait for)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    endpoints: Sequence[FakeEndpoint] | None = None,
    adapter: FakeAdapter | None = None,
    policy: Policy | None = None,
    access: Access | None = None,
    safety: Safety | None = None,
    max_tries: int = 3,
    running: bool = True,
    only_jobs: set[str] | None = None,
    ping_after: float = 0.0,
    build: Callable[[Studio], Adapter] | None = None,
) -> AsyncIterator[House]:
    """Open a bot on a folder; `running` starts dispatcher and delivery. Opening the folder again is a restart.

    `build` makes another platform's adapter, which the delivery then serves besides; starting it is left to the caller.
    """
    board, clock, pace = Board(), SystemClock(), Pace()
    ends = list(endpoints) if endpoints is not None else [FakeEndpoint(slots=8)]
    platform = adapter or FakeAdapter()
    policy = policy or Policy(grant=600_000, max_queued_jobs=100)
    database = await Database.open(folder / "atelier.db")
    books = open_books(database, clock, policy)
    accounts = open_accounts(database, clock, policy)
    deliveries = open_deliveries(database, clock)
    reviews = open_reviews(database, clock)
    blobs = FileBlobs(folder / "blobs")
    pool = Pool(ends, missing=missing)
    await pool.start()
    screener = Screener(
        safety=safety or Guard(RULES),
        books=books,
        accounts=accounts,
        reviews=reviews,
        blobs=blobs,
        nsfw=Verdict.HOLD,
    )
    dispatcher = Dispatcher(
        books=books,
        blobs=blobs,
        pool=pool,
        board=board,
        clock=clock,
        pace=pace,
        max_tries=max_tries,
        screener=screener,
        only_jobs=only_jobs,
    )
    studio = Studio(
        books=books,
        deliveries=deliveries,
        blobs=blobs,
        library=Library.load([config_dir() / "workflows"]),
        pool=pool,
        board=board,
        pace=pace,
        clock=clock,
        dispatch=dispatcher,
        admission=Admission(books=books, accounts=accounts, access=access or OPEN),
        screener=screener,
        image_limits=LIMITS,
    )
    moderation = Moderation(
        accounts=accounts,
        books=books,
        blobs=blobs,
        copies=SamplerFolders([folder / "sampler"]),
        dispatch=dispatcher,
        clock=clock,
    )
    resolver = RequestResolver(studio, DEFAULTS)
    pictures = Pictures(
        studio=studio,
        gallery=open_gallery(database, clock),
        books=books,
        accounts=accounts,
        blobs=blobs,
        pool=pool,
        board=board,
    )
    adapters = [platform, build(studio)] if build is not None else [platform]
    inbox = Inbox(studio=studio, reviews=reviews, blobs=blobs, board=board, clock=clock, hours=168.0)
    preferring = Preferring(preferences=open_preferences(database, clock), moderation=moderation)
    linking = Linking(links=open_links(database, clock, policy), clock=clock)
    backends = Backends(pool=pool, drains=open_drains(database, clock))
    await backends.load()
    commands = Commands(
        studio=studio,
        moderation=moderation,
        inbox=inbox,
        preferring=preferring,
        prefer=PreferCommands(studio=studio, preferring=preferring, defaults=DEFAULTS, locales=("en", "zh-CN")),
        links=LinkCommands(linking),
        backends=BackendCommands(
            studio=studio, backends=backends, running=lambda: dispatcher.busy, families=lambda: FAMILIES
        ),
        pictures=pictures,
        conversations=Conversations(adapters),
        board=board,
        clock=clock,
        resolver=resolver,
        max_jobs=16,
    )
    tools = Tools(
        books=books,
        deliveries=deliveries,
        studio=studio,
        pictures=pictures,
        board=board,
        clock=clock,
        ping_after=ping_after,
    )
    delivery = DeliveryService(adapters=adapters, tools=tools)
    loops = [asyncio.create_task(dispatcher.run()), asyncio.create_task(delivery.run())] if running else []
    try:
        yield House(
            books=books,
            deliveries=deliveries,
            blobs=blobs,
            database=database,
            studio=studio,
            pictures=pictures,
            accounts=accounts,
            reviews=reviews,
            inbox=inbox,
            preferring=preferring,
            linking=linking,
            backends=backends,
            moderation=moderation,
            commands=commands,
            dispatcher=dispatcher,
            delivery=delivery,
            adapter=platform,
            endpoints=ends,
            only_jobs=set() if only_jobs is None else only_jobs,
            asked=[],
        )
    finally:
        for loop in loops:
            loop.cancel()
        failures = await asyncio.gather(*loops, return_exceptions=True)
        await pool.close()
        await database.close()
        blobs.close()
        broken = [e for e in failures if isinstance(e, Exception)]
        if broken:
            raise broken[0]
