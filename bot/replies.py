"""Replies as data: text keys with their fields, progress, pictures, buttons; no platform and no language in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.catalog import Command, Flags
from bot.ladder import File
from engine.accounts import Allowance
from engine.board import steps
from engine.errors import AtelierError, Field, Refusal, UserError
from engine.gallery import DELETED, is_deleted
from engine.model import Balance, Job, JobStatus, JobView, Picture, Progress, Quote, TaskStatus
from engine.pricing import credits
from engine.reviews import NOT_REVIEWED
from engine.safety.verdicts import SHOWN, Screening
from engine.workflows.template import Template

WORDS_NAMED = 6
"""The most words that a hint names."""


class Tone(StrEnum):
    """What kind of answer it is: adapters colour by it, the console's exit code follows from it."""

    INFO = "info"
    WORKING = "working"
    ASK = "ask"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    BAD_INPUT = "bad-input"
    REFUSED = "refused"

    @property
    def final(self) -> bool:
        """Whether nothing more comes after it."""
        return self not in (Tone.WORKING, Tone.ASK)


@dataclass(frozen=True, kw_only=True)
class Text:
    """A Fluent message and its variables."""

    key: str
    fields: Mapping[str, Field] = field(default_factory=dict)


def text(key: str, /, **fields: Field) -> Text:
    """Name a Fluent message with its variables."""
    return Text(key=key, fields=fields)


@dataclass(frozen=True, kw_only=True)
class Meter:
    """A progress bar: `done` of `total` steps over all pictures of the job."""

    stage: str  # as in `engine.model.Progress`
    done: int = 0
    total: int = 0
    eta: float | None = None  # seconds


@dataclass(frozen=True, kw_only=True)
class Button:
    """Something to press; platforms carry `action:job:index`, and the press is a `Command` of that name.

    Its words are the Fluent message `action-NAME`.
    """

    action: str
    job_id: str
    index: int = 0  # which picture, from 1; 0: the job, or its only picture
    bare: bool = False  # shown by its sign alone


class FieldKind(StrEnum):
    """What a field of a form takes."""

    TEXT = "text"  # one line
    LONG = "long"  # several lines
    NUMBER = "number"
    CHOICE = "choice"  # one of `choices`


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One field of a form; its label is the Fluent message `option-NAME`."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    value: str = ""  # what it holds at first
    choices: tuple[str, ...] = ()
    required: bool = False
    expected: str = ""  # its range or form, in signs that every language reads


