"""The only place where the bot's objects are built and wired, and where it reads the environment."""

import getpass
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.adapter import Adapter
from bot.compose_commands import Beside, build_backends, build_commands, build_inbox, build_preferring
from bot.compose_platforms import build_platforms
from bot.compose_safety import build_screener
from bot.compose_studio import build_studio
from bot.console.adapter import PLATFORM, ConsoleAdapter
from bot.delivery import DeliveryService
from bot.delivery_tools import Tools
from bot.door import Door
from bot.metrics import Metrics
from bot.programs import sampler_command
from bot.service import Service
from bot.texts import Texts
from bot.upkeep import Upkeep
from config.settings import EndpointSettings, Settings, config_dir, load_settings
from engine.board import Board
from engine.clock import SystemClock
from engine.dispatcher import Dispatcher
from engine.endpoints.comfyui.endpoint import ComfyEndpoint
from engine.endpoints.local.child import SamplerChild
from engine.endpoints.local.endpoint import LocalEndpoint
from engine.endpoints.pool import Pool, PooledEndpoint
from engine.errors import StartError, StorageError
from engine.gallery import Gallery
from engine.linking import Linking, Links
from engine.model import Identity
from engine.moderation import Copies, Moderation
from engine.pace import Pace
from engine.pictures import Pictures
from engine.ports import Accounts, Blobs, Books, Clock, Deliveries
from engine.ports_moderation import Drains, Preferences, Reviews
from engine.ports_places import Moves
from engine.screening import Screener
from engine.studio import Studio
from engine.workflows.library import Library
from engine.workflows.lint import missing

if TYPE_CHECKING:
    from storage.blobs import FileBlobs
    from storage.database import Database
    from storage.policy import Policy
    from storage.retention import Retention

log = structlog.get_logger(__name__)

SAMPLER_FOLDERS = ("input", "output", "temp")


def settings_of_this_process(path: Path | None) -> Settings:
    """Read the settings as the environment and the file say. Raises SettingsError."""
    return load_settings(path, os.environ)


def workflow_folders(settings: Settings) -> tuple[Path, ...]:
    """Where templates are: the built-in ones, then the community's own."""
    own = (settings.workflows_dir,) if settings.workflows_dir else ()
    return (config_dir() / "workflows", *own)


def load_texts() -> Texts:
    """What people read, in every language."""
    return Texts.load(config_dir() / "locales")


def console_identity() -> Identity:
    """Whoever runs this process."""
    try:
        name = getpass.getuser()
    except OSError:  # a container's user without a name
        name = f"user-{os.getuid()}"
    return Identity(platform=PLATFORM, id=str(os.getuid()), name=name)


def build_endpoint(settings: Settings, endpoint: EndpointSettings) -> PooledEndpoint:
    """Make an endpoint of its kind. Raises StartError for a kind that this version does not serve."""
    key = settings.endpoint_keys.get(endpoint.name)
    match endpoint.kind:
        case "local":
            return LocalEndpoint(
                name=endpoint.name,
                child=build_child(settings),
                weight=endpoint.weight,
                slots=endpoint.slots or settings.sampler.max_batch,
                timeout=settings.tasks.timeout,
            )
        case "comfyui":
            return ComfyEndpoint(
                name=endpoint.name,
                url=str(endpoint.url),
                key=key.get_secret_value() if key else None,
                weight=endpoint.weight,
                slots=endpoint.slots or 2,
                timeout=settings.tasks.timeout,
            )
        case other:
            raise StartError(f"endpoint {endpoint.name}: kind {other} is not served by this version; use comfyui")


def models_folder(settings: Settings) -> Path:
    """Where our sampler looks for models: `checkpoints` and other folders are in it."""
    return (settings.sampler.models_dir or settings.data_dir / "models").absolute()


def sampler_folder(settings: Settings) -> Path:
    """Where the sampler child keeps what it is sent and what it makes."""
    return settings.data_dir.absolute() / "sampler"


def build_child(settings: Settings) -> SamplerChild:
    """Our sampler as a child process on a free loopback port, its files below `data_dir`, and none of our secrets."""
    arguments = ["--listen", "127.0.0.1", "--port", "0", "--exit-with-parent"]
    folder = sampler_folder(settings)
    arguments += ["--device", settings.sampler.device, "--max-batch", str(settings.sampler.max_batch)]
    for kind in SAMPLER_FOLDERS:
        arguments += [f"--{kind}-directory", str(folder / kind)]
    arguments += ["--models-dir", str(models_folder(settings)), *(["--exact"] if settings.sampler.exact else [])]
    return SamplerChild(
        command=sampler_command(arguments),
        environment=child_environment(),
        start_timeout=settings.sampler.start_timeout,
    )


