"""Names that come from outside, and the one way in which they become paths (pure but for resolving links)."""

import os
import re
from pathlib import Path

_LONGEST_PART = 255  # bytes, on the file systems that we know
_LONGEST_PATH = 4095  # bytes, on Linux
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")
_DRIVE = re.compile(r"[A-Za-z]:")
_KIND = re.compile(r"^(?P<name>.*?) ?\[(?P<kind>input|output|temp)\]$", re.DOTALL)


class Escapes(ValueError):
    """A name that would leave its folder, or that no file can have."""


def parts(name: str) -> tuple[str, ...]:
    """Split a relative name at slashes; an empty name has no parts, and "." and doubled slashes are dropped.

    Raises Escapes for `..`, absolute names, drives, backslashes, control characters and parts that are too long.
    """
    if name.startswith("/") or _FORBIDDEN.search(name) or _DRIVE.match(name):
        raise Escapes("the name must be relative, without backslashes or control characters")
    found = tuple(part for part in name.split("/") if part not in ("", "."))
    for part in found:
        if part == "..":
            raise Escapes("the name must not lead out of its folder")
        try:
            size = len(part.encode())
        except UnicodeEncodeError as error:
            raise Escapes("the name is no valid text") from error
        if size > _LONGEST_PART:
            raise Escapes(f"a part of the name is longer than {_LONGEST_PART} bytes")
    return found


def inside(root: Path, *names: str) -> Path:
    """Give the path of a name below `root`, which need not exist. Raises Escapes, also where a link leads out."""
    path = root.joinpath(*(part for name in names for part in parts(name)))
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise Escapes("the name is too long")
    try:
        contained = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a circle of links
        raise Escapes("the name cannot be a file's") from error
    if not contained:
        raise Escapes("the name must not lead out of its folder")
    return path


def split_kind(name: str) -> tuple[str, str | None]:
    """Split "cat.png [output]", as ComfyUI writes names of files outside the input folder, into name and kind."""
    found = _KIND.match(name)
    return (found["name"], found["kind"]) if found else (name, None)


def numbered(name: str, number: int) -> str:
    """Give "cat (1).png" for "cat.png" and 1; the name itself for 0."""
    if number == 0:
        return name
    path = Path(name)
    return f"{path.stem} ({number}){path.suffix}"
