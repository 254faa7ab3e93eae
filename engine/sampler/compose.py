"""The only place where the sampler's objects are built and wired, and where its environment is read."""

import asyncio
import contextlib
import gc
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from aiohttp import web

from engine.sampler.execution.cache import NodeCache
from engine.sampler.execution.executor import Executor, built_in_implementation
from engine.sampler.execution.queue import PromptQueue
from engine.sampler.execution.report import type_name
from engine.sampler.execution.run import Implementation
from engine.sampler.nodes.declarations import built_in
from engine.sampler.nodes.registry import Folders, NodeDeclaration, Runtime
from engine.sampler.server.app import build_app
from engine.sampler.server.catalogue import CatalogueRoutes
from engine.sampler.server.files import SamplerFolders, built_in_model_directory
from engine.sampler.server.images import ImageRoutes
from engine.sampler.server.lifetime import end_with_parent, stop_on_signals
from engine.sampler.server.machine import MachineRoutes
from engine.sampler.server.prompts import PromptRoutes
from engine.sampler.server.scratch import Scratch
from engine.sampler.server.security import is_loopback
from engine.sampler.server.sockets import SocketHub

KEY_VARIABLE = "ATELIER_SAMPLER_KEY"
_DOORS_FIRST = 0.3  # seconds: importing torch holds the interpreter, so whoever waits for the doors is answered before
_STOP_GRACE = 3.0  # seconds for running prompts to notice their interrupt
_log = structlog.get_logger(__name__)

RuntimeFactory = Callable[[Folders], Runtime]


class CannotStart(Exception):
    """The sampler cannot start as it was asked to; the text is one sentence for people."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line and the environment ask for."""

    listen: str = "127.0.0.1"
    port: int = 8188  # 0 takes a free one
    models: Path = Path("models")
    input: Path | None = None  # None: beside the models
    output: Path | None = None
    temp: Path | None = None  # None: in the system's folder for temporary files
    device: str = "auto"  # auto, cpu, cuda
    max_batch: int = 8  # pictures that share one forward pass
    exact: bool = False  # every pass has the same size, so that company never changes a picture in half precision
    built_in: bool = True
    exit_with_parent: bool = False
    key: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """A built sampler, which `serve` runs."""

    options: Options
    folders: SamplerFolders
    scratch: Scratch
    queue: PromptQueue
    hub: SocketHub
    executor: Executor
    app: web.Application
    build_runtime: RuntimeFactory


def with_environment(options: Options) -> Options:
    """Add what only the environment may say: the key; and tell OpenMP, before torch is loaded, to wait asleep.

    OpenMP's threads wait by spinning, which starves whatever else runs on the same cores: with two prompts at once on
    two cores a UNet pass took three to five times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return replace(options, key=os.environ.get(KEY_VARIABLE, ""))


def build(
    options: Options,
    *,
    declarations: Mapping[str, NodeDeclaration] | None = None,
    implementation: Callable[[NodeDeclaration], Implementation] = built_in_implementation,
    build_runtime: RuntimeFactory | None = None,
) -> Sampler:
    """Build a sampler; tests bring nodes and a runtime of their own. Raises CannotStart."""
    if not options.key and not is_loopback(options.listen):
        raise CannotStart(
            f"Without a key in {KEY_VARIABLE} the sampler listens on 127.0.0.1 only, not on {options.listen}."
        )
    declarations = built_in() if declarations is None else declarations
    folders, scratch = _make_folders(options)
    hub = SocketHub()
    queue = PromptQueue(hub.status)
    executor = Executor(
        declarations=declarations,
        store=folders,
        queue=queue,
        events=hub,
        node_cache=NodeCache(),
        implementation=implementation,
    )
    tables = (
        MachineRoutes(executor=executor, declarations=declarations).routes(),
        CatalogueRoutes(declarations=declarations, folders=folders).routes(),
        PromptRoutes(declarations=declarations, listing=folders, queue=queue).routes(),
        ImageRoutes(folders=folders).routes(),
    )
    return Sampler(
        options=options,
        folders=folders,
        scratch=scratch,
        queue=queue,
        hub=hub,
        executor=executor,
        app=build_app(key=options.key, hub=hub, routes=[route for table in tables for route in table]),
        build_runtime=build_runtime or _torch_runtime(options),
    )


async def serve(sampler: Sampler) -> int:
    """Open the doors, load torch behind them, serve until told to stop; give the exit code. Raises CannotStart."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int = 0) -> None:
        if not stopped.done():
            stopped.set_result(code)

    def give_up() -> None:
        loop.call_soon_threadsafe(stop, 1)

    stop_on_signals(loop, stop)
    sampler.hub.bind(loop)
    runner = web.AppRunner(sampler.app, access_log=None, shutdown_timeout=1.0)
    try:
        url = await _listen(runner, sampler.options)
        if sampler.options.exit_with_parent:
            end_with_parent(loop, stop)
        _say({"url": url})
        _log.info("listening", action="listen", url=url)
        loop.call_later(_DOORS_FIRST, _load_behind, sampler, give_up)
        code = await stopped
    finally:
        await _close(sampler, runner)
    _log.info("stopped", action="stop", code=code)
    return code


