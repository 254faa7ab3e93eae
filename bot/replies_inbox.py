"""Replies of moderation: the inbox with its buttons, decisions, a chat's own words."""

from collections.abc import Sequence

from bot.ladder import File, Form
from bot.replies import Button, Reply, Text, text
from bot.replies_people import said
from engine.inbox import Preview
from engine.reviews import Decided, Kind, Outcome, Review

LONGEST_PROMPT = 200  # characters of a prompt that the inbox shows
_BUTTONS = {Kind.HELD: ("approve", "spoiler", "reject"), Kind.REPORTED: ("hide", "dismiss")}


def inbox_reply(reviews: Sequence[Review], previews: Sequence[Sequence[Preview]], *, more: bool) -> Reply:
    """What waits for a decision, with small previews behind a spoiler and a row of buttons each."""
    if not reviews:
        return said("inbox-empty")
    lines = [text("inbox-title", count=len(reviews), more="yes" if more else "no")]
    lines += [_line(review) for review in reviews]
    files = tuple(
        File(
            filename=f"{review.view.job.id}-{preview.number}.jpg",
            mime="image/jpeg",
            form=Form.JPEG,
            data=preview.data,
        )
        for review, shown in zip(reviews, previews, strict=True)
        for preview in shown
    )
    rows = tuple(
        tuple(Button(action=name, job_id=review.view.job.id) for name in _BUTTONS[review.kind]) for review in reviews
    )
    return Reply(lines=tuple(lines), private=True, files=files, buttons=rows, spoiler=True)


def decided_reply(decided: Decided, outcome: Outcome) -> Reply:
    """What a decision has done."""
    job = decided.view.job.id
    return said(f"review-{outcome}", job=job) if decided.done else said("review-decided", job=job)


def words_reply(words: Sequence[str]) -> Reply:
    """What is ruled out in a chat."""
    if not words:
        return said("words-empty")
    return Reply(
        lines=(text("words-title", count=len(words)), *(text("name-line", name=word) for word in words)), private=True
    )


def _line(review: Review) -> Text:
    job = review.view.job
    prompt = job.text if len(job.text) <= LONGEST_PROMPT else job.text[: LONGEST_PROMPT - 1] + "…"
    return text(
        "inbox-line",
        job=job.id,
        owner=job.place.owner,
        kind=str(review.kind),
        reports=review.reports,
        reason=" · ".join(review.reasons)[: 2 * LONGEST_PROMPT],
        prompt=prompt,
    )
