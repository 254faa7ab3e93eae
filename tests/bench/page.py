"""docs/benchmarks.md: one section for each bench, replaced when that bench runs again."""

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench` and `make bench-sampler`. Timings of shared machines are noisy, so what counts is the ratio of
two figures that were measured side by side in one run.
"""


def keep(title: str, measured: str, lines: Sequence[Sequence[str]]) -> None:
    """Write lines of what, ratio and figures into a section's table.

    Lines of other things, what is written below the table, and other sections stay.
    """
    sections = _sections(PAGE.read_text(encoding="utf-8") if PAGE.exists() else "")
    rows, below = _table(sections.get(title, ""))
    rows.update({line[0]: f"| {' | '.join(line)} |" for line in lines})
    table = ["| what | ratio | figures |", "|---|---|---|", *rows.values()]
    sections[title] = "\n".join([f"{measured}:", "", *table, *below]) + "\n"
    text = "\n".join([HEAD, *(f"## {name}\n\n{body}" for name, body in sections.items())])
    PAGE.write_text(text, encoding="utf-8")


def machine(*, device: str = "no GPU used") -> str:
    """What measured, and on which day."""
    day = datetime.datetime.now(tz=datetime.UTC).date()
    python = platform.python_version()
    return f"{day}, {os.cpu_count()} cores, {_processor()}, {device}, {platform.system()}, Python {python}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _sections(text: str) -> dict[str, str]:
    """Read the page's sections by title."""
    found = {}
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        found[title] = body.strip("\n") + "\n"
    return found


def _table(section: str) -> tuple[dict[str, str], list[str]]:
    """Read a section's first table, by what its lines tell of, and the lines below it."""
    lines = section.splitlines()
    begin = next((place for place, line in enumerate(lines) if line.startswith("|")), len(lines))
    end = next((place for place in range(begin, len(lines)) if not lines[place].startswith("|")), len(lines))
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines[begin + 2 : end]}
    return rows, lines[end:]
