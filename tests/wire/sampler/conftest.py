"""A running sampler for each test that asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.wire.sampler.support import Server, running


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path) as started:
        yield started
