"""A loopback Telegram without flood limits, raw calls to it, and the check that neither side left the specification."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.fakes.telegram.flood import NO_LIMITS
from tests.fakes.telegram.server import FakeTelegram
from tests.fakes.telegram.spec import PLACE
from tests.wire.telegram_server.support import Api


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FakeTelegram]:
    """The server; `@pytest.mark.parametrize("server", [FloodLimits(...)], indirect=True)` sets limits."""
    if not PLACE.exists():
        pytest.skip("the specification is not beside this checkout")
    async with FakeTelegram(flood=getattr(request, "param", NO_LIMITS)) as running:
        yield running
    assert running.own_violations == []


@pytest.fixture(autouse=True)
def waits_are_timedeltas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every RetryAfter of python-telegram-bot warns of a change to come unless one opts in to it."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def api(server: FakeTelegram) -> AsyncIterator[Api]:
    """Raw calls."""
    async with aiohttp.ClientSession() as session:
        yield Api(server, session)
