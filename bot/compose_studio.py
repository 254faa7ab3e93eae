"""Builds the studio for `bot/compose.py`: who is served, and what is taken."""

from typing import TYPE_CHECKING

from config.settings import Settings
from engine.admission import Access, Admission
from engine.board import Board
from engine.dispatcher import Dispatcher
from engine.endpoints.pool import Pool
from engine.images import ImageLimits
from engine.pace import Pace
from engine.ports import Clock
from engine.screening import Screener
from engine.studio import Studio
from engine.workflows.library import Library

if TYPE_CHECKING:
    from bot.compose import Storage


def build_studio(
    settings: Settings,
    storage: "Storage",
    library: Library,
    pool: Pool,
    board: Board,
    pace: Pace,
    clock: Clock,
    dispatcher: Dispatcher,
    screener: Screener,
) -> Studio:
    """The studio, with the settings' limits."""
    return Studio(
        books=storage.books,
        deliveries=storage.deliveries,
        blobs=storage.blobs,
        library=library,
        pool=pool,
        board=board,
        pace=pace,
        clock=clock,
        dispatch=dispatcher,
        admission=Admission(books=storage.books, accounts=storage.accounts, access=build_access(settings)),
        screener=screener,
        image_limits=build_image_limits(settings),
    )


def build_access(settings: Settings) -> Access:
    """Who is served at all."""
    return Access(
        operators=frozenset(settings.operators),
        open=settings.access == "open",
        allowed=frozenset(settings.allowlist),
    )


def build_image_limits(settings: Settings) -> ImageLimits:
    """How large an input may be."""
    inputs = settings.inputs
    return ImageLimits(max_bytes=inputs.max_bytes, max_pixels=inputs.max_pixels, max_side=inputs.max_side)
