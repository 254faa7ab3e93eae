"""A storm: people ask, everything dies in turn, and in the end the checker looks. One seed gives one storm."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import Random

import aiohttp
from PIL import Image

from bot.programs import Exit
from tests.chaos import checker
from tests.chaos.checker import Verdict
from tests.chaos.disk import Disk, small_disk
from tests.chaos.faults import BOT_POINTS, WIRE_POINTS
from tests.chaos.platform import Event, Platform, Tally
from tests.chaos.service import MODERATOR, PLATFORMS
from tests.chaos.wire import Wire

EXPECTED = (-signal.SIGKILL, Exit.NOT_STARTED)
"""How the bot may end: killed, or with a sentence because its disk was full; a supervisor starts it again."""
ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds of a storm without any progress that are a hang
POINT_WAIT = 12.0  # seconds until a point that nobody passes is given up
START_WAIT = 60.0  # seconds that a start may take
FULL_SHARE = 0.15  # of the rounds; the disk is full for some seconds of them
IN_FLIGHT = 24  # jobs that people keep waiting for, so that whatever dies has work
LINES = (
    "a red house under a yellow sun",
    "a blue boat on the sea at night",
    "a black cat",
    "three yellow stars at night",
    "a pink flower on a yellow background",
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a storm consists of."""

    seed: int
    jobs: int  # that are accepted; what is mistyped or refused is asked again in other words
    kills: int
    people: int = 12


@dataclass(kw_only=True)
class Report:
    """What happened, and what came of it."""

    plan: Plan
    verdict: Verdict
    kills: Counter[str]
    in_flight: int  # kills that hit a job that ran or was being delivered, or an event that was being answered
    points: tuple[str, ...]  # the named points at which the bot was killed
    platform: Tally
    cut: int  # connections between bot and sampler that were cut
    times_full: int  # of the disk
    seconds: float


