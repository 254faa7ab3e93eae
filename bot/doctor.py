"""`atelier doctor`: looks at everything that a service needs, and says how to mend what is wrong."""

import asyncio
import importlib.util
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import aiohttp
from rich.console import Console

from bot.door import find_service
from bot.programs import Exit
from config.keys import variable_name
from config.settings import EndpointSettings, Settings
from engine.errors import AtelierError, ServiceRunning, TemplateBroken
from engine.workflows.library import Library
from storage.database import Database

LOW_DISK = 1 * 2**30  # bytes free under which pictures soon have no room
REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=10)
CLASSIFIER_FILES = ("config.json", "model.safetensors")
LOCAL_MODULES = ("torch", "diffusers", "transformers", "safetensors")


class Health(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


_MARKS = {Health.GOOD: "[green]✓[/]", Health.WARNING: "[yellow]![/]", Health.BAD: "[red]✗[/]"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check saw, and how to mend it; `mend` is empty where nothing is wrong."""

    subject: str
    health: Health
    says: str
    mend: str = ""


def good(subject: str, says: str) -> Finding:
    """Nothing to do."""
    return Finding(subject=subject, health=Health.GOOD, says=says)


def warning(subject: str, says: str, mend: str) -> Finding:
    """Works, but not as well as it could."""
    return Finding(subject=subject, health=Health.WARNING, says=says, mend=mend)


def bad(subject: str, says: str, mend: str) -> Finding:
    """Does not work."""
    return Finding(subject=subject, health=Health.BAD, says=says, mend=mend)


async def examine(settings: Settings, workflows: tuple[Path, ...]) -> AsyncIterator[Finding]:
    """Run every check, the quick ones first; changes nothing but the database file, which is made if it is missing."""
    running = await find_service(settings.data_dir) is not None
    yield await asyncio.to_thread(check_data_dir, settings.data_dir)
    yield await check_database(settings, running=running)
    yield check_templates(workflows)
    yield check_safety(settings)
    yield check_door(settings, running=running)
    async with aiohttp.ClientSession(timeout=REQUEST_TIMEOUT) as session:
        for endpoint in settings.endpoints:
            yield await check_endpoint(session, settings, endpoint)
        yield await check_discord(session, settings)
        yield await check_telegram(session, settings)


async def report(settings: Settings, workflows: tuple[Path, ...], console: Console) -> Exit:
    """Print the findings; the exit code says whether anything is broken."""
    worst = Exit.DONE
    async for finding in examine(settings, workflows):
        console.print(_MARKS[finding.health], end=" ")
        console.print(f"{finding.subject}: {finding.says}", markup=False, highlight=False, soft_wrap=True)
        if finding.mend:
            console.print(f"    → {finding.mend}", markup=False, highlight=False, soft_wrap=True)
        if finding.health is Health.BAD:
            worst = Exit.NOT_STARTED
    return worst


def check_data_dir(folder: Path) -> Finding:
    """The folder can be written, and has room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return bad("data folder", f"{folder}: {error.strerror}", "let this user write there, or set data_dir")
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK:
        return warning("data folder", f"{folder}: {free / 2**30:.1f} GiB free", "make room, or set data_dir elsewhere")
    return good("data folder", f"{folder}, {free / 2**30:.0f} GiB free")


async def check_database(settings: Settings, *, running: bool) -> Finding:
    """The database opens, and is of this version."""
    path = settings.database_path
    if running:
        return good("database", f"{path}, open in the running service")
    try:
        database = await Database.open(path)
        await database.close()
    except ServiceRunning:
        return bad("database", f"{path} is held by another process", "end that process, or set another data_dir")
    except AtelierError as error:
        return bad("database", f"{path}: {error.detail}", "move the file away, or restore a backup that lies beside it")
    return good("database", str(path))


def check_templates(folders: tuple[Path, ...]) -> Finding:
    """Every workflow template can be read."""
    try:
        library = Library.load(folders)
    except TemplateBroken as error:
        return bad("templates", str(error), "mend the file that is named, or take the template's folder away")
    return good("templates", ", ".join(library.names()))


def check_safety(settings: Settings) -> Finding:
    """Whatever looks at prompts and pictures can do so."""
    folder, checks = settings.safety.classifier, ["the rules for words"]
    if folder is not None:
        lacking = [name for name in CLASSIFIER_FILES if not (folder / name).is_file()]
        missing = [name for name in LOCAL_MODULES if importlib.util.find_spec(name) is None]
        if lacking:
            return bad("safety", f"{folder} has no {lacking[0]}", "set safety.classifier to a model's folder")
        if missing:
            return bad("safety", f"not installed: {', '.join(missing)}", "pip install 'atelier[local]'")
        checks.append(f"the classifier in {folder}")
    if settings.safety.hook_url is not None:
        checks.append(f"the hook at {settings.safety.hook_url}")
    return good("safety", ", ".join(checks))


def check_door(settings: Settings, *, running: bool) -> Finding:
    """The service's port is free, or is the service's."""
    address = f"{settings.http.host}:{settings.http.port}"
    if running:
        return good("service", "running")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http.host, settings.http.port))
        except OSError as error:
            return bad("service", f"{address}: {error.strerror}", "set http.port to a free one")
    return good("service", f"not running; {address} is free")


