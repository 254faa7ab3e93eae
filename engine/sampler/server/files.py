"""The folders of a sampler: models, inputs, outputs and temporary files; the implementation of `registry.Folders`.

Models lie below one directory, in folders named as ComfyUI's. Only `.safetensors` files are models: pickles can run
code. Links that the operator put into a models folder are followed, since models often lie on another disk and nobody
can make links through the API. Files that people can name (input, output, temp) never leave their folder, not by links.
"""

import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import config
from engine.model_files import FOLDERS, SUFFIX
from engine.sampler.server.names import Escapes, inside, numbered, parts, split_kind

BUILT_IN_MODEL = "atelier-tiny.safetensors"
_WANTED_AGAIN = 600.0  # seconds
_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


def built_in_model_directory() -> Path:
    """Where the built-in model lies, in diffusers layout."""
    return Path(config.__file__).parent / "models" / "tiny"


@dataclass(frozen=True, kw_only=True)
class SamplerFolders:
    """The folders of one sampler; thread-safe."""

    models: Path
    input: Path
    output: Path
    temp: Path
    built_in: Path | None  # the directory of the built-in model; None hides it
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False, compare=False)
    _counters: dict[Path, int] = field(init=False, default_factory=dict, repr=False, compare=False)

    def names(self, folder: str) -> tuple[str, ...]:
        """Files of a models folder or pictures of "input", sorted; the built-in model last. Raises ValueError."""
        if folder == "input":
            return tuple(sorted(_pictures(self.input)))
        root = self._models_folder(folder)
        names = sorted(path.relative_to(root).as_posix() for path in _model_files(root))
        if folder == "checkpoints" and self._has_built_in() and BUILT_IN_MODEL not in names:
            names.append(BUILT_IN_MODEL)
        return tuple(names)

    def model_path(self, folder: str, name: str) -> Path:
        """The file (for the built-in model its directory) of a listed model. Raises FileNotFoundError, ValueError."""
        path = self._models_folder(folder).joinpath(*parts(name))
        if path.suffix.lower() == SUFFIX and path.is_file():
            return path
        if folder == "checkpoints" and name == BUILT_IN_MODEL and self.built_in is not None and self._has_built_in():
            return self.built_in
        raise FileNotFoundError(f"There is no model {name!r} in the folder {folder!r}.")

    def file_path(self, kind: str, name: str, subfolder: str = "") -> Path:
        """A file below "input", "output" or "temp", which need not exist.

        `name` may end in " [output]" as ComfyUI writes, which goes before `kind`. Raises ValueError.
        """
        name, written_kind = split_kind(name)
        if not parts(name):
            raise Escapes("the name is empty")
        return inside(self.root(written_kind or kind), subfolder, name)

    def save_path(self, kind: str, prefix: str) -> tuple[Path, str, int]:
        """Where SaveImage writes next: (directory, file name stem, first free counter), as `STEM_00001_.png`.

        Each call gives another counter, so prompts that run at once never write the same file. The directory is made.
        """
        *folders, stem = parts(prefix) or ("ComfyUI",)
        directory = inside(self.root(kind), "/".join(folders))
        inside(directory, f"{stem}_00001_.png")
        directory.mkdir(parents=True, exist_ok=True)
        with self._lock:
            series = directory / stem
            last = self._counters.get(series)
            counter = _last_counter(directory, stem) + 1 if last is None else last + 1
            while (directory / f"{stem}_{counter:05}_.png").exists():
                counter += 1
            self._counters[series] = counter
        return directory, stem, counter

    def root(self, kind: str) -> Path:
        """The folder of that kind. Raises ValueError for others than "input", "output" and "temp"."""
        roots = {"input": self.input, "output": self.output, "temp": self.temp}
        if kind not in roots:
            raise ValueError("the type must be input, output or temp")
        return roots[kind]

    def newest(self, kind: str) -> tuple[str, ...]:
        """Pictures of "input", "output" or "temp", the newest first; not those in subfolders. Raises ValueError."""
        root = self.root(kind)
        return tuple(sorted(_pictures(root), key=lambda name: _age(root / name)))

    def exists(self, folder: str, name: str) -> bool:
        """Whether that file can be loaded now; False also for names that leave the folder."""
        return bool(self.fingerprint(folder, name))

    def fingerprint(self, folder: str, name: str) -> str:
        """What changes when the file's content does; empty if it is not there."""
        try:
            is_upload = folder in ("input", "output", "temp")
            path = self.file_path(folder, name) if is_upload else self.model_path(folder, name)
            found = path.stat()
        except (OSError, ValueError):
            return ""
        if is_upload and not path.is_file():
            return ""
        return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"

    def store_upload(self, kind: str, subfolder: str, name: str, data: bytes, *, overwrite: bool) -> str:
        """Write an uploaded file whole or not at all; give the name it got.

        The same content under a taken name is kept as it is, other content becomes "name (1).png" unless `overwrite`.
        Raises ValueError for names that leave the folder.
        """
        if len(parts(name)) != 1:
            raise Escapes("the name must be a plain file name")
        directory = inside(self.root(kind), subfolder)
        with self._lock:
            number = 0
            while True:
                free = numbered(name, number)
                path = inside(directory, free)
                if overwrite or not path.exists():
                    _write_whole(path, data)
                    return free
                if path.is_file() and _has_content(path, data):
                    _renew(path)
                    return free
                number += 1

    def _models_folder(self, folder: str) -> Path:
        if folder not in FOLDERS:
            raise ValueError("there is no such models folder")
        return self.models / folder

    def _has_built_in(self) -> bool:
        return self.built_in is not None and (self.built_in / "model_index.json").is_file()


def _model_files(root: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for directory, subdirectories, files in os.walk(root, followlinks=True):
        real = Path(directory).resolve()
        if real in seen:  # links may go in a circle
            subdirectories.clear()
            continue
        seen.add(real)
        for name in files:
            path = Path(directory, name)
            if path.suffix.lower() == SUFFIX and path.is_file():
                yield path


def _pictures(root: Path) -> Iterator[str]:
    if not root.is_dir():
        return
    for path in root.iterdir():
        if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file():
            yield path.name


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # it is gone meanwhile
        return 0.0


def _last_counter(directory: Path, stem: str) -> int:
    pattern = re.compile(re.escape(stem) + r"_(\d+)_?\.[^.]+")
    counters = (pattern.fullmatch(path.name) for path in directory.iterdir())
    return max((int(found[1]) for found in counters if found), default=0)


def _has_content(path: Path, data: bytes) -> bool:
    return path.stat().st_size == len(data) and path.read_bytes() == data


def _renew(path: Path) -> None:
    """Note that an old file is wanted again, for whoever sweeps by age; a younger one stays the same to caches."""
    if time.time() - path.stat().st_mtime > _WANTED_AGAIN:
        path.touch()


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
