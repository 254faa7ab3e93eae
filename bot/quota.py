"""`atelier quota`: whose credits are where, who gets how much, and whether the books add up.

Reading needs nobody's leave: the database is opened beside a running service, which goes on. What changes something is
asked of the service where one runs (it alone writes), as its operator; else the database is opened for it alone.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.compose import build_policy, console_identity
from bot.door import find_service
from bot.programs import Exit
from config.settings import Settings
from engine.accounts import Account, AuditLine
from engine.clock import SystemClock
from engine.errors import ServiceRunning, UnknownPerson
from engine.ids import new_id
from engine.ports import Accounts
from engine.pricing import credits

MGS = 1000  # in a credit


async def show(settings: Settings, console: Console, who: str) -> Exit:
    """List every wallet, or one. Raises UnknownPerson."""
    async with _reading(settings) as accounts:
        found = [await _account(accounts, who)] if who else await accounts.accounts()
    table = Table("whose", "known as", "available", "held", "grant", "resets")
    for account in found:
        balance = account.balance
        own = "" if account.own_grant is None else " (own)"
        table.add_row(
            escape(account.name) or "(forgotten)",
            escape(", ".join(f"{each.platform}:{each.id}" for each in account.identities) or account.owner_id),
            credits(balance.available),
            credits(balance.held),
            credits(balance.grant) + own,
            _time(balance.resets_at),
        )
    console.print(table)
    return Exit.DONE


async def statement(settings: Settings, console: Console, who: str, limit: int) -> Exit:
    """Show a wallet's newest entries, newest first, with the balance after each. Raises UnknownPerson."""
    async with _reading(settings) as accounts:
        account = await _account(accounts, who)
        page = await accounts.statement(account.wallet_id, limit=limit)
    table = Table("when", "what", "credits", "charged", "balance", "for")
    for entry in page.entries:
        table.add_row(
            _time(entry.at),
            str(entry.movement),
            credits(entry.amount),
            credits(entry.charged) if entry.charged else "",
            credits(entry.balance),
            entry.job_id or escape(entry.note),
        )
    console.print(table)
    if page.older:
        console.print(f"There are older ones; --limit {limit * 2} shows more.", highlight=False)
    return Exit.DONE


async def audit(settings: Settings, console: Console) -> Exit:
    """Prove every balance, job and transfer; fails with a sentence for each thing that does not add up."""
    async with _reading(settings) as accounts:
        problems = await accounts.prove()
        wallets = len(await accounts.accounts())
    for problem in problems:
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    verdict = "Everything adds up" if not problems else f"{len(problems)} thing(s) do not add up"
    looked = "1 wallet was looked at" if wallets == 1 else f"{wallets} wallets were looked at"
    console.print(f"{verdict}: {looked}.", highlight=False, soft_wrap=True)
    return Exit.FAILED if problems else Exit.DONE


async def grant(settings: Settings, console: Console, who: str, amount: float) -> Exit:
    """Make credits for a person or a community. Raises UnknownPerson."""
    async with _writing(settings) as accounts:
        if accounts is None:
            return await _ask_service(settings, console, ("mint", who, f"{amount:g}"))
        account = await _account(accounts, who)
        await accounts.mint(
            new_id(), account.wallet_id, round(amount * MGS), _line("mint", account, round(amount * MGS))
        )
        after = await _account(accounts, who)
    told = f"{_named(after)} has {credits(after.balance.available)} credits now."
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    return Exit.DONE


async def limits(settings: Settings, console: Console, who: str, amount: float | None) -> Exit:
    """Set a wallet's grant for each period from the next on; None: as the settings say. Raises UnknownPerson."""
    async with _writing(settings) as accounts:
        if accounts is None:
            return await _ask_service(settings, console, ("limits", who, "none" if amount is None else f"{amount:g}"))
        account = await _account(accounts, who)
        mgs = None if amount is None else round(amount * MGS)
        await accounts.set_grant(account.wallet_id, mgs, _line("limits", account, mgs))
        after = await _account(accounts, who)
    told = f"{_named(after)} is granted {credits(after.balance.grant)} credits each period, from the next one on."
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    return Exit.DONE


async def _account(accounts: Accounts, who: str) -> Account:
    """Find a wallet by platform:id of its person or community, or by our own id."""
    platform, _, external_id = who.strip().partition(":")
    person = await accounts.find(platform, external_id)
    community = await accounts.find_community(platform, external_id)
    owner = person or community or await accounts.person(who.strip())
    if owner is None:
        raise UnknownPerson(value=who[:64])
    (account,) = await accounts.accounts(owner.wallet_id)
    return account


def _named(account: Account) -> str:
    return account.name or account.owner_id


def _line(action: str, account: Account, mgs: int | None) -> AuditLine:
    who = console_identity()
    return AuditLine(actor=f"{who.platform}:{who.id}", action=action, target=account.owner_id, detail={"mgs": mgs})


def _time(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


@asynccontextmanager
async def _reading(settings: Settings) -> AsyncIterator[Accounts]:
    """Open the accounts to look at them: alone where nobody has them, else beside the service."""
    from storage.accounts import open_accounts
    from storage.database import Database

    try:
        database = await Database.open(settings.database_path)
    except ServiceRunning:
        database = await asyncio.to_thread(Database.open_to_read, settings.database_path)
    try:
        yield open_accounts(database, SystemClock(), build_policy(settings))
    finally:
        await database.close()


@asynccontextmanager
async def _writing(settings: Settings) -> AsyncIterator[Accounts | None]:
    """Open the accounts to change them; None where a service has them, which is then to be asked."""
    from storage.accounts import open_accounts
    from storage.database import Database

    try:
        database = await Database.open(settings.database_path)
    except ServiceRunning:
        if await find_service(settings.data_dir) is None:
            raise  # another command like this one, or a service that has not opened its door yet
        yield None
        return
    try:
        yield open_accounts(database, SystemClock(), build_policy(settings))
    finally:
        await database.close()


async def _ask_service(settings: Settings, console: Console, words: tuple[str, ...]) -> Exit:
    from bot.console.client import Terminal
    from bot.console.frames import Ask

    notice = await find_service(settings.data_dir)
    if notice is None:
        raise ServiceRunning("the service that has the database does not answer", path=str(settings.database_path))
    result = await Terminal(console).run(notice, Ask(name="mod", words=words, key=new_id(), out=""))
    return result.exit