@dataclass(frozen=True, kw_only=True)
class Form:
    """What somebody is asked to fill in; filled in, it is the same `Command` with `values`.

    Its title is the Fluent message `action-NAME`.
    """

    action: str
    job_id: str
    index: int = 0
    fields: tuple[FormField, ...]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One message, or what it is edited into."""

    lines: tuple[Text, ...]
    tone: Tone = Tone.INFO
    private: bool = False  # for the person alone
    job_id: str = ""  # the job whose one message this is
    jobs: tuple[str, ...] = ()  # on the answer to a command: the jobs that it made
    meter: Meter | None = None
    preview: bytes | None = field(default=None, repr=False, compare=False)  # None: the one that is shown stays
    pictures: tuple[Picture, ...] = ()
    files: tuple[File, ...] = field(default=(), repr=False, compare=False)  # the pictures as they are uploaded
    ping: bool = False  # calls the owner
    buttons: tuple[tuple[Button, ...], ...] = ()  # in rows
    form: Form | None = None  # what the person is asked to fill in
    spoiler: bool = False
    locale: str = ""  # the language that the person wants to read; empty: the one that their platform says


def error_reply(error: AtelierError) -> Reply:
    """Say what is wrong and what would be right, to that person alone."""
    match error:
        case UserError():
            tone = Tone.BAD_INPUT
        case Refusal():
            tone = Tone.REFUSED
        case _:
            tone = Tone.FAILED
    return Reply(lines=(Text(key=f"error-{error.code}", fields=error.fields),), tone=tone, private=True)


def quote_reply(quote: Quote, *, ask: bool) -> Reply:
    """Say what it would cost and how long it would wait; `ask` whether to go on."""
    lines = [
        text(
            "quote",
            jobs=quote.jobs,
            pictures=quote.tasks,
            credits=credits(quote.cost),
            seconds=_whole(quote.eta),
        ),
    ]
    if ask:
        lines.append(text("quote-ask"))
    return Reply(lines=tuple(lines), tone=Tone.ASK if ask else Tone.INFO, private=True)


def job_reply(
    view: JobView, progress: Mapping[str, Progress], stalled: str = "", *, buttons: tuple[tuple[Button, ...], ...] = ()
) -> Reply:
    """The one message of a job, as it is now.

    `stalled` is the stage that all work is held up in, if it is; `buttons` are those of a result.
    """
    match view.job.status:
        case JobStatus.DONE | JobStatus.FAILED | JobStatus.CANCELLED | JobStatus.DELIVERING:
            if view.job.screening not in SHOWN:
                return _withheld(view.job)
            return replace(_result(view), buttons=buttons)
        case JobStatus.REFUSED | JobStatus.EXPIRED:
            return Reply(lines=(text("job-failed", reason=view.job.reason),), tone=Tone.FAILED, job_id=view.job.id)
        case _:
            return _working(view, progress, stalled)


def _working(view: JobView, progress: Mapping[str, Progress], stalled: str) -> Reply:
    job, meter = view.job, _meter(view, progress)
    if stalled:
        meter = replace(meter, stage=stalled, eta=None)
    match meter.stage:
        case "queued" if job.status is JobStatus.HELD:
            line = text("job-held")
        case "queued" if view.paused:
            line = text("job-paused", position=view.position, length=view.queue_length)
        case "queued":
            line = text("job-queued", position=view.position, length=view.queue_length, seconds=_whole(view.eta))
        case "loading":
            line = text("job-loading")
        case "saving":
            line = text("job-uploading")
        case "disk-full":
            line = text("error-disk-full")
        case _:
            percent = round(100 * meter.done / meter.total) if meter.total else 0
            line = text("job-running", percent=percent, bar=_bar(percent), step=meter.done, steps=meter.total)
    held = job.screening is not Screening.NONE  # what is looked at before it is shown is not shown while it is made
    previews = [step.preview for step in progress.values() if step.preview and not held]
    return Reply(
        lines=(line,),
        tone=Tone.WORKING,
        job_id=job.id,
        meter=meter,
        preview=previews[-1] if previews else None,
        buttons=((Button(action="cancel", job_id=job.id),),),
        spoiler=job.spoiler,
    )


def _meter(view: JobView, progress: Mapping[str, Progress]) -> Meter:
    stages = [progress[task.id].stage for task in view.tasks if task.id in progress]
    done, total = steps(view, progress)
    if "sampling" in stages or (done and not stages):  # or between two pictures
        stage = "sampling"
    elif any(task.status is TaskStatus.RUNNING for task in view.tasks):
        said = stages[-1] if stages else "queued"
        stage = "loading" if said == "queued" else said  # it left our queue; the endpoint makes itself ready
    else:
        stage = "queued"
    return Meter(stage=stage, done=done, total=total, eta=view.eta)


def _bar(percent: int, width: int = 6) -> str:
    full = round(width * percent / 100)
    return "▓" * full + "░" * (width - full)


def _result(view: JobView) -> Reply:
    job = view.job
    pictures = view.pictures
    if is_deleted(job):
        lines, tone = [text("job-deleted", by=job.reason.removeprefix(DELETED))], Tone.CANCELLED
    elif pictures:
        lines = [
            text(
                "job-result",
                prompt=job.text,
                owner=job.place.owner,
                seconds=round((job.finished_at or job.created_at) - (job.started_at or job.created_at), 1),
                endpoint=", ".join(sorted({task.endpoint for task in view.tasks if task.endpoint})),
                credits=credits(job.charged),
                job=job.id,
            ),
        ]
        missing = [task for task in view.tasks if not task.pictures]
        if missing:
            lines.append(text("job-partly", missing=len(missing), count=len(view.tasks), reason=_reason(view)))
        tone = Tone.DONE
    elif job.status is JobStatus.CANCELLED or job.reason.startswith("cancelled"):
        lines, tone = [text("job-cancelled", job=job.id)], Tone.CANCELLED
    elif job.status is JobStatus.DONE:
        lines, tone = [text("job-pictures-gone")], Tone.DONE
    else:
        lines, tone = [text("job-failed", reason=_reason(view))], Tone.FAILED
    return Reply(lines=tuple(lines), tone=tone, job_id=job.id, pictures=pictures, spoiler=job.spoiler)


def _withheld(job: Job) -> Reply:
    """Say why a job shows no pictures: a moderator has still to look at them, or did not let them be shown."""
    if job.screening is Screening.HELD:
        return Reply(lines=(text("job-waits-for-moderator"),), tone=Tone.WORKING, job_id=job.id)
    if job.reason == NOT_REVIEWED:
        return Reply(lines=(text("job-not-reviewed"),), tone=Tone.FAILED, job_id=job.id)
    outcome = str(job.screening)
    reason = "" if job.reason == outcome else job.reason
    return Reply(lines=(text(f"job-{outcome}", reason=reason),), tone=Tone.FAILED, job_id=job.id)


def ready_reply(job: Job) -> Reply:
    """Call the owner of a result that took long; its message was only edited, which tells nobody."""
    return Reply(lines=(text("job-ready", owner=job.place.owner),), tone=Tone.DONE, job_id=job.id, ping=True)


def unreachable_reply(job: Job, error: AtelierError) -> Reply:
    """Tell the owner of a private job, where others read it too, that its result could not be sent; not what it was."""
    return Reply(
        lines=(text("private-unreachable", owner=job.place.owner, reason=error.code),),
        tone=Tone.FAILED,
        job_id=job.id,
        ping=True,
    )


def _reason(view: JobView) -> str:
    """The code of the error that ended it."""
    return next((task.error for task in view.tasks if task.error), "") or view.job.reason


def _whole(seconds: float | None) -> int:
    """Seconds for people: whole, at least 1; -1 for unknown (Fluent has no null)."""
    return -1 if seconds is None else max(1, round(seconds))


def accepted_reply(jobs: Sequence[Job], refused: Refusal | None = None, passed_over: Sequence[str] = ()) -> Reply:
    """Say what was queued, and what was not; `passed_over` are words that mean nothing to the model."""
    lines = [
        text(
            "accepted",
            jobs=len(jobs),
            pictures=sum(job.count for job in jobs),
            credits=credits(sum(job.quote for job in jobs)),
        ),
    ]
    if any(job.place.asked_in for job in jobs):
        lines.append(text("accepted-private"))
    if refused is not None:
        lines.append(Text(key=f"error-{refused.code}", fields=refused.fields))
    if passed_over:
        named = ", ".join(passed_over[:WORDS_NAMED])
        lines.append(text("passed-over", words=named, more=max(0, len(passed_over) - WORDS_NAMED)))
    return Reply(lines=tuple(lines), tone=Tone.WORKING, private=True, jobs=tuple(job.id for job in jobs))


def jobs_reply(title: str, views: Sequence[JobView]) -> Reply:
    """The person's jobs: `title` is "queue" (those that wait or run) or "history"."""
    if not views:
        return Reply(lines=(text(f"{title}-empty"),), private=True)
    lines = [
        text(
            "job-line",
            job=view.job.id,
            status=str(view.job.status),
            position=view.position,
            seconds=_whole(view.eta),
            prompt=view.job.text,
        )
        for view in views
    ]
    return Reply(lines=(text(f"{title}-title", count=len(views)), *lines), private=True)


