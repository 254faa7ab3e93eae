"""Replies about people: statements, bans, policies, the audit log; all for the person alone who asks."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.replies import Reply, text
from engine.accounts import AuditLine, Ban, Statement
from engine.errors import Field
from engine.model import JobView
from engine.policies import CommunityPolicy, expected, shown_policy
from engine.pricing import credits

LONGEST_DETAIL = 200  # characters of an audit line's detail


def said(key: str, /, **fields: Field) -> Reply:
    """One line that something was done."""
    return Reply(lines=(text(key, **fields),), private=True)


def mod_queue_reply(views: Sequence[JobView]) -> Reply:
    """What waits or runs in a community, with whose it is."""
    if not views:
        return said("mod-queue-empty")
    lines = [
        text(
            "mod-queue-line",
            job=view.job.id,
            owner=view.job.place.owner,
            status=str(view.job.status),
            position=view.position,
            prompt=view.job.text,
        )
        for view in views
    ]
    return Reply(lines=(text("mod-queue-title", count=len(views)), *lines), private=True)


def statement_reply(title: str, page: Statement) -> Reply:
    """A page of entries, newest first; `title` is "statement" (one's own) or "wallet" (the community's)."""
    if not page.entries:
        return said(f"{title}-empty")
    lines = [
        text(
            "statement-line",
            at=_minute(entry.at),
            movement=str(entry.movement),
            amount=("+" if entry.amount > 0 else "") + credits(entry.amount),
            charged=credits(entry.charged) if entry.charged else "",
            balance=credits(entry.balance),
            job=entry.job_id or "",
        )
        for entry in page.entries
    ]
    if page.older:
        lines.append(text("statement-older", before=page.older))
    return Reply(lines=(text(f"{title}-title", balance=credits(page.entries[0].balance)), *lines), private=True)


def bans_reply(bans: Sequence[Ban]) -> Reply:
    """Who is banned, for what and until when."""
    if not bans:
        return said("mod-bans-empty")
    lines = [
        text(
            "mod-bans-line",
            person=ban.person_id,
            reason=ban.reason,
            until="" if ban.until is None else _minute(ban.until),
            everywhere="yes" if ban.community_id is None else "no",
        )
        for ban in bans
    ]
    return Reply(lines=(text("mod-bans-title", count=len(bans)), *lines), private=True)


def policy_reply(policy: CommunityPolicy) -> Reply:
    """Every field of a policy with its value, as it is typed to change it."""
    lines = [
        text("mod-policy-line", field=name, value=value, expected=expected(name))
        for name, value in shown_policy(policy).items()
    ]
    lines.append(text("mod-policy-words", count=len(policy.words)))
    return Reply(lines=(text("mod-policy-title"), *lines), private=True)


def audit_reply(lines: Sequence[AuditLine]) -> Reply:
    """Who did what with power, newest first."""
    if not lines:
        return said("mod-audit-empty")
    shown = [
        text(
            "mod-audit-line",
            at=_minute(line.at),
            actor=line.actor,
            action=line.action,
            target=line.target,
            detail=json.dumps(line.detail, ensure_ascii=False)[:LONGEST_DETAIL] if line.detail else "",
        )
        for line in lines
    ]
    return Reply(lines=(text("mod-audit-title", count=len(lines)), *shown), private=True)


def _minute(at: float) -> str:
    """A moment as everybody reads it, in UTC: 2026-11-24 18:30."""
    return f"{datetime.fromtimestamp(at, tz=UTC):%Y-%m-%d %H:%M}"