@dataclass
class Storm:
    """One run; everything that it starts it ends."""

    plan: Plan
    folder: Path
    kills: Counter[str] = field(default_factory=Counter)
    points: list[str] = field(default_factory=list)
    in_flight: int = 0
    exits: list[int] = field(default_factory=list)
    _bot: asyncio.subprocess.Process | None = None
    _sampler: asyncio.subprocess.Process | None = None
    _wire_point: str = ""

    @property
    def database(self) -> Path:
        """The books."""
        return self.folder / "data" / "atelier.db"

    async def run(self) -> Report:
        """Let it rage, let it pass, and look."""
        random = Random(self.plan.seed)
        self.folder.mkdir(parents=True)
        Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 40).convert("RGB").save(self.folder / "input.png")
        with small_disk(self.folder / "data") as disk:
            return await self._run(disk, random)

    async def _run(self, disk: Disk | None, random: Random) -> Report:
        started, port = time.monotonic(), free_port()
        async with (
            Platform(self.folder / "platform.jsonl", Random(random.random())) as platform,
            Wire(f"http://127.0.0.1:{port}", self.folder / "endpoint.jsonl", self._on_wire) as wire,
        ):
            self._write_settings(wire.url)
            try:
                await self._start_sampler(port)
                people = asyncio.create_task(self._people(platform, Random(random.random())))
                moderator = asyncio.create_task(self._moderate(platform, Random(random.random())))
                await self._rage(platform, wire, port, disk, random)
                await self._calm(platform, people)
                await stopped(moderator)
            finally:
                await self._end(self._bot)
                await self._end(self._sampler)
            verdict = checker.check(self.database, platform, wire)
            own = tuple(f"the bot ended by itself with {code}" for code in self.exits if code not in EXPECTED)
            return Report(
                plan=self.plan,
                verdict=replace(verdict, problems=(*own, *verdict.problems)),
                kills=self.kills,
                in_flight=self.in_flight,
                points=tuple(self.points),
                platform=platform.tally,
                cut=wire.cut,
                times_full=disk.times_full if disk is not None else 0,
                seconds=time.monotonic() - started,
            )

    # The world

    def _write_settings(self, endpoint: str) -> None:
        (self.folder / "atelier.toml").write_text(
            f"""
data_dir = {json.dumps(str(self.folder / "data"))}
access = "open"

[quota]
grant = 1000000
max_queued_jobs = 1000

[http]
port = 0

[[endpoints]]
name = "gpu-1"
kind = "comfyui"
url = "{endpoint}"
slots = 6
""",
        )

    async def _start_sampler(self, port: int) -> None:
        folders = [
            part for kind in ("input", "output", "temp") for part in (f"--{kind}-directory", str(self.folder / kind))
        ]
        models = str(self.folder / "models")
        self._sampler = await self._spawn(
            "sampler", "engine.sampler", "--port", str(port), "--models-dir", models, *folders
        )
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/system_stats") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.1)

    async def _start_bot(self, platform: Platform) -> None:
        """Start it and wait until it asks for work, or has died: on a slow machine a start takes as long as a storm."""
        arguments = (self.folder / "atelier.toml", platform.url, self.folder / "clock", self.folder / "fault")
        before = platform.polls
        self._bot = await self._spawn("bot", "tests.chaos.service", *map(str, arguments))
        try:
            async with asyncio.timeout(START_WAIT):
                while platform.polls == before and self._bot.returncode is None:  # noqa: ASYNC110 (an outsider looks)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass

    async def _spawn(self, name: str, module: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self.folder / f"{name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                cwd=ROOT,
                env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
                stdout=log,
                stderr=log,
            )

    async def _end(self, process: asyncio.subprocess.Process | None) -> None:
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    # The people

    async def _people(self, platform: Platform, random: Random) -> None:
        """Keep so many requests in the air, and now and then change a mind or say something wrong."""
        for number in count():
            while not self._room_for_more(platform):
                if len(platform.accepted()) >= self.plan.jobs:
                    return
                await asyncio.sleep(0.05)
            platform.happen([self._event(number, random)])
            if random.random() < 0.05:
                platform.happen([self._event(number, random, extra=random.choice(("cancel", "queue", "info")))])

    async def _moderate(self, platform: Platform, random: Random) -> None:
        """Hold and move what waits, and release it again; when the storm is over only that."""
        for number in count():
            await asyncio.sleep(random.uniform(0.2, 1.0))
            waiting = checker.waiting(self.database)
            held = [job for job in waiting if job.status == "held"]
            if held and (random.random() < 0.4 or not platform.misbehaving):
                verb, job = "release", random.choice(held)
            elif waiting and platform.misbehaving:
                verb, job = random.choice(("hold", "hold", "move")), random.choice(waiting)
            else:
                continue
            event = Event(
                id=f"m{number}",
                platform=job.platform,
                person=MODERATOR,
                chat=job.chat,
                command="mod",
                line=f"{verb} {job.id}",
            )
            platform.happen([event])

    def _room_for_more(self, platform: Platform) -> bool:
        """Whether it is time for the next request: people must not have all they want before the last death."""
        rounds = min(sum(self.kills.values()) + 1, self.plan.kills)
        unanswered = len(platform.unanswered)
        wanted = len(platform.accepted()) + unanswered < self.plan.jobs * rounds // self.plan.kills
        return wanted and unanswered + checker.unfinished(self.database) < IN_FLIGHT

    def _event(self, number: int, random: Random, *, extra: str = "") -> Event:
        platform = random.choice(PLATFORMS)
        image = not extra and random.random() < 0.2
        flags = f"--size 64x64 --steps 2 --seed {random.getrandbits(32)} --n {random.choice((1, 1, 2))}"
        line = f"{random.choice(LINES)} {flags}"
        if random.random() < 0.03:
            line += " --stepz 4"
        return Event(
            id=f"e{number}{'x' if extra else ''}",
            platform=platform,
            person=f"person-{random.randrange(self.plan.people)}",
            chat=f"chat-{random.randrange(4)}",
            command=extra or ("img2img" if image else "imagine"),
            line="" if extra else line,
            image=image,
        )

    # The storm

    async def _rage(self, platform: Platform, wire: Wire, port: int, disk: Disk | None, random: Random) -> None:
        for kind, point in self._schedule(random):
            self._wire_point = point if kind == "wire" else ""
            fault = f"{point}@{random.choice((1, 1, 2, 3))}" if kind == "point" else ""
            (self.folder / "fault").write_text(fault)
            if self._bot is None or self._bot.returncode is not None:
                await self._start_bot(platform)
            assert self._bot is not None
            self._bend_clock(random)
            full = None
            if disk is not None and random.random() < FULL_SHARE:
                full = asyncio.create_task(disk.be_full(random.uniform(0.5, 3.0)))
            if kind in ("point", "wire"):
                await self._die_at(point)
            else:
                await asyncio.sleep(random.uniform(1.5, 5.0))
            self._count(kind, platform)
            match kind:
                case "bot":
                    await self._end(self._bot)
                case "sampler":
                    await self._end(self._sampler)
                    await asyncio.sleep(random.uniform(0.0, 1.5))
                    await self._start_sampler(port)
                case "connections":
                    wire.cut_all()
            if full is not None:
                await full
        self._wire_point = ""
        (self.folder / "fault").write_text("")

    async def _die_at(self, point: str) -> None:
        """Wait until the bot has died at a point; where it does not come by, it dies where it is."""
        assert self._bot is not None
        try:
            async with asyncio.timeout(POINT_WAIT):
                self.exits.append(await self._bot.wait())
            self.points.append(point)
        except TimeoutError:
            await self._end(self._bot)

    def _schedule(self, random: Random) -> Iterator[tuple[str, str]]:
        """So many deaths: two thirds at named points, each point about as often, the rest at any time."""
        named = deque(random.sample([("point", p) for p in BOT_POINTS] + [("wire", p) for p in WIRE_POINTS], 30))
        for _ in range(self.plan.kills):
            kind = random.choices(("named", "bot", "sampler", "connections"), (66, 12, 12, 10))[0]
            if kind != "named":
                yield kind, ""
                continue
            yield named[0]
            named.rotate(-1)

    def _count(self, kind: str, platform: Platform) -> None:
        self.kills[kind] += 1
        answering = any(event.handed and event.person != MODERATOR for event in platform.unanswered)
        self.in_flight += bool(checker.open_jobs(self.database)) or answering

    def _on_wire(self, point: str) -> None:
        if point == self._wire_point and self._bot is not None and self._bot.returncode is None:
            self._wire_point = ""
            self._bot.send_signal(signal.SIGKILL)

    def _bend_clock(self, random: Random) -> None:
        """Now and then the clock jumps: minutes back, an hour on, a day on."""
        if random.random() < 0.2:
            (self.folder / "clock").write_text(str(random.choice((-300, 0, 3600, 86_400))))

    async def _calm(self, platform: Platform, people: asyncio.Task[None]) -> None:
        """No more faults; wait until people have asked for all they want and everything has ended."""
        platform.misbehaving = False
        deadline, best = time.monotonic() + PATIENCE, sys.maxsize
        while True:
            if self._bot is None or self._bot.returncode is not None:
                await self._start_bot(platform)
            left = len(platform.unanswered) + checker.unfinished(self.database) + (not people.done())
            if left == 0 or time.monotonic() > deadline:
                break
            if left < best:
                best, deadline = left, time.monotonic() + PATIENCE
            await asyncio.sleep(0.2)
        assert self._bot is not None
        self._bot.terminate()
        await self._bot.wait()
        await stopped(people)  # they have all they want, unless something hung


async def stopped(task: asyncio.Task[None]) -> None:
    """Stop a task; what it failed with before is raised."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
