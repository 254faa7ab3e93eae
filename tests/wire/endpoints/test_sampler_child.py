"""The sampler child's keeper, with a stand-in program that is really started and really killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from engine.endpoints.backoff import Backoff
from engine.endpoints.comfyui.client import Address
from engine.endpoints.local.child import SamplerChild
from engine.endpoints.local.endpoint import LocalEndpoint
from engine.errors import EndpointLost, SamplerFailed
from engine.model import Attempt, GraphInput
from tests.wire.endpoints.support import FAST, deaf, new_attempt, no_blobs, until

HERE = Path(__file__).parent


def command(mode: str, log: Path) -> list[str]:
    """The command line of the stand-in."""
    return [sys.executable, str(HERE / "stand_in.py"), json.dumps({"mode": mode, "log": str(log)})]


def starts(log: Path) -> list[tuple[int, str]]:
    """The pid and key of every start so far."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(pid), key) for pid, key in (line.split() for line in lines)]


def worker_of(log: Path) -> int:
    """The pid of the stand-in's own child."""
    return int(Path(f"{log}.worker").read_text())


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Kept:
    """A child and what its keeper said of it."""

    def __init__(self, mode: str, folder: Path, *, start_timeout: float = 30.0) -> None:
        self.log = folder / "starts.log"
        self.child = SamplerChild(
            command=command(mode, self.log),
            environment={**os.environ, "ATELIER_SAMPLER_KEY": "the parent's own"},
            start_timeout=start_timeout,
            stop_timeout=0.5,
            backoff=Backoff(first=0.02, maximum=0.1, stable=60.0),
        )
        self.ups: list[Address] = []
        self.downs: list[SamplerFailed] = []

    async def _up(self, address: Address) -> None:
        self.ups.append(address)

    async def _down(self, failure: SamplerFailed) -> None:
        self.downs.append(failure)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Kept"]:
        """Keep it for as long as the block lasts."""
        await self.child.start(up=self._up, down=self._down)
        try:
            yield self
        finally:
            await self.child.close()


async def test_starts_with_a_key_of_its_own_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Kept("well", tmp_path).running() as kept:
        await until(lambda: kept.ups)
        ((pid, key),) = starts(kept.log)
        assert kept.child.pid == pid
        assert kept.ups[0].key == key != "the parent's own"
        assert len(key) >= 32
        assert os.getpgid(pid) == pid != os.getpgid(0)
        assert key not in repr(kept.ups[0])
    assert not alive(pid)
    assert kept.child.pid is None
    assert not kept.downs


async def test_a_killed_child_is_started_again_with_another_key(tmp_path: Path) -> None:
    async with Kept("well", tmp_path).running() as kept:
        for life in range(1, 4):
            await until(lambda life=life: len(kept.ups) == life)
            os.kill(starts(kept.log)[-1][0], signal.SIGKILL)
            await until(lambda life=life: len(kept.downs) == life)
        await until(lambda: len(kept.ups) == 4)
        assert len({key for _, key in starts(kept.log)}) == 4
        assert {failure.fields["reason"] for failure in kept.downs} == {"it was killed by signal 9"}
        delays = [failure.retry_after for failure in kept.downs]
        assert delays == [0.02, 0.04, 0.08]


async def test_says_why_it_does_not_come_up(tmp_path: Path) -> None:
    async with Kept("dies", tmp_path).running() as kept:
        await until(lambda: len(kept.downs) > 1)
    assert kept.downs[0].fields["reason"] == "no model could be loaded from x.safetensors"
    assert not kept.ups


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("mute", "it did not say where it listens within 0.5 s"),
        ("rubbish", "its first line does not say where it listens"),
    ],
)
async def test_a_child_that_does_not_say_where_it_listens_is_ended(tmp_path: Path, mode: str, reason: str) -> None:
    async with Kept(mode, tmp_path, start_timeout=0.5 if mode == "mute" else 30.0).running() as kept:
        await until(lambda: kept.downs)
    assert kept.downs[0].fields["reason"] == reason
    assert not any(alive(pid) for pid, _ in starts(kept.log))


