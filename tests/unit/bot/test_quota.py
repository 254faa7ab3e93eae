"""`atelier quota`: shows, gives and proves; beside a running service it still reads."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console
from typer.testing import CliRunner

from bot import quota
from bot.__main__ import app
from bot.compose import load_texts
from bot.console.adapter import ConsoleAdapter
from bot.door import NOTICE
from bot.programs import Exit
from config.settings import QuotaSettings, Settings
from engine.errors import ServiceRunning, UnknownPerson
from engine.model import Identity
from storage.policy import Policy
from tests.fakes.books import NEEDS, HandClock, OpenBooks, books_in, new_job, picture, somebody
from tests.fakes.house import open_house

POLICY = Policy(grant=600_000, community_grant=50_000, max_queued_jobs=20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, quota=QuotaSettings(community_grant=50))


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[OpenBooks]:
    """Books with one person who has made a picture, and one community."""
    async with books_in(folder, POLICY, HandClock(time.time())) as opened:
        ada = await somebody(opened.books, "ada")
        await opened.books.community("test", "club", "the [club]")
        job = await opened.books.accept(new_job(ada, "k1", costs=(2000,)))
        attempt = await opened.books.claim("gpu", [NEEDS], job_id=job.id)
        assert attempt is not None
        await opened.books.settle(attempt.id, [picture()], 1.0, 1500)
        yield opened


async def said(work: Coroutine[None, None, Exit], into: StringIO) -> tuple[Exit, str]:
    """Run a command and give its exit code and what it printed."""
    code = await work
    return code, into.getvalue()


def console() -> tuple[Console, StringIO]:
    """A wide terminal that is a text."""
    into = StringIO()
    return Console(file=into, width=200), into


async def test_wallets_are_shown_with_their_owners(settings: Settings, tmp_path: Path) -> None:
    async with filled(tmp_path):
        pass
    to, into = console()
    code, printed = await said(quota.show(settings, to, ""), into)
    assert code is Exit.DONE
    assert "test:ada" in printed
    assert "the [club]" in printed
    assert "50.0" in printed
    to, into = console()
    _, printed = await said(quota.show(settings, to, "test:club"), into)
    assert "test:ada" not in printed


async def test_what_is_given_is_in_the_statement_and_in_the_audit_log(settings: Settings, tmp_path: Path) -> None:
    async with filled(tmp_path):
        pass
    to, into = console()
    code, printed = await said(quota.grant(settings, to, "test:club", 12.5), into)
    assert (code, "has 62.5 credits now" in printed) == (Exit.DONE, True)
    to, into = console()
    await quota.limits(settings, to, "test:ada", 40)
    assert "is granted 40.0 credits" in into.getvalue()
    await quota.limits(settings, to, "test:ada", None)
    assert "is granted 600.0 credits" in into.getvalue()
    to, into = console()
    _, printed = await said(quota.statement(settings, to, "test:club", 30), into)
    assert "mint" in printed
    async with books_in(tmp_path) as opened:
        lines = await opened.accounts.audit_lines(None)
        assert [line.action for line in lines] == ["limits", "limits", "mint"]
        assert all(line.actor.startswith("console:") for line in lines)


async def test_a_statement_says_that_there_is_more(settings: Settings, tmp_path: Path) -> None:
    async with filled(tmp_path):
        pass
    to, into = console()
    await quota.statement(settings, to, "test:ada", 2)
    assert "charge" in into.getvalue()
    assert "--limit 4" in into.getvalue()


async def test_who_is_not_known_is_named(settings: Settings) -> None:
    to, _ = console()
    with pytest.raises(UnknownPerson) as refused:
        await quota.show(settings, to, "test:nobody")
    assert refused.value.fields == {"value": "test:nobody"}


async def test_beside_a_running_service_it_reads_and_does_not_write(settings: Settings, tmp_path: Path) -> None:
    async with filled(tmp_path):
        to, into = console()
        assert await quota.audit(settings, to) is Exit.DONE
        await quota.show(settings, to, "test:ada")
        assert "598.5" in into.getvalue()
        with pytest.raises(ServiceRunning):  # it holds the lock, and has no door to ask at
            await quota.grant(settings, to, "test:ada", 5)


def test_what_does_not_add_up_is_named_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    assert runner.invoke(app, ["quota", "audit"]).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "atelier.db")) as database:
        database.execute("INSERT INTO wallet (id, kind, granted_period) VALUES ('thewallet', 'person', 0)")
        database.execute(
            "INSERT INTO ledger_entry (key, wallet_id, kind, amount, charged_mgs, at, note)"
            " VALUES ('transfer:x:out', 'thewallet', 'transfer', -5, 0, 0.0, '')"
        )
        database.commit()
    result = runner.invoke(app, ["quota", "audit"])
    assert result.exit_code == 1
    assert "wallet thewallet owes 5 mgs" in result.output
    assert "do not add up" in result.output


async def test_a_running_service_is_asked_to_change_what_it_alone_writes(settings: Settings, tmp_path: Path) -> None:
    async with open_house(tmp_path, running=False) as house:
        console_adapter = ConsoleAdapter(
            texts=load_texts(), identity=Identity(platform="console", id="0", name="root"), locale="en"
        )
        await console_adapter.start(house.commands.handle)
        ada = await house.books.person(Identity(platform="fake", id="1", name="Ada"))
        app = web.Application()
        app.router.add_get("/healthz", _ok)
        app.router.add_get("/console", console_adapter.route)
        async with TestServer(app) as server:
            url = f"http://{server.host}:{server.port}"
            notice = {"url": url, "key": "key", "pid": 1}
            (tmp_path / NOTICE).write_text(json.dumps(notice))
            to, into = console()
            assert await quota.grant(settings, to, "fake:1", 2.5) is Exit.DONE
            assert into.getvalue().strip() == "Ada has 2.5 more credits."
            assert await quota.limits(settings, to, "fake:1", 9) is Exit.DONE
            assert await quota.grant(settings, to, "fake:77", 2.5) is Exit.BAD_INPUT
        assert (await house.books.balance(ada.wallet_id)).available == 602_500
        assert [line.action for line in await house.accounts.audit_lines(None)] == ["limits", "mint"]


async def _ok(request: web.Request) -> web.Response:
    return web.Response()