def info_reply(balance: Balance, active: Sequence[JobView], share: Allowance | None = None, *, now: float) -> Reply:
    """What the person has left, when it resets, what of theirs is under way; their share where the chat pays."""
    line = text(
        "info",
        available=credits(balance.available),
        held=credits(balance.held),
        grant=credits(balance.grant),
        hours=max(0, round((balance.resets_at - now) / 3600)),
        queued=sum(view.job.status is JobStatus.QUEUED for view in active),
        running=sum(view.job.status is JobStatus.RUNNING for view in active),
    )
    if share is None:
        return Reply(lines=(line,), private=True)
    paid = text(
        "info-community",
        available=credits(share.balance.available),
        used=credits(share.used),
        limit="" if share.limit is None else credits(share.limit),
    )
    return Reply(lines=(paid, line), private=True)


def templates_reply(templates: Sequence[Template]) -> Reply:
    """The templates, each with what it takes."""
    lines = [
        text("template-line", name=template.name, title=template.title, slots=", ".join(template.slots))
        for template in templates
    ]
    return Reply(lines=(text("templates-title", count=len(lines)), *lines), private=True)


def help_reply(commands: Sequence[Command], flags: Flags) -> Reply:
    """Every command and every flag, a line each."""
    lines = [
        text("help-title"),
        *(text(command.key) for command in commands),
        text("help-flags"),
        *(text(f"flag-{flag.name}") for flag in flags),
    ]
    return Reply(lines=tuple(lines), private=True)
