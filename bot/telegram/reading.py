"""What a message asks for: commands, prompts, replies to results and questions, pictures and masks. Pure.

A message may be several: an album's, of which one has the caption. None means that it is not meant for us.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from telegram import Message, MessageEntity
from telegram.constants import ChatType, MessageEntityType

from bot.actions import ACTIONS, Style
from bot.catalog import Command as Declared
from bot.catalog import OptionKind, Source, find_command
from bot.downloads import RemoteFile
from bot.targets import Target
from bot.telegram import ids
from bot.telegram.incoming import file_of, is_group
from engine.errors import UnknownCommand

_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{3,32}))?(?:\s+|$)")
_JOB_WORD = re.compile(r"[a-z2-7]{16}(?:[#:][0-9]{1,2})?")
_PERSON_WORD = re.compile(r"@?[0-9]{4,}|[a-z]+:\S+|[a-z2-7]{16}")
_PROMPTED = frozenset({"imagine", "img2img", "inpaint"})
_UNREADABLE = ("sticker", "voice", "video", "video_note", "audio", "animation", "contact", "location", "poll", "dice")


@dataclass(frozen=True, kw_only=True)
class Me:
    """Ourselves, as messages name us."""

    id: int
    username: str
    templates: Mapping[str, str] = field(default_factory=dict)  # templates by the command that makes pictures of them


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A picture that came with a message."""

    file_id: str
    file: RemoteFile


@dataclass(frozen=True, kw_only=True)
class Meant:
    """What a message asks for."""

    name: str = ""  # a command of the catalog, or an action
    line: str | tuple[str, ...] = ""
    values: Mapping[str, str] | None = None
    pictures: Mapping[str, Sent] = field(default_factory=dict)  # by slot
    state: ids.State | None = None  # the question of ours that `line` answers
    origin: ids.Origin | None = None  # where it is about, if not where it is said
    note: str = ""  # one of our own sentences, instead of all that
    unused: int = 0  # pictures of an album that nothing is made of


def read(messages: Sequence[Message], me: Me) -> Meant | None:
    """Say what a message, or an album, asks for."""
    first = next((one for one in messages if one.text or one.caption), messages[0])
    if first.is_automatic_forward or first.via_bot is not None or _is_service(first):
        return None
    private = first.chat.type == ChatType.PRIVATE
    if not private and not is_group(first.chat):
        return None
    if first.forward_origin is not None:
        return Meant(note="forwarded") if private else None
    text = people_named(first)
    replied = replied_to(first)
    command = _COMMAND.match(text)
    if command is not None and (command[2] or me.username).lower() != me.username.lower():
        return None
    heard = _Heard(me=me, text=text, messages=messages, replied=replied)
    if command is not None:
        return heard.command(command, addressed=private or bool(command[2]))
    if not private and not heard.is_to_us():
        return None
    return heard.words()


def replied_to(message: Message) -> Message | None:
    """The message that this one answers; the beginning of a topic is none."""
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created is not None:
        return None
    return replied


def job_of(message: Message, me: Me) -> str:
    """The job that a message of ours shows, as its buttons say; empty if none."""
    if message.from_user is None or message.from_user.id != me.id or message.reply_markup is None:
        return ""
    for row in message.reply_markup.inline_keyboard:
        for button in row:
            press = ids.read(button.callback_data) if isinstance(button.callback_data, str) else None
            if isinstance(press, Target) and press.job_id:
                return press.job_id
    return ""


def state_of(message: Message, me: Me) -> ids.State | None:
    """What a panel or question of ours is about; None if a message is neither, or not ours."""
    found = (ids.read_state(address, me.username) for address in _addresses(message, me))
    return next((state for state in found if state is not None), None)


def origin_of(message: Message, me: Me) -> ids.Origin | None:
    """Where somebody asked for what a message of ours tells them elsewhere."""
    found = (ids.read_origin(address, me.username) for address in _addresses(message, me))
    return next((origin for origin in found if origin is not None), None)


def _addresses(message: Message, me: Me) -> Iterator[str]:
    """The addresses behind the words of a message of ours."""
    if message.from_user is None or message.from_user.id != me.id:
        return
    for entity in (*message.entities, *message.caption_entities):
        if entity.type == MessageEntityType.TEXT_LINK and entity.url:
            yield entity.url


def people_named(message: Message) -> str:
    """Give a message's text, with people without a username, whom it names by a link, as `telegram:ID`."""
    text = message.text or message.caption or ""
    units = text.encode("utf-16-le")
    named = [
        entity
        for entity in (*message.entities, *message.caption_entities)
        if entity.type == MessageEntityType.TEXT_MENTION and entity.user is not None
    ]
    for entity in sorted(named, key=lambda one: -one.offset):
        units = _swapped(units, entity, f"telegram:{entity.user.id}" if entity.user is not None else "")
    return units.decode("utf-16-le")


def _swapped(units: bytes, entity: MessageEntity, words: str) -> bytes:
    return units[: 2 * entity.offset] + words.encode("utf-16-le") + units[2 * (entity.offset + entity.length) :]


def prompt_line(text: str) -> str:
    """Give a message as one line: what stands on its further lines is the negative prompt, or more flags."""
    first, *rest = [line.strip() for line in text.strip().splitlines() if line.strip()] or [""]
    if not rest:
        return first
    more = " ".join(rest)
    return f"{first} {more}" if more.startswith(("--", "—")) else f"{first} --no {more}"


