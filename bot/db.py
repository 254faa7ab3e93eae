"""`atelier db`: the data folder pruned, backed up, restored and checked by hand."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from bot.compose import build_retention
from bot.door import Notice, find_service
from bot.programs import Exit
from config.settings import Settings
from engine.clock import SystemClock
from engine.errors import BlobMissing, ServiceRunning
from storage import backup, database_sqlite
from storage.blobs import FileBlobs
from storage.database import Database
from storage.proof import prove
from storage.retention import Swept

ASK_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_read=3600.0)  # a first sweep of a full disk takes its time


async def prune(settings: Settings, console: Console, *, dry_run: bool) -> Exit:
    """Remove what need not be kept: through the service where one runs, else here. Raises StorageError."""
    notice = await find_service(settings.data_dir)
    swept = await (_sweep(settings, dry_run) if notice is None else _ask_to_sweep(notice, dry_run))
    _say(
        console,
        f"{'Would remove' if dry_run else 'Removed'} {swept.pictures} pictures of {swept.jobs} jobs, "
        f"{swept.files} files ({swept.size / 2**20:.1f} MiB), and {swept.copies} copies of the sampler's.",
    )
    if swept.backup:
        _say(console, "A backup is being made: files stay until it is done.", "yellow")
    if not settings.retention.days:
        _say(console, "retention.days is 0: pictures are kept for ever, where no community says otherwise.", "dim")
    return Exit.DONE


async def back_up(settings: Settings, console: Console, target: Path) -> Exit:
    """Write everything into one file, while a service may run. Raises StorageError, Refusal."""
    with _blobs(settings) as blobs, _progress(console) as progress:
        manifest = await asyncio.to_thread(
            backup.back_up, settings.database_path, blobs, target, now=SystemClock().now(), progress=progress
        )
    _say(console, f"Backed up the database and {manifest.blobs} pictures to {target}, and read it again.")
    if not manifest.missing:
        return Exit.DONE
    lost = len(manifest.missing)
    _say(console, f"{lost} pictures were not there, or damaged; `atelier db check` names them.", "red")
    return Exit.FAILED


async def restore(settings: Settings, console: Console, source: Path, *, force: bool) -> Exit:
    """Put a backup back. Raises UserError, Refusal, StorageError; then the old state is untouched."""
    with _blobs(settings) as blobs, _progress(console) as progress:
        manifest = await asyncio.to_thread(
            backup.restore, source, settings.database_path, blobs, force=force, progress=progress
        )
    made = datetime.fromtimestamp(manifest.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    _say(console, f"Restored the database of {made} and {manifest.blobs} pictures into {settings.data_dir}.")
    kept = settings.database_path.with_name(f"{settings.database_path.name}.before-restore")
    if kept.exists():
        _say(console, f"The database that was there lies beside it: {kept}", "dim")
    return Exit.DONE


async def check(settings: Settings, console: Console) -> Exit:
    """Look at everything that is stored; fails with a sentence for each thing that is wrong. Raises StorageError."""
    path = settings.database_path
    problems = await asyncio.to_thread(database_sqlite.problems, path) if path.exists() else [f"{path} is not there"]
    names: tuple[str, ...] = ()
    if not problems:
        database = await _open_to_look(path)
        try:
            problems += await database.read(prove)
            names = await database.read(backup.blob_names)
        finally:
            await database.close()
        with _blobs(settings) as blobs, _progress(console) as progress:
            problems += await asyncio.to_thread(_missing, blobs, names, progress)
    for problem in problems:
        _say(console, problem, "red")
    verdict = "All is well" if not problems else f"{len(problems)} thing(s) are wrong"
    _say(console, f"{verdict}: the database, its books and {len(names)} pictures were looked at.")
    return Exit.FAILED if problems else Exit.DONE


async def _sweep(settings: Settings, dry_run: bool) -> Swept:
    database = await Database.open(settings.database_path)
    try:
        with _blobs(settings) as blobs:
            return await build_retention(settings, database, blobs, SystemClock()).sweep(dry_run=dry_run)
    finally:
        await database.close()


async def _ask_to_sweep(notice: Notice, dry_run: bool) -> Swept:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {notice.key}"}, timeout=ASK_TIMEOUT) as session,
        session.post(f"{notice.url}/prune", params={"dry_run": "1" if dry_run else "0"}) as reply,
    ):
        reply.raise_for_status()
        return Swept(**await reply.json())


async def _open_to_look(path: Path) -> Database:
    """Open a database alone, or beside the service that has it."""
    try:
        return await Database.open(path)
    except ServiceRunning:
        return await asyncio.to_thread(Database.open_to_read, path)


def _missing(blobs: FileBlobs, names: tuple[str, ...], progress: backup.Progress) -> list[str]:
    problems = []
    for number, name in enumerate(names):
        progress("checking", number, len(names))
        try:
            blobs.read(name)
        except BlobMissing as error:
            problems.append(error.detail)
    return problems


@contextmanager
def _blobs(settings: Settings) -> Iterator[FileBlobs]:
    blobs = FileBlobs(settings.data_dir / "blobs")
    try:
        yield blobs
    finally:
        blobs.close()


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar while files are gone through; nothing where nobody looks at it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bars:
        shown: dict[str, TaskID] = {}

        def progress(what: str, done: int, of: int) -> None:
            if what not in shown:
                shown[what] = bars.add_task(what.capitalize(), total=of)
            bars.update(shown[what], completed=done + 1)

        yield progress


def _say(console: Console, sentence: str, style: str = "") -> None:
    console.print(sentence, style=style, markup=False, highlight=False, soft_wrap=True)
