"""The proof of the books: everything that must be true of them at any moment, asked of the database.

For tests, for `atelier doctor`, and for whoever wants to know whether the money is right.
"""

from collections import Counter, defaultdict

from sqlalchemy import select
from sqlmodel import Session, col

from engine.model import AttemptStatus, DeliveryStatus, JobStatus, TaskStatus
from storage import ledger
from storage.tables import AttemptRow, DeliveryRow, EntryKind, JobRow, LedgerEntryRow, TaskRow, WalletRow

_OPEN_ATTEMPT = (AttemptStatus.CLAIMED, AttemptStatus.SENT)
_OPEN_TASK = (TaskStatus.QUEUED, TaskStatus.RUNNING)
_ENDED_DELIVERY = (DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERABLE)


def prove(session: Session) -> list[str]:
    """Give a sentence for everything in the books that is not as it must be; empty if all is well."""
    entries: dict[str, list[LedgerEntryRow]] = defaultdict(list)
    for entry in session.scalars(select(LedgerEntryRow).where(col(LedgerEntryRow.job_id).is_not(None))):
        entries[str(entry.job_id)].append(entry)
    problems = []
    for job in session.scalars(select(JobRow)):
        problems += _job_money(job, entries[job.id])
        problems += _job_life(session, job)
    problems += _balances(session)
    problems += _transfers(session)
    return problems


def _job_money(job: JobRow, entries: list[LedgerEntryRow]) -> list[str]:
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


def _job_life(session: Session, job: JobRow) -> list[str]:
    """Check that job, tasks, attempts and delivery agree on how far they are."""
    problems = []
    tasks = session.scalars(select(TaskRow).where(col(TaskRow.job_id) == job.id)).all()
    open_tasks = [task for task in tasks if task.status in _OPEN_TASK]
    if bool(open_tasks) != (job.status in ledger.OPEN_HOLD):
        problems.append(f"job {job.id} is {job.status} with {len(open_tasks)} open tasks")
    if job.quote != sum(task.cost for task in tasks):
        problems.append(f"job {job.id}: the quote is not the sum of its tasks")
    for task in tasks:
        if task.ready != (task.status == TaskStatus.QUEUED and job.status != JobStatus.HELD):
            problems.append(f"task {task.id} is {task.status} in a job that is {job.status}, and ready is {task.ready}")
        attempts = session.scalars(select(AttemptRow).where(col(AttemptRow.task_id) == task.id)).all()
        running = sum(attempt.status in _OPEN_ATTEMPT for attempt in attempts)
        if running != (task.status == TaskStatus.RUNNING):
            problems.append(f"task {task.id} is {task.status} with {running} open attempts")
        succeeded = sum(attempt.status == AttemptStatus.SUCCEEDED for attempt in attempts)
        if succeeded != (task.status == TaskStatus.DONE):
            problems.append(f"task {task.id} is {task.status} with {succeeded} successful attempts")
    deliveries = session.scalars(select(DeliveryRow).where(col(DeliveryRow.job_id) == job.id)).all()
    if len(deliveries) != 1:
        return [*problems, f"job {job.id} has {len(deliveries)} deliveries"]
    status = deliveries[0].status
    if (status == DeliveryStatus.WAITING) != (job.status in ledger.OPEN_HOLD):
        problems.append(f"job {job.id} is {job.status}, its delivery {status}")
    shown_again = deliveries[0].repairs > 0 and JobStatus(job.status).ended  # and under way for another time
    if (status in _ENDED_DELIVERY) != JobStatus(job.status).ended and not shown_again:
        problems.append(f"job {job.id} is {job.status}, its delivery {status}")
    if status == DeliveryStatus.UNDELIVERABLE and job.charged and not shown_again:
        problems.append(f"job {job.id} was not delivered, and was not refunded")
    return problems


def _balances(session: Session) -> list[str]:
    """Check that nobody owes or ever owed, and that a balance is what came in less what jobs took and hold."""
    problems = []
    came_in: Counter[str] = Counter()
    balances: Counter[str] = Counter()
    overdrawn: dict[str, int] = {}
    entries = select(
        col(LedgerEntryRow.wallet_id),
        col(LedgerEntryRow.kind),
        col(LedgerEntryRow.amount),
        col(LedgerEntryRow.sequence),
    ).order_by(col(LedgerEntryRow.sequence))
    for entry in session.execute(entries):
        if entry.kind in (EntryKind.GRANT, EntryKind.TRANSFER):
            came_in[entry.wallet_id] += entry.amount
        balances[entry.wallet_id] += entry.amount
        if balances[entry.wallet_id] < 0:
            overdrawn.setdefault(entry.wallet_id, entry.sequence)
    taken: Counter[str] = Counter()
    for job in session.execute(
        select(col(JobRow.wallet_id), col(JobRow.status), col(JobRow.quote), col(JobRow.charged))
    ):
        taken[job.wallet_id] += job.quote if job.status in ledger.OPEN_HOLD else job.charged
    for wallet_id in session.scalars(select(col(WalletRow.id))):
        balance, due = balances[wallet_id], came_in[wallet_id] - taken[wallet_id]
        if balance < 0:
            problems.append(f"wallet {wallet_id} owes {-balance} mgs")
        elif wallet_id in overdrawn:
            problems.append(f"wallet {wallet_id} owed credits after entry {overdrawn[wallet_id]}")
        if balance != due:
            problems.append(f"wallet {wallet_id}: {balance} mgs, where {due} are due")
    return problems


def _transfers(session: Session) -> list[str]:
    """Check that of every transfer what left one wallet came to another."""
    moved: Counter[str] = Counter()
    wallets: dict[str, str] = {}
    chosen = select(LedgerEntryRow).where(col(LedgerEntryRow.kind) == EntryKind.TRANSFER)
    for entry in session.scalars(chosen):
        key = entry.key.removesuffix(":out").removesuffix(":in")
        moved[key] += entry.amount
        wallets[key] = entry.wallet_id
    return [f"wallet {wallets[key]}: {key} made {amount} mgs out of nothing" for key, amount in moved.items() if amount]
