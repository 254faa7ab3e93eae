"""The commands, built for `bot/compose.py`: all that people may ask, over the studio and what is beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.adapter import Adapter
from bot.commands import Commands
from bot.commands_backends import BackendCommands
from bot.commands_link import LinkCommands
from bot.commands_prefer import PreferCommands
from bot.private import Conversations
from bot.requests import BUILT_IN_MODEL, Defaults, RequestResolver
from bot.texts import Texts
from config.settings import Settings
from engine.backends import Backends
from engine.board import Board
from engine.dispatcher import Dispatcher
from engine.endpoints.pool import Pool
from engine.inbox import Inbox
from engine.linking import Linking
from engine.model_files import find_models
from engine.moderation import Moderation
from engine.pictures import Pictures
from engine.ports import Blobs, Clock
from engine.ports_moderation import Drains, Preferences, Reviews
from engine.preferring import Preferring
from engine.studio import Studio

_BUILT_IN = {("checkpoints", BUILT_IN_MODEL): "the built-in small model"}


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What commands reach beside the studio."""

    moderation: Moderation
    pictures: Pictures
    inbox: Inbox
    backends: Backends
    preferring: Preferring
    linking: Linking


def build_inbox(
    settings: Settings, studio: Studio, reviews: Reviews, blobs: Blobs, board: Board, clock: Clock
) -> Inbox:
    """What waits for a moderator's eye."""
    hours = settings.safety.review_hours
    return Inbox(studio=studio, reviews=reviews, blobs=blobs, board=board, clock=clock, hours=hours)


async def build_backends(pool: Pool, drains: Drains) -> Backends:
    """The endpoints, with those drained that were before."""
    backends = Backends(pool=pool, drains=drains)
    await backends.load()
    return backends


def build_preferring(preferences: Preferences, moderation: Moderation) -> Preferring:
    """What people, channels and communities prefer."""
    return Preferring(preferences=preferences, moderation=moderation)


def build_commands(
    settings: Settings,
    texts: Texts,
    studio: Studio,
    beside: Beside,
    adapters: Sequence[Adapter],
    dispatcher: Dispatcher,
    board: Board,
    clock: Clock,
    models: Path | None,
) -> Commands:
    """The commands, with what a request means that does not say; `models` is our own sampler's folder."""
    defaults = Defaults(
        template=settings.defaults.template,
        image_template="img2img",
        mask_template="inpaint",
        model=settings.defaults.model,
    )
    return Commands(
        studio=studio,
        moderation=beside.moderation,
        inbox=beside.inbox,
        preferring=beside.preferring,
        prefer=PreferCommands(studio=studio, preferring=beside.preferring, defaults=defaults, locales=texts.locales),
        links=LinkCommands(beside.linking),
        backends=BackendCommands(
            studio=studio,
            backends=beside.backends,
            running=lambda: dispatcher.busy,
            families=lambda: families_in(models),
        ),
        pictures=beside.pictures,
        conversations=Conversations(adapters),
        board=board,
        clock=clock,
        resolver=RequestResolver(studio, defaults),
        max_jobs=settings.quota.max_jobs_per_request,
    )


def families_in(models: Path | None) -> Mapping[tuple[str, str], str]:
    """Say what the model files of a folder are, by their folder in it and their name; blocks on disk."""
    if models is None:
        return {}
    found = {(m.folder, m.name): str(m.header.family) for m in find_models(models) if m.header is not None}
    return {**_BUILT_IN, **found}
