"""What Prometheus reads; counted at the moment it asks, from the books and the pool."""

from prometheus_client import CollectorRegistry, Gauge

from engine.dispatcher import Dispatcher
from engine.endpoints.pool import Pool
from engine.model import JobStatus
from engine.ports import Books, Deliveries
from engine.ports_moderation import Reviews

_REFUSED = "refused-"
"""How the tallies of `engine.screening` begin."""


class Metrics:
    """The service's gauges, in a registry of their own."""

    def __init__(
        self, *, books: Books, deliveries: Deliveries, reviews: Reviews, pool: Pool, dispatcher: Dispatcher
    ) -> None:
        self._books = books
        self._deliveries = deliveries
        self._pool = pool
        self._dispatcher = dispatcher
        self._reviews = reviews
        self._registry = CollectorRegistry()
        self._jobs = Gauge("atelier_jobs", "Jobs by status.", ["status"], registry=self._registry)
        self._backlog = Gauge(
            "atelier_backlog_gpu_seconds",
            "Quoted cost of what waits or runs, in reference GPU-seconds.",
            registry=self._registry,
        )
        self._tallies = Gauge(
            "atelier_deliveries",
            "Counted for ever: posts that may have been repeated, results moved elsewhere, repaired, undeliverable.",
            ["what"],
            registry=self._registry,
        )
        self._refused = Gauge(
            "atelier_refused", "Requests and pictures that checks have refused.", ["category"], registry=self._registry
        )
        self._inbox = Gauge("atelier_inbox", "Jobs that wait for a moderator's decision.", registry=self._registry)
        self._running = Gauge("atelier_attempts_running", "Attempts on endpoints now.", registry=self._registry)
        self._endpoints = Gauge(
            "atelier_endpoint_ready", "1 if the endpoint answers.", ["endpoint"], registry=self._registry
        )

    async def read(self) -> CollectorRegistry:
        """Read everything anew, and give the registry."""
        counts = await self._books.counts()
        for status in JobStatus:
            self._jobs.labels(status=status).set(counts.get(status, 0))
        self._backlog.set(await self._books.backlog() / 1000)
        tallies = await self._deliveries.tallies()
        for what in ("repeated", "moved", "repaired", "undeliverable"):
            self._tallies.labels(what=what).set(tallies.get(what, 0))
        for name, count in tallies.items():
            if name.startswith(_REFUSED):
                self._refused.labels(category=name.removeprefix(_REFUSED)).set(count)
        self._inbox.set(await self._reviews.waiting())
        self._running.set(self._dispatcher.running)
        for endpoint in self._pool.endpoints:
            self._endpoints.labels(endpoint=endpoint.name).set(1 if endpoint.ready else 0)
        return self._registry
