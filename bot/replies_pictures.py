"""Replies about pictures that there are: info, history, favourites, forms, questions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.actions import picture_rows, rows_of
from bot.catalog import flags_for
from bot.grammar import ParsedLine, render
from bot.replies import Button, Form, FormField, Reply, Text, Tone, jobs_reply, text
from engine.gallery import Favourite
from engine.model import JobView, OptionValue, PictureRef
from engine.pictures import Source
from engine.pricing import credits
from engine.workflows.template import Template

PAGE = 10
"""Lines of a list that are shown at once."""


def which_reply(view: JobView, action: str) -> Reply:
    """Ask which picture of several is meant."""
    count = len(view.pictures)
    line = text("which-picture", job=view.job.id, count=count)
    return Reply(lines=(line,), private=True, buttons=picture_rows(view.job.id, count, action))


def form_reply(action: str, job_id: str, index: int, fields: Sequence[FormField]) -> Reply:
    """Ask somebody to fill in a form."""
    form = Form(action=action, job_id=job_id, index=index, fields=tuple(fields))
    return Reply(lines=(text(f"action-{action}", index=0),), private=True, form=form)


def said(key: str, **fields: str | int | float) -> Reply:
    """One line, to that person alone."""
    return Reply(lines=(text(key, **fields),), private=True)


def ask_delete_reply(view: JobView) -> Reply:
    """Ask before pictures are removed for good."""
    line = text("delete-ask", job=view.job.id, pictures=len(view.pictures))
    return Reply(lines=(line, text("quote-ask")), tone=Tone.ASK, private=True)


def kept_reply(ref: PictureRef) -> Reply:
    """Say that a picture is a favourite now, and how it is none any more."""
    rows = rows_of(ref.job_id, "unfavourite", index=ref.number)
    line = text("favourite-kept", job=ref.job_id, number=ref.number)
    return Reply(lines=(line,), private=True, buttons=rows)


def job_info_reply(view: JobView, template: Template | None) -> Reply:
    """Everything about a job of several pictures, and a button for each of them."""
    seeds = [text("picture-seed", number=task.index + 1, seed=str(task.seed)) for task in view.tasks if task.pictures]
    lines = (*_about(view, template), *seeds, *_parent(view), _cost(view))
    return Reply(lines=lines, private=True, buttons=picture_rows(view.job.id, len(view.pictures), "info"))


def picture_info_reply(view: JobView, source: Source, template: Template | None) -> Reply:
    """Everything about a picture: what was asked for, all options, seed, size, where it comes from, cost."""
    picture = view.pictures[source.number - 1]
    size = text("picture-size", width=picture.width, height=picture.height, kilobytes=max(1, picture.size // 1024))
    seed = text("picture-seed", number=source.number, seed=str(source.seed))
    lines = (*_about(view, template), seed, size, *_parent(view), _cost(view))
    return Reply(lines=lines, private=True, buttons=_info_rows(view, source.number))


def _info_rows(view: JobView, number: int) -> tuple[tuple[Button, ...], ...]:
    rows = rows_of(view.job.id, "favourite", "use-as-input", "report", index=number)
    parent = view.job.parent
    return rows if parent is None else (*rows, *rows_of(parent.job_id, "show"))


def _about(view: JobView, template: Template | None) -> tuple[Text, ...]:
    job = view.job
    lines = [text("picture-title", job=job.id, template=job.template, model=job.model)]
    lines += [text("picture-prompt", prompt=str(job.options.get("prompt", job.text)))]
    if negative := str(job.options.get("negative", "")):
        lines.append(text("picture-negative", negative=negative))
    if options := all_options(job.options, template):
        lines.append(text("picture-options", options=options))
    return tuple(lines)


def all_options(options: Mapping[str, OptionValue], template: Template | None) -> str:
    """Write every option, defaults included, as one would type it; prompt, negative prompt and seed are left out."""
    if template is None:
        return ""
    flags = flags_for(template.slots.values())
    values = {name: slot.default for name, slot in template.slots.items() if slot.default is not None} | dict(options)
    shown = {
        name: value
        for name, value in values.items()
        if name not in ("prompt", "negative", "seed") and flags.for_slot(name) is not None and value != ""
    }
    width, height = values.get("width"), values.get("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else None
    return render(ParsedLine(options=shown, size=size), flags)


def _parent(view: JobView) -> tuple[Text, ...]:
    parent = view.job.parent
    return () if parent is None else (text("picture-parent", job=parent.job_id, number=parent.number),)


def _cost(view: JobView) -> Text:
    job = view.job
    return text(
        "picture-cost",
        endpoint=", ".join(sorted({task.endpoint for task in view.tasks if task.endpoint})),
        seconds=round(sum(task.seconds or 0.0 for task in view.tasks), 1),
        credits=credits(job.charged),
        at=_when(job.created_at),
    )


def history_reply(views: Sequence[JobView]) -> Reply:
    """A page of somebody's jobs; the last of more than a page says that there are older ones."""
    page = views[:PAGE]
    rows = rows_of(page[-1].job.id, "older") if len(views) > PAGE else ()
    return replace(jobs_reply("history", page), buttons=rows)


def favourites_reply(found: Sequence[Favourite]) -> Reply:
    """A page of somebody's favourites."""
    if not found:
        return said("favourites-empty")
    page = found[:PAGE]
    lines = [text("favourite-line", job=each.ref.job_id, number=each.ref.number, prompt=each.job.text) for each in page]
    last = page[-1].ref
    rows = rows_of(last.job_id, "older", index=last.number) if len(found) > PAGE else ()
    return Reply(lines=(text("favourites-title", count=len(page)), *lines), private=True, buttons=rows)


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