def child_environment() -> dict[str, str]:
    """What a process of ours is started with: everything but our secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ATELIER_")}


def build_pool(settings: Settings) -> Pool:
    """All configured endpoints, not yet started."""
    return Pool([build_endpoint(settings, endpoint) for endpoint in settings.endpoints], missing=missing)


@asynccontextmanager
async def open_service(settings: Settings, *, alone: bool = False) -> AsyncIterator[Service]:
    """Open database, endpoints and adapters, and run until the block ends; everything is closed in reverse order.

    `alone`: for one console command; it serves only the jobs of its own terminal, listens on a free port and leaves no
    notice. Raises StartError or StorageError.
    """
    clock, board, pace = SystemClock(), Board(), Pace()
    texts, library = load_texts(), Library.load(workflow_folders(settings))
    async with AsyncExitStack() as stack:
        storage = await open_storage(settings, clock, stack)
        books = storage.books
        pool = build_pool(settings)
        await pool.start()
        stack.push_async_callback(pool.close)
        own_jobs = set[str]() if alone else None
        screener = await build_screener(settings, storage, stack, child_environment())
        dispatcher = build_dispatcher(settings, storage, pool, board, pace, clock, own_jobs, screener)
        pool.subscribe(dispatcher.wake)
        studio = build_studio(settings, storage, library, pool, board, pace, clock, dispatcher, screener)
        console = ConsoleAdapter(texts=texts, identity=console_identity(), locale=settings.locale)
        platforms, webhooks = (
            ([], {}) if alone else build_platforms(settings, texts, studio, books, storage.moves, pool)
        )
        adapters: list[Adapter] = [console, *platforms]
        beside = await build_beside(settings, storage, studio, pool, board, dispatcher, clock)
        upkeep = Upkeep(storage.retention, expire=beside.inbox.expire)
        metrics = Metrics(
            books=books, deliveries=storage.deliveries, reviews=storage.reviews, pool=pool, dispatcher=dispatcher
        )
        door = Door(
            host="127.0.0.1" if alone else settings.http.host,
            port=0 if alone else settings.http.port,
            console=console.route,
            prune=upkeep.route,
            ready=lambda: readiness(books, pool),
            metrics=metrics.read,
            webhooks=webhooks,
        )
        notice = await door.open()
        stack.push_async_callback(door.close)
        models = models_folder(settings) if any(each.kind == "local" for each in settings.endpoints) else None
        service = Service(
            commands=build_commands(settings, texts, studio, beside, adapters, dispatcher, board, clock, models),
            dispatcher=dispatcher,
            delivery=build_delivery(settings, storage, studio, beside.pictures, board, clock, adapters),
            adapters=adapters,
            upkeep=None if alone else upkeep,
            own_jobs=own_jobs,
            notice=notice,
        )
        async with service.running():
            if not alone:
                door.announce(notice, settings.data_dir)
            yield service


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What must survive a power cut."""

    books: Books
    accounts: Accounts
    deliveries: Deliveries
    gallery: Gallery
    reviews: Reviews
    preferences: Preferences
    drains: Drains
    links: Links
    moves: Moves
    blobs: Blobs
    copies: Copies  # what our sampler's folders hold of them
    retention: "Retention"


