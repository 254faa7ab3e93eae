"""How soon a member of a guild sees that a command was taken, with 200 of them under way."""

import asyncio
import time
from pathlib import Path
from statistics import median, quantiles

from tests.bench.conftest import Report
from tests.e2e.processes import Workplace
from tests.fakes.discord.people import Person
from tests.fakes.discord.server import TOKEN, FakeDiscord
from tests.fakes.discord.world import Channel

MEMBERS = 20
COMMANDS = 200
ROUNDS = 3
WIDE = {"ATELIER_ACCESS": "open", "ATELIER_QUOTA__MAX_QUEUED_JOBS": "1000"}


async def _asked(member: Person, channel: Channel, number: int) -> float:
    """Seconds from the command to its acknowledgement, as Discord sees it."""
    began = time.perf_counter()
    asked = await member.slash(channel, "imagine", prompt=f"house number {number}", seed=str(number))
    await asked.ack()
    return time.perf_counter() - began


async def _storm(server: FakeDiscord) -> list[float]:
    """Rounds in which all ask at the same moment."""
    guild = server.world.guild("Studio")
    art = server.world.channel(guild, "art")
    members = [server.world.member(guild, f"member {number}") for number in range(MEMBERS)]
    await server.until(lambda: server.gateway.connected and "imagine" in members[0].commands(art), within=60)
    await _asked(members[0], art, 0)  # what is made once: compiled statements, connections
    waits: list[float] = []
    for turn in range(ROUNDS):
        numbers = range(turn * COMMANDS, (turn + 1) * COMMANDS)
        waits += await asyncio.gather(*(_asked(members[number % MEMBERS], art, number) for number in numbers))
    return waits


async def bench_acknowledging(tmp_path: Path, report: Report) -> None:
    """The real service with its real sampler, which draws meanwhile; Discord shares their cores."""
    place = Workplace(folder=tmp_path)
    async with FakeDiscord() as server:
        where = {"ATELIER_DISCORD__API_BASE": server.api_base, "ATELIER_DISCORD__CDN_BASE": server.cdn_base}
        serving = place.serve(ATELIER_DISCORD__TOKEN=TOKEN, **where, **WIDE)
        service = await asyncio.to_thread(serving.__enter__)
        try:
            await asyncio.to_thread(service.until_ready)
            waits = await _storm(server)
        finally:
            await asyncio.to_thread(serving.__exit__, None, None, None)
    report.figures(
        f"Discord: command to acknowledgement, {COMMANDS} under way",
        None,
        f"p50 {1000 * median(waits):.0f} ms, p99 {1000 * quantiles(waits, n=100)[98]:.0f} ms, "
        f"longest {1000 * max(waits):.0f} ms",
    )
