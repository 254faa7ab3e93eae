"""The endpoints as operators see them: which there are, and which are to take no new work. For operators alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from engine.accounts import AuditLine
from engine.endpoints.pool import Pool
from engine.errors import Forbidden, UnknownChoice
from engine.model import Actor, Power
from engine.ports_moderation import Drains
from engine.workflows.nearest import nearest

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """An endpoint, looked at."""

    name: str
    ready: bool
    drained: bool
    running: int  # attempts now
    slots: int
    weight: float
    models: int  # checkpoints
    problem: str  # the code of why it is not ready; empty if it is, or nobody knows


class Backends:
    """Lists, drains and enables endpoints."""

    def __init__(self, *, pool: Pool, drains: Drains) -> None:
        self._pool = pool
        self._drains = drains

    async def load(self) -> None:
        """Keep what was drained before a restart so; called once, before anything is claimed."""
        for name in await self._drains.drained():
            self._pool.drain(name)

    def all(self, actor: Actor, running: Mapping[str, int]) -> tuple[Backend, ...]:
        """Every endpoint, in the order of the settings; `running` are the attempts by endpoint."""
        _require_operator(actor)
        return tuple(
            Backend(
                name=endpoint.name,
                ready=endpoint.ready,
                drained=endpoint.name in self._pool.drained,
                running=running.get(endpoint.name, 0),
                slots=endpoint.slots,
                weight=endpoint.weight,
                models=len(self._pool.choices("CheckpointLoaderSimple", "ckpt_name", endpoint=endpoint.name)),
                problem="" if endpoint.ready or endpoint.failure is None else endpoint.failure.code,
            )
            for endpoint in self._pool.endpoints
        )

    async def drain(self, actor: Actor, name: str) -> bool:
        """Give an endpoint no new work, over restarts; what runs goes on. False if it had none before."""
        _require_operator(actor)
        name = self._named(name)
        done = await self._drains.drain(name, _line(actor, "drain", name))
        self._pool.drain(name)
        log.warning("drained", endpoint=name)
        return done

    async def enable(self, actor: Actor, name: str) -> bool:
        """Give an endpoint work again; False if it was given some all along."""
        _require_operator(actor)
        name = self._named(name)
        done = await self._drains.enable(name, _line(actor, "enable", name))
        self._pool.enable(name)
        log.warning("enabled", endpoint=name)
        return done

    def _named(self, name: str) -> str:
        names = [endpoint.name for endpoint in self._pool.endpoints]
        wanted = name.strip().casefold()
        if wanted not in names:
            raise UnknownChoice(flag="endpoint", value=name[:64], nearest=nearest(wanted, names))
        return wanted


def _require_operator(actor: Actor) -> None:
    if actor.power is not Power.OPERATOR:
        raise Forbidden(action="operator")


def _line(actor: Actor, action: str, name: str) -> AuditLine:
    return AuditLine(actor=f"{actor.identity.platform}:{actor.identity.id}", action=action, target=name)
