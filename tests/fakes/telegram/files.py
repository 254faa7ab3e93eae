"""Files as Telegram keeps them: photos made anew in several sizes, ids of two sorts, links that expire."""

import io
import secrets
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from PIL import Image

from tests.fakes.telegram.clock import Clock
from tests.fakes.telegram.errors import bad_request

MB = 10**6
MIB = 2**20
LINK_LIVES = 3600.0  # seconds
SIDES = (90, 320, 800, 1280)  # of a photo's sizes; a size that would be larger than the photo is left out
PREFIXES = {"photo": "AgAC", "document": "BQAC", "video": "BAAC", "animation": "CgAC", "audio": "CQAC"}
KINDS = {name: name.capitalize() for name in PREFIXES}


@dataclass(frozen=True, kw_only=True)
class FileLimits:
    """What fits: bytes, and pixels of a photo."""

    photo: int = 10 * MIB
    upload: int = 50 * MIB
    download: int = 20 * MIB
    photo_sides: int = 10_000  # width and height together
    photo_ratio: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Upload:
    """What somebody sends."""

    name: str
    data: bytes
    content_type: str = "application/octet-stream"


@dataclass(eq=False, kw_only=True)
class Stored:
    """One file that can be asked for by its id."""

    file_id: str
    unique_id: str
    kind: str
    data: bytes
    name: str = ""
    mime: str = ""
    width: int = 0
    height: int = 0
    lost: bool = False


@dataclass(eq=False, kw_only=True)
class Media:
    """What a message shows: a photo in its sizes, smallest first, or one file."""

    kind: str  # photo, document, video, animation, audio
    sizes: tuple[Stored, ...]
    uploaded: bytes = field(repr=False)  # what was sent, before Telegram made a photo anew

    @property
    def largest(self) -> Stored:
        """The file itself; of a photo its largest size."""
        return self.sizes[-1]

    @property
    def data(self) -> bytes:
        """What a viewer gets."""
        return self.largest.data


@dataclass(eq=False, kw_only=True)
class _Link:
    """A file's place on the download server."""

    stored: Stored
    until: float


class Files:
    """All files and their links."""

    def __init__(self, clock: Clock, limits: FileLimits) -> None:
        self.clock = clock
        self.limits = limits
        self.by_id: dict[str, Media] = {}
        self._links: dict[str, _Link] = {}
        self._by_content: dict[tuple[str, bytes], str] = {}

    def receive(self, kind: str, upload: Upload) -> Media:
        """Store what was uploaded; Refusal for what Telegram does not take."""
        if not upload.data:
            raise bad_request("file must be non-empty")
        media = self._photo(upload) if kind == "photo" else self._file(kind, upload)
        for stored in media.sizes:
            self.by_id[stored.file_id] = media
        return media

    def again(self, kind: str, file_id: str) -> Media:
        """What a file id stands for, sent once more under the same id."""
        media = self.by_id.get(file_id)
        if media is None or media.largest.lost:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if media.kind != kind:
            raise bad_request(f"can't use file of type {KINDS[media.kind]} as {KINDS[kind]}")
        return media

    def link(self, file_id: str) -> tuple[Stored, str]:
        """A file and the path to download it from, good for an hour."""
        media = self.by_id.get(file_id)
        if media is None:
            raise bad_request("invalid file_id")
        stored = next(size for size in media.sizes if size.file_id == file_id)
        if stored.lost:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if len(stored.data) > self.limits.download:
            raise bad_request("file is too big")
        suffix = PurePosixPath(stored.name).suffix or (".jpg" if stored.kind == "photo" else "")
        path = f"{stored.kind}s/file_{len(self._links)}{suffix}"
        self._links[path] = _Link(stored=stored, until=self.clock.now() + LINK_LIVES)
        return stored, path

    def download(self, path: str) -> bytes | None:
        """What is at a path; None for one that is unknown or too old."""
        link = self._links.get(path)
        return link.stored.data if link and link.until > self.clock.now() and not link.stored.lost else None

    def lose(self, media: Media) -> None:
        """From now on the file is unavailable."""
        for stored in media.sizes:
            stored.lost = True

    def _store(self, kind: str, data: bytes, **more: str | int) -> Stored:
        unique = self._by_content.setdefault((kind, data), "AQAD" + secrets.token_urlsafe(9))
        file_id = PREFIXES[kind] + secrets.token_urlsafe(48)
        return Stored(file_id=file_id, unique_id=unique, kind=kind, data=data, **more)  # type: ignore[arg-type]

    def _photo(self, upload: Upload) -> Media:
        if len(upload.data) > self.limits.photo:
            size, most = len(upload.data), self.limits.photo
            raise bad_request(f"file of size {size} bytes is too big for a photo; the maximum size is {most} bytes")
        try:
            with Image.open(io.BytesIO(upload.data)) as opened:
                width, height = opened.size
                if width + height > self.limits.photo_sides or max(width, height) > self.limits.photo_ratio * min(
                    width, height
                ):
                    raise bad_request("PHOTO_INVALID_DIMENSIONS")
                picture = opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise bad_request("IMAGE_PROCESS_FAILED") from None
        longest = max(picture.size)
        sides = [side for side in SIDES if side < longest] + ([longest] if longest <= SIDES[-1] else [])
        sizes = tuple(self._resized(picture, side) for side in sides)
        return Media(kind="photo", sizes=sizes, uploaded=upload.data)

    def _resized(self, picture: Image.Image, side: int) -> Stored:
        scale = side / max(picture.size)
        size = (max(round(picture.width * scale), 1), max(round(picture.height * scale), 1))
        buffer = io.BytesIO()
        (picture if size == picture.size else picture.resize(size)).save(buffer, "JPEG", quality=87)
        return self._store("photo", buffer.getvalue(), width=size[0], height=size[1])

    def _file(self, kind: str, upload: Upload) -> Media:
        stored = self._store(kind, upload.data, name=upload.name, mime=upload.content_type)
        try:
            with Image.open(io.BytesIO(upload.data)) as opened:
                stored.width, stored.height = opened.size
                stored.mime = Image.MIME.get(opened.format or "", stored.mime)
        except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning):
            pass
        return Media(kind=kind, sizes=(stored,), uploaded=upload.data)