async def check_endpoint(session: aiohttp.ClientSession, settings: Settings, endpoint: EndpointSettings) -> Finding:
    """The endpoint answers, or could be started."""
    subject = f"endpoint {endpoint.name}"
    if endpoint.kind == "local":
        missing = [name for name in LOCAL_MODULES if importlib.util.find_spec(name) is None]
        if missing:
            return bad(
                subject, f"not installed: {', '.join(missing)}", "pip install 'atelier[local]', or use kind comfyui"
            )
        folder = settings.sampler.models_dir
        if folder is not None and not folder.is_dir():
            return bad(subject, f"{folder} is no folder", "set sampler.models_dir to your models' folder")
        return good(subject, f"our sampler, models in {folder}" if folder else "our sampler with the built-in model")
    url = f"{endpoint.url}/system_stats"
    key = settings.endpoint_keys.get(endpoint.name)
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        async with session.get(url, headers=headers) as reply:
            if reply.status in (401, 403):
                variable = variable_name(f"endpoint_keys.{endpoint.name}")
                return bad(subject, f"{endpoint.url} refused the key", f"set {variable}")
            if reply.status != 200:
                return bad(subject, f"{url} answered {reply.status}", "check that the url is a ComfyUI server's")
            await reply.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return bad(subject, f"{endpoint.url}: {error or type(error).__name__}", "start it, or correct its url")
    return good(subject, str(endpoint.url))


async def check_discord(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    """The token is one that Discord knows."""
    if settings.discord.token is None:
        return good("discord", "off (no token)")
    headers = {"Authorization": f"Bot {settings.discord.token.get_secret_value()}"}
    url = f"{settings.discord.api_base}/users/@me"
    return await _check_token(session, "discord", url, headers, variable_name("discord.token"), name="username")


async def check_telegram(session: aiohttp.ClientSession, settings: Settings) -> Finding:
    """The token is one that Telegram knows."""
    if settings.telegram.token is None:
        return good("telegram", "off (no token)")
    url = f"{settings.telegram.api_base}/bot{settings.telegram.token.get_secret_value()}/getMe"
    return await _check_token(session, "telegram", url, {}, variable_name("telegram.token"), name="username")


async def _check_token(
    session: aiohttp.ClientSession, subject: str, url: str, headers: Mapping[str, str], variable: str, *, name: str
) -> Finding:
    """Ask the platform who we are; no address is shown, since Telegram's has the token in it."""
    try:
        async with session.get(url, headers=headers) as reply:
            body = await reply.json()
            if reply.status != 200:
                return bad(subject, f"the token was refused ({reply.status})", f"set {variable} to the bot's token")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return bad(subject, f"no answer ({type(error).__name__})", f"check the network and {subject}.api_base")
    who = body.get("result", body)
    return good(subject, f"@{who.get(name, '?')}")