def _say(line: dict[str, str]) -> None:
    with contextlib.suppress(OSError):  # whoever started us need not listen
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


async def _listen(runner: web.AppRunner, options: Options) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, options.listen, options.port).start()
    except OSError as error:
        reason = error.strerror or "the address cannot be used"
        raise CannotStart(
            f"The sampler cannot listen on {options.listen} port {options.port}: {reason}. "
            "Choose another with --port, or 0 for a free one."
        ) from error
    port = runner.addresses[0][1]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.listen, options.listen)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _load_behind(sampler: Sampler, give_up: Callable[[], None]) -> None:
    """Build the runtime in a thread and start the executor with it; prompts that came before wait in the queue."""

    def load() -> None:
        try:
            runtime = sampler.build_runtime(sampler.folders)
        except Exception as error:
            _log.error("the sampler cannot sample", action="load", error=type_name(error), reason=str(error))
            give_up()
            return
        gc.collect()
        gc.freeze()  # torch stays: to look through all of it again would hold up a pass by a sixth of a second
        _log.info("ready", action="load", device=runtime.device_name)
        sampler.executor.start(runtime)

    threading.Thread(target=load, name="load", daemon=True).start()


async def _close(sampler: Sampler, runner: web.AppRunner) -> None:
    ended = await asyncio.to_thread(sampler.executor.stop, grace=_STOP_GRACE)
    await sampler.hub.close()
    await runner.cleanup()
    if sampler.executor.runtime is not None:
        await asyncio.to_thread(sampler.executor.runtime.close)
    sampler.scratch.remove()
    if not ended:
        _log.warning("prompts did not end in time", action="stop")


def _torch_runtime(options: Options) -> RuntimeFactory:
    def factory(folders: Folders) -> Runtime:
        try:
            from engine.sampler.models.runtime import build as build_torch
        except ModuleNotFoundError as error:
            raise CannotStart(f"{error.name} is not installed: install Atelier with its extra `local`.") from error
        return build_torch(folders, device=options.device, max_batch=options.max_batch, exact=options.exact)

    return factory


def _make_folders(options: Options) -> tuple[SamplerFolders, Scratch]:
    beside = options.models.resolve().parent
    wanted = {
        "--models-dir": options.models,
        "--input-directory": options.input or beside / "input",
        "--output-directory": options.output or beside / "output",
    }
    if options.temp is not None:
        wanted["--temp-directory"] = options.temp
    for option, path in wanted.items():
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise CannotStart(f"{option} {path} is a file; it must be a folder.") from error
        except OSError as error:
            raise CannotStart(f"{option} {path} cannot be made: {error.strerror}.") from error
    try:
        scratch = Scratch.make(options.temp)
    except OSError as error:
        raise CannotStart(f"--temp-directory {options.temp} cannot be written: {error.strerror}.") from error
    folders = SamplerFolders(
        models=options.models.resolve(),
        input=wanted["--input-directory"].resolve(),
        output=wanted["--output-directory"].resolve(),
        temp=scratch.path,
        built_in=built_in_model_directory() if options.built_in else None,
    )
    return folders, scratch
