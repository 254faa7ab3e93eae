"""What was typed for a picture, told anew for one that is made of it: the line that would ask for the same. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from bot.catalog import flags_for
from bot.grammar import ParsedLine, parse, render
from engine.errors import UserError
from engine.model import OptionValue
from engine.workflows.template import Template


def typed_line(text: str, template: Template | None) -> ParsedLine | None:
    """Read a job's line again; None where it is not one any more, because its template has changed."""
    try:
        return parse(text, flags_for(template.slots.values() if template is not None else ()))
    except UserError:
        return None


def retold(
    text: str,
    before: Template | None,
    after: Template | None,
    changes: Mapping[str, OptionValue],
    *,
    count: int,
    over: ParsedLine | None = None,
    drop: Collection[str] = ("seed",),
) -> str:
    """Give a job's line with options changed, for the template `after`; what that does not take is left out.

    `over` is what somebody has typed instead: its words, its shape. A line that cannot be read any more stays as it is.
    """
    line = typed_line(text, before)
    if line is None or after is None:
        return text
    flags = flags_for(after.slots.values())
    kept = {name: value for name, value in line.options.items() if name not in drop}
    options = {
        name: value
        for name, value in {**kept, **changes}.items()
        if name in after.slots and flags.for_slot(name) is not None and value != ""
    }
    same = before is not None and before.name == after.name
    shaped = over if over is not None and (over.size or over.aspect) else line if same else ParsedLine()
    return render(
        replace(
            line,
            prompt=line.prompt if over is None else over.prompt,
            options=options,
            aspect=shaped.aspect,
            size=shaped.size,
            count=count if count > 1 else None,
            template=line.template if same else after.name,
            repeat=None,
            dry=False,
        ),
        flags,
    )
