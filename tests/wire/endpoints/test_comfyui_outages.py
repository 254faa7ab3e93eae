"""The ComfyUI endpoint against servers that break off, restart, hang, and answer nonsense."""

import asyncio
from dataclasses import replace

import pytest

from engine.endpoints.comfyui.client import Timeouts
from engine.errors import (
    AttemptTimeout,
    AttemptUnknown,
    EndpointError,
    EndpointLost,
    Interrupted,
)
from tests.fakes.comfyui import FakeComfy
from tests.wire.endpoints.support import (
    FAST,
    deaf,
    endpoint_at,
    new_attempt,
    no_blobs,
    until,
)


async def test_a_finished_picture_is_fetched_again_rather_than_made_again() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.busy_views = 2
        assert (await endpoint.run(new_attempt(), no_blobs, deaf)).files
        assert len(server.bodies) == 1


async def test_a_server_error_is_a_lost_endpoint() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.status = 500
        with pytest.raises(EndpointLost):
            await endpoint.run(new_attempt(), no_blobs, deaf)


async def test_a_lost_answer_does_not_send_the_prompt_twice() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.lost_answers = 1
        assert (await endpoint.run(new_attempt(), no_blobs, deaf)).files
        assert len(server.bodies) == 1


async def test_a_restarted_server_has_forgotten_it() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.hold_at = 8
        mine = new_attempt()
        running = asyncio.create_task(endpoint.run(mine, no_blobs, deaf))
        await until(lambda: server.bodies)
        await server.restart()
        with pytest.raises(EndpointLost) as caught:
            await running
        assert caught.value.retryable
        with pytest.raises(AttemptUnknown):
            await endpoint.follow(mine, deaf)


async def test_an_outage_shorter_than_our_patience_costs_nothing() -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        server.behaviour.hold_at = 8
        running = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, deaf))
        await until(lambda: server.bodies)
        server.behaviour.down = True
        await server.drop_sockets()
        await until(lambda: not endpoint.ready)
        server.behaviour.down = False
        server.release()
        assert (await running).files
        await until(lambda: endpoint.ready)


async def test_a_longer_outage_loses_the_attempt() -> None:
    async with FakeComfy() as server, endpoint_at(server, pace=replace(FAST, patience=0.3)) as endpoint:
        server.behaviour.hold_at = 8
        running = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, deaf))
        await until(lambda: server.bodies)
        server.behaviour.down = True
        await server.drop_sockets()
        with pytest.raises(EndpointLost):
            await running
        assert isinstance(endpoint.failure, EndpointLost)


async def test_nothing_moving_is_a_timeout() -> None:
    async with FakeComfy() as server, endpoint_at(server, timeout=0.4) as endpoint:
        server.behaviour.hold_at = 8
        with pytest.raises(AttemptTimeout) as caught:
            await endpoint.run(new_attempt(), no_blobs, deaf)
        # It is tried again elsewhere, so here it must not go on.
        assert server.asked.count("POST /interrupt") == 1
    assert caught.value.retryable


async def test_waiting_behind_others_is_movement() -> None:
    async with FakeComfy() as server, endpoint_at(server, timeout=2.0) as endpoint:
        server.behaviour.hold_at = 8
        others = [new_attempt() for _ in range(4)]
        tasks = [asyncio.create_task(endpoint.run(each, no_blobs, deaf)) for each in others]
        await until(lambda: len(server.bodies) == 4)
        last = asyncio.create_task(endpoint.run(new_attempt(), no_blobs, deaf))
        await until(lambda: len(server.bodies) == 5)
        for other in others:
            await asyncio.sleep(0.7)
            await endpoint.interrupt(other)
        server.release()
        assert (await last).files
        assert all(isinstance(r, Interrupted) for r in await asyncio.gather(*tasks, return_exceptions=True))


@pytest.mark.parametrize("route", ["/prompt", "/queue", "/history", "/object_info"])
async def test_garbage_is_a_lost_endpoint_not_a_crash(route: str) -> None:
    async with FakeComfy() as server, endpoint_at(server) as endpoint:
        mine = new_attempt()
        paths = {route, f"/history/{mine.prompt_id}"} if route == "/history" else {route}
        server.behaviour.garbage = frozenset(paths)
        call = endpoint.follow(mine, deaf) if route != "/prompt" else endpoint.run(mine, no_blobs, deaf)
        with pytest.raises(EndpointError) as caught:
            await call
        assert caught.value.retryable


async def test_a_server_that_never_answers_is_lost() -> None:
    async with FakeComfy() as server, endpoint_at(server, timeouts=Timeouts(answer=0.2)) as endpoint:
        server.behaviour.silent = True
        with pytest.raises(EndpointLost):
            await endpoint.run(new_attempt(), no_blobs, deaf)
        await until(lambda: not endpoint.ready)
