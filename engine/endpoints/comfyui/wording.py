"""What an endpoint says of itself, made fit for people and logs: one line, no paths, no prompts (pure)."""

import re
from collections.abc import Iterator

from engine.model import Graph

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_QUOTED_PATH = re.compile(r"(['\"])((?:[A-Za-z]:|~)?[\\/][^'\"\n]*)\1")
_BARE_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:|~)?[\\/](?:[^\s'\",;()<>|]*[\\/])?[^\s'\",;()<>|]+")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_.\-/\\]*")  # a choice, a file name, a model: never a sentence


def plain_reason(text: str, *, limit: int = 200) -> str:
    """Give the first line that says something, at most `limit` characters, paths cut down to their last part."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = _URL.sub("a web address", line)
    line = _QUOTED_PATH.sub(lambda match: f"{match[1]}{_last_part(match[2])}{match[1]}", line)
    line = _BARE_PATH.sub(lambda match: _last_part(match[0]), line)
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _last_part(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1] or "a folder"


def without_prompts(text: str, graph: Graph) -> str:
    """Take every sentence that a graph was given out of a text."""
    for value in sorted(_sentences(graph), key=len, reverse=True):
        text = text.replace(value, "…")
    return text


def _sentences(graph: Graph) -> Iterator[str]:
    for node in graph.values():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        for value in inputs.values() if isinstance(inputs, dict) else ():
            if isinstance(value, str) and value.strip() and not _PLAIN_VALUE.fullmatch(value):
                yield value