async def open_storage(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Storage:
    """Open what must survive a power cut; `stack` closes it. Raises StorageError."""
    # A terminal that finds a running service needs no database: importing it here halves the terminal's start.
    from storage.accounts import open_accounts
    from storage.blobs import FileBlobs
    from storage.books import open_books
    from storage.database import Database
    from storage.deliveries import open_deliveries
    from storage.drains import open_drains
    from storage.gallery import open_gallery
    from storage.linking import open_links
    from storage.moves import SqlMoves
    from storage.preferences import open_preferences
    from storage.reviews import open_reviews

    policy = build_policy(settings)
    database = await Database.open(settings.database_path)
    stack.push_async_callback(database.close)
    blobs = FileBlobs(settings.data_dir / "blobs")
    stack.callback(blobs.close)
    await blobs.sweep()  # what a killed process had begun to write
    retention = build_retention(settings, database, blobs, clock)
    return Storage(
        books=open_books(database, clock, policy),
        accounts=open_accounts(database, clock, policy),
        deliveries=open_deliveries(database, clock),
        gallery=open_gallery(database, clock),
        reviews=open_reviews(database, clock),
        preferences=open_preferences(database, clock),
        drains=open_drains(database, clock),
        links=open_links(database, clock, policy),
        moves=SqlMoves(database),
        blobs=blobs,
        copies=retention.copies,
        retention=retention,
    )


def build_retention(settings: Settings, database: "Database", blobs: "FileBlobs", clock: Clock) -> "Retention":
    """What sweeps the data folder."""
    from storage.leftovers import SamplerFolders
    from storage.retention import Retention

    return Retention(
        database=database,
        blobs=blobs,
        copies=SamplerFolders([sampler_folder(settings) / kind for kind in SAMPLER_FOLDERS]),
        clock=clock,
        days=settings.retention.days,
        copies_age=settings.retention.sampler_hours * 3600,
    )


def build_dispatcher(
    settings: Settings,
    storage: Storage,
    pool: Pool,
    board: Board,
    pace: Pace,
    clock: Clock,
    own_jobs: set[str] | None,
    screener: Screener,
) -> Dispatcher:
    """The loop between the queue and the endpoints; `own_jobs` as in `Service`."""
    return Dispatcher(
        books=storage.books,
        blobs=storage.blobs,
        pool=pool,
        board=board,
        clock=clock,
        pace=pace,
        max_tries=settings.tasks.max_tries,
        screener=screener,
        only_jobs=own_jobs,
    )


def build_policy(settings: Settings) -> "Policy":
    """The figures by which the books decide."""
    from engine.fairness import Bounds
    from storage.policy import Policy

    return Policy(
        grant=settings.quota.grant * 1000,
        community_grant=settings.quota.community_grant * 1000,
        period_seconds=settings.quota.period_hours * 3600,
        max_queued_jobs=settings.quota.max_queued_jobs,
        max_running_tasks=settings.queue.max_running_tasks or None,
        max_community_jobs=settings.queue.max_community_jobs or None,
        max_community_tasks=settings.queue.max_community_tasks or None,
        max_wait_seconds=settings.queue.max_wait_hours * 3600,
        bounds=Bounds(relaxed_share=settings.queue.relaxed_share, affinity=settings.queue.affinity * 1000),
    )


def build_delivery(
    settings: Settings,
    storage: Storage,
    studio: Studio,
    pictures: Pictures,
    board: Board,
    clock: Clock,
    adapters: Sequence[Adapter],
) -> DeliveryService:
    """The delivery to all platforms."""
    tools = Tools(
        books=storage.books,
        deliveries=storage.deliveries,
        studio=studio,
        pictures=pictures,
        board=board,
        clock=clock,
        ping_after=settings.delivery.ping_after,
    )
    return DeliveryService(adapters=adapters, tools=tools)


async def build_beside(
    settings: Settings, storage: Storage, studio: Studio, pool: Pool, board: Board, dispatcher: Dispatcher, clock: Clock
) -> Beside:
    """What commands may ask besides the studio."""
    moderation = build_moderation(storage, dispatcher, clock)
    return Beside(
        moderation=moderation,
        pictures=build_pictures(storage, studio, pool, board),
        inbox=build_inbox(settings, studio, storage.reviews, storage.blobs, board, clock),
        backends=await build_backends(pool, storage.drains),
        preferring=build_preferring(storage.preferences, moderation),
        linking=Linking(links=storage.links, clock=clock),
    )


def build_moderation(storage: Storage, dispatcher: Dispatcher, clock: Clock) -> Moderation:
    """What moderators, operators and people themselves may ask of accounts."""
    return Moderation(
        accounts=storage.accounts,
        books=storage.books,
        blobs=storage.blobs,
        copies=storage.copies,
        dispatch=dispatcher,
        clock=clock,
    )


def build_pictures(storage: Storage, studio: Studio, pool: Pool, board: Board) -> Pictures:
    """What may be done with pictures that there are."""
    return Pictures(
        studio=studio,
        gallery=storage.gallery,
        books=storage.books,
        accounts=storage.accounts,
        blobs=storage.blobs,
        pool=pool,
        board=board,
    )


async def readiness(books: Books, pool: Pool) -> dict[str, bool]:
    """Whether each part can do its work now."""
    try:
        await books.backlog()
    except StorageError as error:
        log.error("database_not_ready", error=error.code, detail=error.detail)
        return {"database": False, "endpoints": bool(pool.ready)}
    return {"database": True, "endpoints": bool(pool.ready)}
