"""A command without what deceives the eye: control characters, and marks that turn the direction of writing. Pure."""

from dataclasses import replace

from bot.adapter import Command
from engine.safety.reading import clean


def cleaned(command: Command) -> Command:
    """Clean everything of a command that somebody typed or chose, their name and their chat's included."""
    line = command.line
    return replace(
        command,
        line=clean(line) if isinstance(line, str) else tuple(map(clean, line)),
        values=None if command.values is None else {name: clean(value) for name, value in command.values.items()},
        identity=replace(command.identity, name=clean(command.identity.name)),
        community_name=clean(command.community_name),
        place=replace(command.place, owner=clean(command.place.owner), adult=command.adult or command.place.adult),
    )
