"""Copies of pictures in our sampler's folders: a blob's bytes are found there by their hash, whatever their name."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

OLD = 3600.0  # seconds after which nobody fetches a file from the sampler any more


class SamplerFolders:
    """Implements `engine.moderation.Copies` on the folders of the sampler that is our child."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    async def remove(self, blobs: frozenset[str], words: frozenset[str]) -> int:
        """Remove files that hold these blobs or, among those that no attempt waits for, what nobody fetches any more.

        A picture carries its prompt, so one that was drawn and never fetched (its job was cancelled meanwhile) is
        known by the words in it. Files older than an hour go in any case: what was to be kept of them are blobs.
        """
        return await asyncio.to_thread(self._remove, blobs, words)

    async def sweep(self, age: float, *, dry_run: bool = False) -> int:
        """Remove files that nobody has written for `age` seconds, which are fetched or uploaded anew long ago."""
        return await asyncio.to_thread(self._sweep, age, dry_run)

    def _sweep(self, age: float, dry_run: bool) -> int:
        old = time.time() - age
        removed = 0
        for path in self._files():
            try:
                if path.stat().st_mtime < old:
                    removed += 1
                    if not dry_run:
                        path.unlink()
            except FileNotFoundError:
                continue
        return removed

    def _remove(self, blobs: frozenset[str], words: frozenset[str]) -> int:
        needles = [needle for word in words for needle in {word.encode(), json.dumps(word)[1:-1].encode()}]
        old = time.time() - OLD
        removed = 0
        for path in self._files():
            try:
                if path.stat().st_mtime > old:
                    data = path.read_bytes()
                    if hashlib.sha256(data).hexdigest() not in blobs and not any(n in data for n in needles):
                        continue
                path.unlink()
            except FileNotFoundError:  # the sampler cleans up too
                continue
            removed += 1
        return removed

    def _files(self) -> Iterator[Path]:
        for folder in self._folders:
            yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