async def test_a_program_that_is_not_there_is_a_reason_too() -> None:
    failures: list[SamplerFailed] = []

    async def up(_: Address) -> None:
        raise AssertionError

    async def down(failure: SamplerFailed) -> None:
        failures.append(failure)

    child = SamplerChild(command=["/no/such/program"], environment={})
    await child.start(up=up, down=down)
    await until(lambda: failures)
    await child.close()
    assert "cannot be started" in str(failures[0].fields["reason"])


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    async with Kept("stubborn", tmp_path).running() as kept:
        await until(lambda: kept.ups)
        ((pid, _),) = starts(kept.log)
    assert not alive(pid)


async def test_its_death_is_seen_and_its_workers_end_with_it(tmp_path: Path) -> None:
    async with Kept("family", tmp_path).running() as kept:
        await until(lambda: kept.ups)
        worker = worker_of(kept.log)
        assert alive(worker)
        os.kill(starts(kept.log)[0][0], signal.SIGKILL)
        await until(lambda: kept.downs)
        await until(lambda: not alive(worker))  # the kernel takes a moment


async def test_what_it_writes_is_logged_whatever_its_length(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with Kept("chatty", tmp_path).running() as kept:
            await until(lambda: any(line["event"] == "sampler | the last of many lines" for line in logs))
            await until(lambda: any(line["event"].startswith("sampler | yyy") for line in logs))
            assert kept.ups
    assert max(len(line["event"]) for line in logs) < 5000


async def test_no_orphan_stays_when_the_parent_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "starts.log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "parent.py"), *command("well", log), stdout=subprocess.PIPE, cwd=HERE.parents[2],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2])},
    )  # fmt: skip
    assert parent.stdout is not None
    async with asyncio.timeout(60):
        while (await parent.stdout.readline()).strip() != b"up":
            assert parent.returncode is None
    ((pid, _),) = starts(log)
    assert alive(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(pid))


def local(mode: str, folder: Path, *, hang: float = 60.0) -> LocalEndpoint:
    """The stand-in as an endpoint."""
    return LocalEndpoint(child=Kept(mode, folder).child, pace=FAST, hang=hang)


async def test_a_killed_child_loses_its_attempts_at_once_and_comes_back(tmp_path: Path) -> None:
    endpoint = local("well", tmp_path)
    changes: list[bool] = []
    endpoint.subscribe(lambda: changes.append(endpoint.ready))
    await endpoint.start()
    try:
        await endpoint.wait_ready()
        generation = endpoint.generation
        assert await endpoint.object_info() == {"queue_running": [], "queue_pending": []}

        async def read_for_ever(_: str) -> bytes:
            await asyncio.sleep(3600)
            return b""

        running = asyncio.create_task(endpoint.run(with_input(), read_for_ever, deaf))
        await asyncio.sleep(0.05)
        assert endpoint.pid is not None
        os.kill(endpoint.pid, signal.SIGKILL)
        with pytest.raises(EndpointLost) as caught:
            await running
        assert caught.value.retryable
        # One that was up comes back soon: waiting for it is of use, which a SamplerFailed would deny.
        assert isinstance(endpoint.failure, EndpointLost) or endpoint.failure is None
        await endpoint.wait_ready()
        assert endpoint.generation > generation
        assert False in changes
        assert changes[-1]
    finally:
        await endpoint.close()
    assert not endpoint.ready


def with_input() -> Attempt:
    """An attempt that waits for its input."""
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": ""}}}
    return new_attempt(graph, inputs=(GraphInput(node_id="1", input="image", blob="b", filename="b.png"),))


async def test_before_it_is_up_everything_is_lost_and_interrupts_are_harmless(tmp_path: Path) -> None:
    endpoint = local("dies", tmp_path)
    await endpoint.start()
    try:
        await until(lambda: endpoint.failure)
        assert isinstance(endpoint.failure, SamplerFailed)
        with pytest.raises(EndpointLost):
            await endpoint.run(new_attempt(), no_blobs, deaf)
        await endpoint.interrupt(new_attempt())
    finally:
        await endpoint.close()


async def test_a_child_that_hangs_is_replaced(tmp_path: Path) -> None:
    endpoint = local("hung", tmp_path, hang=0.5)
    await endpoint.start()
    try:
        await until(lambda: len(starts(tmp_path / "starts.log")) >= 2)
        assert not endpoint.ready
    finally:
        await endpoint.close()
    assert not any(alive(pid) for pid, _ in starts(tmp_path / "starts.log"))
