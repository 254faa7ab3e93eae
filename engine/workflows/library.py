"""The templates there are: the built-in ones and a community's own, read once at start."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

from engine.errors import TemplateBroken, UnknownTemplate
from engine.workflows.nearest import nearest
from engine.workflows.slot_reader import Problem
from engine.workflows.template import GRAPH_FILE, SLOTS_FILE, Template, broken, read_template


class Library:
    """Templates by name; immutable."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = MappingProxyType(dict(sorted(templates.items())))

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Self:
        """Read NAME/workflow.json and NAME/template.toml of every folder, a later folder's NAME replacing an earlier's.

        Blocks on disk: for start-up. Raises TemplateBroken with every problem of every template.
        """
        templates: dict[str, Template] = {}
        problems: list[str] = []
        for folder in folders:
            try:
                homes = sorted(home for home in folder.iterdir() if home.is_dir() and not home.name.startswith("."))
            except OSError as error:
                problems.append(f"{folder}: the folder cannot be read: {error.strerror}")
                continue
            for home in homes:
                try:
                    template = _read(home)
                except TemplateBroken as error:
                    problems.append(error.detail)
                    continue
                if template is not None:
                    templates[template.name] = template
        if problems:
            reason = "\n".join(problems)
            raise TemplateBroken(reason, file=", ".join(str(folder) for folder in folders), reason=reason)
        return cls(templates)

    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(self._templates)

    def all(self) -> tuple[Template, ...]:
        """The templates, by name."""
        return tuple(self._templates.values())

    def get(self, name: str) -> Template:
        """Give a template; upper and lower case alike. Raises UnknownTemplate with the nearest."""
        found = self._templates.get(name) or self._templates.get(name.strip().casefold())
        if found is None:
            near = nearest(name, self._templates) or next(iter(self._templates), "")
            raise UnknownTemplate(value=name[:64], nearest=near)
        return found


def _read(home: Path) -> Template | None:
    """Read one folder; None if it holds neither file, so that notes and pictures may lie beside templates."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for name in (SLOTS_FILE, GRAPH_FILE):
        try:
            texts[name] = (home / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            problems.append(Problem(file=f"{home}/{name}", text="the file is missing"))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(file=f"{home}/{name}", text=f"it cannot be read as UTF-8 text: {error}"))
    if not texts and not any((home / name).exists() for name in (SLOTS_FILE, GRAPH_FILE)):
        return None
    if problems:
        raise broken(str(home), problems)
    return read_template(home.name, texts[SLOTS_FILE], texts[GRAPH_FILE], folder=str(home))