def filled_values(fields: Collection[str], text: str) -> dict[str, str]:
    """Give what was answered to a form of words: the first field, and below it the negative prompt."""
    first, *rest = text.strip().splitlines() or [""]
    values = {"prompt" if "prompt" in fields else next(iter(fields)): first.strip()}
    more = " ".join(line.strip() for line in rest if line.strip())
    if more and "prompt" in values and not more.startswith(("--", "—")):
        return values | {"negative": more}
    name = next(iter(values))
    return {name: f"{values[name]} {more}".strip()}


def _is_service(message: Message) -> bool:
    return not (message.text or message.caption or message.photo or message.document) and not _is_unreadable(message)


def _is_unreadable(message: Message) -> bool:
    return any(getattr(message, name) for name in _UNREADABLE)


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """A message on its way to be understood."""

    me: Me
    text: str
    messages: Sequence[Message]
    replied: Message | None

    def is_to_us(self) -> bool:
        """Whether a message in a group names us, or answers us."""
        if self._mention().search(self.text) is not None:
            return True
        replied = self.replied
        if replied is None or replied.from_user is None or replied.from_user.id != self.me.id:
            return False
        return bool(job_of(replied, self.me)) or state_of(replied, self.me) is not None

    def command(self, found: re.Match[str], *, addressed: bool) -> Meant | None:
        """Read a command and what it says; in groups unknown ones are other bots'."""
        word, rest = found[1].lower(), self.text[found.end() :]
        if word == "start":
            return _started(rest.strip()) if addressed else None
        if word in self.me.templates:
            line = f"{prompt_line(rest)} --template {self.me.templates[word]}"
            return self._with_pictures(Meant(name="imagine", line=line))
        try:
            declared = find_command(word)
        except UnknownCommand:
            return Meant(name=f"/{word}", line=rest) if addressed else None
        name = declared.name
        job = job_of(self.replied, self.me) if self.replied is not None else ""
        if name in _PROMPTED:
            return self._prompted(name, rest, job)
        if job and name == "upscale" and not self._own_pictures():
            return Meant(name="upscale", line=(job, "0"))
        return self._with_pictures(Meant(name=name, line=self._completed(declared, rest, job)))

    def words(self) -> Meant | None:
        """Read what is no command: an answer, a prompt, or a picture."""
        text = self._mention().sub(" ", self.text)
        if self.replied is not None and (state := state_of(self.replied, self.me)) is not None and state.asks:
            return Meant(state=state, line=text.strip())
        job = job_of(self.replied, self.me) if self.replied is not None else ""
        if not text.strip() and not self._own_pictures():
            return Meant(note="unreadable") if _is_unreadable(self.messages[0]) else Meant(note="say-what")
        return self._prompted("imagine", text, job)

    def _prompted(self, name: str, text: str, job: str) -> Meant:
        """A prompt; said to a result of ours it is other words for that, with a picture it says where to paint."""
        if job and not self._own_pictures():
            if not text.strip():
                return Meant(note="say-what")
            action = "use-as-input" if name == "img2img" else "remix"
            return Meant(name=action, line=(job, "0"), values=filled_values(("prompt",), text))
        meant = self._with_pictures(Meant(name=name, line=prompt_line(text)))
        return replace(meant, note="say-what") if not text.strip() and not meant.pictures else meant

    def _with_pictures(self, meant: Meant) -> Meant:
        """Add the pictures that came along: the message's own, and the one of the message that it answers."""
        own = self._own_pictures()
        found = file_of(self.replied) if self.replied is not None else None
        base = Sent(file_id=found[0], file=found[1]) if found is not None else None
        if base is not None:
            pictures = {"image": base, "mask": own[0]} if own else {"image": base}
        elif len(own) > 1 and meant.name == "inpaint":
            pictures = {"image": own[0], "mask": own[1]}
        else:
            pictures = {"image": own[0]} if own else {}
        unused = len(own) - sum(sent in pictures.values() for sent in own)
        return replace(meant, pictures=pictures, unused=unused)

    def _own_pictures(self) -> list[Sent]:
        found = [file_of(message) for message in self.messages]
        return [Sent(file_id=one[0], file=one[1]) for one in found if one is not None]

    def _completed(self, declared: Declared, rest: str, job: str) -> str:
        """Add whom or what a command means, where that is said by answering a message."""
        words = rest.split(maxsplit=1) if declared.verbs else []
        verb = next((one for one in declared.verbs if words and one.name == words[0].lower()), None)
        given = verb or declared
        before, after = (words[0] + " ", (words[1] if words[1:] else "")) if verb is not None else ("", rest)
        first = given.options[0] if given.options else None
        word = after.split(maxsplit=1)[0] if after.split() else ""
        if first is None:
            return rest
        if job and first.source is Source.JOBS and not _JOB_WORD.fullmatch(word):
            return f"{before}{job} {after}".strip()
        author = self.replied.from_user if self.replied is not None else None
        named = author is not None and not author.is_bot and self.replied is not None and not self.replied.sender_chat
        if first.kind is OptionKind.PERSON and author is not None and named and not _PERSON_WORD.fullmatch(word):
            return f"{before}telegram:{author.id} {after}".strip()
        return rest

    def _mention(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)@{re.escape(self.me.username)}\b", re.IGNORECASE)


def _started(payload: str) -> Meant:
    """A conversation is begun, perhaps by a deep link."""
    found = ids.read_link(payload) if payload else None
    match found:
        case ids.Link(target=target, chat=chat):
            action = ACTIONS.get(target.action)
            if action is None or not (action.private or action.form) or action.style is Style.DANGER:
                return Meant(note="welcome")  # a link of somebody else's makes nobody do what cannot be undone
            return Meant(name=target.action, line=target.line, origin=ids.Origin(chat=chat) if chat else None)
        case ids.Code():
            return Meant(name="link", line=found.code)
        case _:
            return Meant(note="welcome")
