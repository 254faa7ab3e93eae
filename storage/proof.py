"""The proof of the books: everything that must be true of them at any moment, asked of the database.

For tests, for `atelier doctor`, and for whoever wants to know whether the money is right. It reads everything once, in
pages of jobs, so that its time grows with the books and its memory does not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, case, func, select

from engine.model import AttemptStatus, DeliveryStatus, JobStatus, TaskStatus
from engine.safety.verdicts import Screening
from storage import ledger
from storage.prepared import Prepared, Record, among
from storage.tables import (
    AttemptRow,
    DeliveryRow,
    EntryKind,
    JobRow,
    LedgerEntryRow,
    PictureRow,
    TaskRow,
    WalletRow,
    table_of,
)
from storage.transaction import Transaction

_PAGE = 1000  # jobs that are looked at together
_OPEN_ATTEMPT = (AttemptStatus.CLAIMED, AttemptStatus.SENT)
_OPEN_TASK = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_ENDED_DELIVERY = (DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERABLE)
_JOB, _TASK, _ATTEMPT = table_of(JobRow), table_of(TaskRow), table_of(AttemptRow)
_DELIVERY, _ENTRY, _WALLET = table_of(DeliveryRow), table_of(LedgerEntryRow), table_of(WalletRow)
_PICTURE = table_of(PictureRow)


def _of_page(table: FromClause, *columns: ColumnElement[object]) -> Prepared:
    """Choose what belongs to the jobs of a page, whose numbers are above `after` and up to `last`."""
    of_jobs = select(*columns).select_from(_JOB.join(table, table.c.job_id == _JOB.c.id))
    return Prepared(of_jobs.where(_JOB.c.sequence > bindparam("after"), _JOB.c.sequence <= bindparam("last")))


_JOBS = Prepared(
    select(
        *(_JOB.c.sequence, _JOB.c.id, _JOB.c.wallet_id, _JOB.c.status, _JOB.c.finished_at),
        *(_JOB.c.quote, _JOB.c.charged, _JOB.c.screening),
    )
    .where(_JOB.c.sequence > bindparam("after"))
    .order_by(_JOB.c.sequence)
    .limit(_PAGE)
)
_ENTRIES = _of_page(
    _ENTRY, _ENTRY.c.job_id, _ENTRY.c.key, _ENTRY.c.kind, _ENTRY.c.amount, _ENTRY.c.charged_mgs, _ENTRY.c.wallet_id
)
_TASKS = _of_page(_TASK, _TASK.c.job_id, _TASK.c.id, _TASK.c.status, _TASK.c.cost, _TASK.c.ready)
_ATTEMPTS = _of_page(_ATTEMPT, _ATTEMPT.c.job_id, _ATTEMPT.c.task_id, _ATTEMPT.c.status)
_DELIVERIES = _of_page(_DELIVERY, _DELIVERY.c.job_id, _DELIVERY.c.status, _DELIVERY.c.repairs)

_REJECTED_PICTURES = Prepared(
    select(_TASK.c.job_id)
    .select_from(_JOB.join(_TASK, _TASK.c.job_id == _JOB.c.id).join(_PICTURE, _PICTURE.c.task_id == _TASK.c.id))
    .where(
        _JOB.c.sequence > bindparam("after"),
        _JOB.c.sequence <= bindparam("last"),
        _JOB.c.screening == Screening.REJECTED.value,
    )
)


def prove(tx: Transaction) -> list[str]:
    """Give a sentence for everything in the books that is not as it must be; empty if all is well."""
    problems = []
    for book in _books(tx):
        problems += _job_money(book.job, book.entries)
        problems += _job_life(book)
    problems += _balances(tx)
    problems += _transfers(tx)
    return problems


@dataclass
class _Book:
    """A job with all that is written about it."""

    job: Record
    entries: list[Record] = field(default_factory=list)
    tasks: list[Record] = field(default_factory=list)
    attempts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # statuses by task
    deliveries: list[Record] = field(default_factory=list)
    pictures: int = 0  # of a job that was rejected


def _books(tx: Transaction) -> Iterator[_Book]:
    after = -1
    while jobs := tx.rows(_JOBS, after=after):
        page = {"after": after, "last": jobs[-1].sequence}
        books = {job.id: _Book(job) for job in jobs}
        for entry in tx.rows(_ENTRIES, **page):
            books[entry.job_id].entries.append(entry)
        for task in tx.rows(_TASKS, **page):
            books[task.job_id].tasks.append(task)
        for attempt in tx.rows(_ATTEMPTS, **page):
            books[attempt.job_id].attempts[attempt.task_id].append(attempt.status)
        for delivery in tx.rows(_DELIVERIES, **page):
            books[delivery.job_id].deliveries.append(delivery)
        for picture in tx.rows(_REJECTED_PICTURES, **page):
            books[picture.job_id].pictures += 1
        yield from books.values()
        after = jobs[-1].sequence


def _job_money(job: Record, entries: Sequence[Record]) -> list[str]:
    """Check: one hold of the quote, ended exactly when the job is settled, and a refund of no more than the charge."""
    problems = []
    where = f"wallet {job.wallet_id}: job {job.id}"
    requotes = sum(entry.amount for entry in entries if entry.key.startswith("requote:"))
    once = [entry for entry in entries if not entry.key.startswith("requote:")]
    kinds = Counter(str(entry.kind) for entry in once)
    amounts = {str(entry.kind): entry for entry in once}
    ends = kinds[EntryKind.CHARGE] + kinds[EntryKind.RELEASE]
    if kinds[EntryKind.HOLD] != 1 or amounts[EntryKind.HOLD].amount + requotes != -job.quote:
        problems.append(f"{where}: not exactly one hold of its quote")
    if ends != (0 if job.status in ledger.OPEN_HOLD else 1):
        problems.append(f"{where} is {job.status}, and its hold was ended {ends} times")
    if (job.finished_at is None) != (job.status in ledger.OPEN_HOLD):
        problems.append(f"{where} is {job.status}, and its end is {job.finished_at}")
    charged = amounts[EntryKind.CHARGE].charged_mgs if kinds[EntryKind.CHARGE] else 0
    if kinds[EntryKind.CHARGE] and amounts[EntryKind.CHARGE].amount != job.quote - charged:
        problems.append(f"{where}: charge and returned rest are not the quote")
    if kinds[EntryKind.RELEASE] and amounts[EntryKind.RELEASE].amount != job.quote:
        problems.append(f"{where}: the release is not the quote")
    if kinds[EntryKind.REFUND] and amounts[EntryKind.REFUND].amount != charged:
        problems.append(f"{where}: the refund is not the charge")
    if job.charged != charged - (charged if kinds[EntryKind.REFUND] else 0):
        problems.append(f"{where} says charged {job.charged}, its entries say otherwise")
    if any(entry.wallet_id != job.wallet_id for entry in entries):
        problems.append(f"{where}: entries in a wallet that is not the job's")
    return problems


def _job_life(book: _Book) -> list[str]:
    """Check that job, tasks, attempts and delivery agree on how far they are."""
    problems = []
    job, tasks, deliveries = book.job, book.tasks, book.deliveries
    open_tasks = [task for task in tasks if task.status in _OPEN_TASK]
    if bool(open_tasks) != (job.status in ledger.OPEN_HOLD):
        problems.append(f"job {job.id} is {job.status} with {len(open_tasks)} open tasks")
    if job.quote != sum(task.cost for task in tasks):
        problems.append(f"job {job.id}: the quote is not the sum of its tasks")
    for task in tasks:
        if task.ready != (task.status == TaskStatus.QUEUED and job.status != JobStatus.HELD):
            problems.append(f"task {task.id} is {task.status} in a job that is {job.status}, and ready is {task.ready}")
        attempts = book.attempts[task.id]
        running = sum(status in _OPEN_ATTEMPT for status in attempts)
        if running != (task.status == TaskStatus.RUNNING):
            problems.append(f"task {task.id} is {task.status} with {running} open attempts")
        succeeded = attempts.count(AttemptStatus.SUCCEEDED)
        if succeeded != (task.status == TaskStatus.DONE):
            problems.append(f"task {task.id} is {task.status} with {succeeded} successful attempts")
    if len(deliveries) != 1:
        return [*problems, f"job {job.id} has {len(deliveries)} deliveries"]
    status = deliveries[0].status
    if (status == DeliveryStatus.WAITING) != (job.status in ledger.OPEN_HOLD):
        problems.append(f"job {job.id} is {job.status}, its delivery {status}")
    shown_again = deliveries[0].repairs > 0 and JobStatus(job.status).ended  # and under way for another time
    if (status in _ENDED_DELIVERY) != JobStatus(job.status).ended and not shown_again:
        problems.append(f"job {job.id} is {job.status}, its delivery {status}")
    if (status == DeliveryStatus.HELD) != (job.screening == Screening.HELD) and not JobStatus(job.status).ended:
        problems.append(f"job {job.id} is screened as {job.screening}, its delivery {status}")
    if job.screening == Screening.REJECTED and (job.charged or book.pictures):
        problems.append(f"job {job.id} was rejected, and has its pictures or its charge")
    if status == DeliveryStatus.UNDELIVERABLE and job.charged and not shown_again:
        problems.append(f"job {job.id} was not delivered, and was not refunded")
    return problems


def _sums() -> Select[*tuple[object, ...]]:
    """Choose of every wallet its balance and what it says of it, what came in, and what its jobs took and hold."""
    came = case((_ENTRY.c.kind.in_(among([EntryKind.GRANT, EntryKind.TRANSFER])), _ENTRY.c.amount), else_=0)
    entries = (
        select(_ENTRY.c.wallet_id, func.sum(_ENTRY.c.amount).label("balance"), func.sum(came).label("came_in"))
        .group_by(_ENTRY.c.wallet_id)
        .subquery()
    )
    took = case((_JOB.c.status.in_(among(ledger.OPEN_HOLD)), _JOB.c.quote), else_=_JOB.c.charged)
    jobs = select(_JOB.c.wallet_id, func.sum(took).label("taken")).group_by(_JOB.c.wallet_id).subquery()
    return select(
        _WALLET.c.id,
        _WALLET.c.balance.label("kept"),
        func.coalesce(entries.c.balance, 0).label("balance"),
        (func.coalesce(entries.c.came_in, 0) - func.coalesce(jobs.c.taken, 0)).label("due"),
    ).select_from(
        _WALLET.outerjoin(entries, entries.c.wallet_id == _WALLET.c.id).outerjoin(
            jobs, jobs.c.wallet_id == _WALLET.c.id
        )
    )


def _overdrafts() -> Select[*tuple[object, ...]]:
    """Choose the wallets that ever owed, with the first entry after which they did."""
    balance = func.sum(_ENTRY.c.amount).over(partition_by=_ENTRY.c.wallet_id, order_by=_ENTRY.c.sequence)
    running = select(_ENTRY.c.wallet_id, _ENTRY.c.sequence, balance.label("balance")).subquery()
    return (
        select(running.c.wallet_id, func.min(running.c.sequence).label("entry"))
        .where(running.c.balance < 0)
        .group_by(running.c.wallet_id)
    )


_SUMS, _OVERDRAFTS = Prepared(_sums()), Prepared(_overdrafts())
_TRANSFERS = Prepared(
    select(_ENTRY.c.key, _ENTRY.c.amount, _ENTRY.c.wallet_id).where(_ENTRY.c.kind == EntryKind.TRANSFER)
)


def _balances(tx: Transaction) -> list[str]:
    """Check that nobody owes or ever owed, and that a balance is what came in less what jobs took and hold."""
    problems = []
    overdrawn = {row.wallet_id: row.entry for row in tx.rows(_OVERDRAFTS)}
    for wallet in tx.rows(_SUMS):
        if wallet.balance < 0:
            problems.append(f"wallet {wallet.id} owes {-wallet.balance} mgs")
        elif wallet.id in overdrawn:
            problems.append(f"wallet {wallet.id} owed credits after entry {overdrawn[wallet.id]}")
        if wallet.kept != wallet.balance:
            problems.append(f"wallet {wallet.id} says {wallet.kept} mgs, where its entries come to {wallet.balance}")
        if wallet.balance != wallet.due:
            problems.append(f"wallet {wallet.id}: {wallet.balance} mgs, where {wallet.due} are due")
    return problems


def _transfers(tx: Transaction) -> list[str]:
    """Check that of every transfer what left one wallet came to another."""
    moved: Counter[str] = Counter()
    wallets: dict[str, str] = {}
    for entry in tx.rows(_TRANSFERS):
        key = entry.key.removesuffix(":out").removesuffix(":in")
        moved[key] += entry.amount
        wallets[key] = entry.wallet_id
    return [f"wallet {wallets[key]}: {key} made {amount} mgs out of nothing" for key, amount in moved.items() if amount]
