"""The machine and what it offers: statistics, features, memory."""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiohttp import web

from engine.sampler.execution.executor import Executor
from engine.sampler.execution.model import Json, JsonObject
from engine.sampler.nodes.registry import NodeDeclaration, Runtime
from engine.sampler.server.http import Route, answer, read_object
from engine.sampler.server.sockets import SERVER_FEATURES

API_VERSION = "0.3.64"  # the ComfyUI whose answers ours are like; clients choose by it
_DEVICE = re.compile(r"^(?P<type>[a-z]+)(?::(?P<index>\d+))?")


class MachineRoutes:
    """The routes that tell of the machine."""

    def __init__(self, *, executor: Executor, declarations: Mapping[str, NodeDeclaration]) -> None:
        self._executor = executor
        self._declarations = declarations

    def routes(self) -> list[Route]:
        """Give the table of routes."""
        return [
            Route(method="GET", path="/", handler=self._greet),
            Route(method="GET", path="/system_stats", handler=self._system_stats),
            Route(method="GET", path="/features", handler=self._features),
            Route(method="GET", path="/extensions", handler=self._extensions),
            Route(method="POST", path="/free", handler=self._free),
        ]

    async def _greet(self, _: web.Request) -> web.Response:
        text = f"Atelier's sampler: {len(self._declarations)} nodes, ComfyUI's HTTP and WebSocket API.\n"
        return web.Response(text=text)

    async def _system_stats(self, _: web.Request) -> web.Response:
        return await answer(lambda: system_stats(self._executor.runtime))

    async def _features(self, _: web.Request) -> web.Response:
        return web.json_response(SERVER_FEATURES)

    async def _extensions(self, _: web.Request) -> web.Response:
        return web.json_response([])

    async def _free(self, request: web.Request) -> web.Response:
        body = await read_object(request)
        models, memory = body.get("unload_models") is True, body.get("free_memory") is True
        await asyncio.to_thread(self._executor.free, unload_models=models, free_memory=memory)
        return web.Response()


def system_stats(runtime: Runtime | None) -> JsonObject:
    """Give `/system_stats`; without a runtime, which still loads, there are no devices yet. Bytes throughout."""
    total, free = _memory()
    devices: list[Json] = [] if runtime is None else [_device(runtime)]
    return {
        "system": {
            "os": os.name,
            "ram_total": total,
            "ram_free": free,
            "comfyui_version": API_VERSION,
            "required_frontend_version": "",
            "installed_templates_version": "",
            "required_templates_version": "",
            "python_version": sys.version,
            "pytorch_version": _torch_version() if runtime is not None else "loading",
            "embedded_python": False,
            "argv": ["atelier sampler"],
        },
        "devices": devices,
    }


def _device(runtime: Runtime) -> JsonObject:
    total, free = runtime.memory()
    found = _DEVICE.match(runtime.device_name)
    index = found["index"] if found else None
    return {
        "name": runtime.device_name,
        "type": found["type"] if found else runtime.device_name,
        "index": int(index) if index else None,
        "vram_total": total,
        "vram_free": free,
        "torch_vram_total": total,
        "torch_vram_free": free,
    }


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "unknown"


def _memory() -> tuple[int, int]:
    """Read total and available bytes of main memory; zeros where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0, 0
    kibibytes = {line.partition(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
    return kibibytes.get("MemTotal", 0) * 1024, kibibytes.get("MemAvailable", 0) * 1024
