"""How messages come to be, change and go: checked as Discord checks them, logged, and told to the gateway."""

import hashlib
import mimetypes
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.fakes.discord import components, payloads
from tests.fakes.discord.embeds import check_embeds, shown_embeds
from tests.fakes.discord.errors import Errors, Refusal, form_error
from tests.fakes.discord.messages import SETTABLE, Attachment, File, Flag, Message, size_of
from tests.fakes.discord.permissions import P, in_channel
from tests.fakes.discord.showing import shown
from tests.fakes.discord.world import MIB, Channel, User

if TYPE_CHECKING:
    from tests.fakes.discord.interactions import Interaction
    from tests.fakes.discord.server import FakeDiscord

Draft = dict[str, Any]
Files = dict[int, File]  # by the number in "files[0]"

DIRECT_UPLOAD_LIMIT = 10 * MIB
NONCE_LENGTH = 25
NONCE_REMEMBERED = 180.0  # seconds; Discord says "the past few minutes"
OLD = 3600.0  # seconds, after which edits are counted
OLD_EDITS = 3  # so many edits of an old message (Discord does not say how many; clients saw "a few")...
OLD_EDITS_WITHIN = 3600.0  # ...in so many seconds
LEGACY = ("content", "embeds", "poll", "sticker_ids")


class Composer:
    """Creates, edits and deletes messages."""

    def __init__(self, server: "FakeDiscord") -> None:
        self._server = server

    def create(
        self,
        channel: Channel,
        author: User,
        draft: Draft,
        files: Files,
        *,
        interaction: "Interaction | None" = None,
        private_to: User | None = None,
        is_followup: bool = False,
    ) -> Message:
        """A new message, or the one that the same nonce made; 50035, 50006 or 40005 for what may not be."""
        settable = SETTABLE["interaction" if interaction else "create"]
        flags = Flag(draft.get("flags") or 0)
        errors: Errors = {}
        if flags & ~settable:
            errors["flags"] = ("MESSAGE_FLAGS_INVALID", f"Only {settable!r} can be set")
        if isinstance(draft.get("nonce"), str) and len(draft["nonce"]) > NONCE_LENGTH:
            errors["nonce"] = ("BASE_TYPE_MAX_LENGTH", f"Must be {NONCE_LENGTH} or fewer in length.")
        if (known := self._same_nonce(channel, author, draft)) is not None:
            return known
        message = Message(
            id=self._server.clock.snowflake(),
            channel=channel,
            author=author,
            created=self._server.clock.now(),
            flags=flags & settable & ~Flag.EPHEMERAL,
            nonce=draft.get("nonce"),
            interaction=interaction,
            private_to=private_to,
            is_followup=is_followup,
        )
        if private_to is not None:
            message.flags |= Flag.EPHEMERAL
        if (reference := draft.get("message_reference")) is not None:
            message.reference = self._referenced(channel, reference, errors)
        self._apply(message, draft, files, errors)
        self._ping(message, draft.get("allowed_mentions"))
        self._keep(message, draft)
        return message

    def edit(self, message: Message, changes: Draft, files: Files) -> None:
        """Change what the keys of `changes` name; a loading answer becomes a message by it."""
        errors: Errors = {}
        before = (message.flags, list(message.attachments))
        if (asked := changes.get("flags")) is not None:
            wanted = Flag(asked)
            if wanted & ~(SETTABLE["edit"] | Flag.EPHEMERAL | Flag.SUPPRESS_NOTIFICATIONS):
                errors["flags"] = ("MESSAGE_FLAGS_INVALID", f"Only {SETTABLE['edit']!r} can be set")
            if message.is_v2 and not wanted & Flag.COMPONENTS_V2:
                sentence = "The IS_COMPONENTS_V2 flag cannot be removed from a message"
                errors["flags"] = ("MESSAGE_FLAGS_COMPONENTS_V2_REMOVED", sentence)
            message.flags = message.flags & ~SETTABLE["edit"] | wanted & SETTABLE["edit"]
        was_loading = message.loading
        message.flags &= ~Flag.LOADING
        try:
            self._apply(message, changes, files, errors)
        except Refusal:
            message.flags, message.attachments = before
            raise
        if not was_loading:
            message.edited = self._server.clock.now()
        if was_loading or changes.get("content") is not None or changes.get("components") is not None:
            self._ping(message, changes.get("allowed_mentions"))
        self._server.changed(message, "update" if not was_loading else "create")
        if message.private_to is None:
            self._emit("MESSAGE_UPDATE", message)

    def delete(self, message: Message) -> None:
        """Take it away."""
        message.deleted = True
        message.channel.messages.pop(message.id, None)
        message.channel.private.pop(message.id, None)
        self._server.changed(message, "delete")
        if message.private_to is None:
            gone = {"id": str(message.id), "channel_id": str(message.channel.id)}
            if message.channel.guild:
                gone["guild_id"] = str(message.channel.guild.id)
            self._server.world.emit("MESSAGE_DELETE", gone, message.channel.guild)

    def thinking(self, channel: Channel, interaction: "Interaction", private_to: User | None) -> Message:
        """The "is thinking…" of a deferred answer."""
        flags = Flag.LOADING | (Flag.EPHEMERAL if private_to else Flag(0))
        message = Message(
            id=self._server.clock.snowflake(),
            channel=channel,
            author=self._server.world.app.bot,
            created=self._server.clock.now(),
            flags=flags,
            interaction=interaction,
            private_to=private_to,
        )
        self._keep(message, {})
        return message

    # Parts

    def _same_nonce(self, channel: Channel, author: User, draft: Draft) -> Message | None:
        if not draft.get("enforce_nonce") or draft.get("nonce") is None:
            return None
        at, known = channel.nonces.get((author.id, str(draft["nonce"])), (0.0, None))
        return known if self._server.clock.now() - at <= NONCE_REMEMBERED else None

    def _keep(self, message: Message, draft: Draft) -> None:
        place = message.channel.messages if message.private_to is None else message.channel.private
        place[message.id] = message
        if draft.get("nonce") is not None:
            key = (message.author.id, str(draft["nonce"]))
            message.channel.nonces[key] = (self._server.clock.now(), message)
        self._server.changed(message, "create")
        if message.private_to is None:
            self._emit("MESSAGE_CREATE", message)

    def _emit(self, event: str, message: Message) -> None:
        """Tell the bot; content is for those who may read it: its own, direct, or where it is mentioned."""
        world, guild = self._server.world, message.channel.guild
        mine = message.author is world.app.bot or guild is None or world.app.bot in message.pinged
        readable = mine or "message_content" in world.app.intents_granted
        body = payloads.message(message, world.app, content=readable, created=event == "MESSAGE_CREATE")
        if guild is not None:
            body["guild_id"] = str(guild.id)
            if message.author.id in guild.members:
                body["member"] = payloads.member(guild.members[message.author.id])
        elif world.app.bot not in message.channel.recipients:
            return
        if guild is not None and not in_channel(world.app.bot, message.channel) & P.VIEW_CHANNEL:
            return
        world.emit(event, body, guild)

    def count_old_edit(self, message: Message) -> None:
        """30046 for too many edits, within an hour, of a message that is older than one."""
        now = self._server.clock.now()
        if now - message.created < OLD or message.loading:
            return
        recent = [at for at in message.old_edits if now - at < OLD_EDITS_WITHIN]
        if len(recent) >= self._server.old_edits:
            wait = OLD_EDITS_WITHIN - (now - recent[0])
            raise Refusal(30046, more={"retry_after": round(wait, 3), "global": False})
        message.old_edits = [*recent, now]

    def _referenced(self, channel: Channel, reference: dict[str, Any], errors: Errors) -> int | None:
        ident = int(reference["message_id"])
        if not in_channel(self._server.world.app.bot, channel) & P.READ_HISTORY:
            raise Refusal(160002)
        if ident in channel.messages:
            return ident
        if reference.get("fail_if_not_exists", True):
            errors["message_reference"] = ("REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None

    def _apply(self, message: Message, draft: Draft, files: Files, errors: Errors) -> None:
        """Check the whole that would result, then change the message at once."""
        kept = self._attachments(message, draft, files, errors)
        v2 = message.is_v2
        for key in LEGACY:
            if v2 and (draft.get(key) or (key in {"content", "embeds"} and key not in draft and getattr(message, key))):
                sentence = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                errors[key] = ("MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", sentence)
        content = str(draft.get("content") or "").strip() if "content" in draft else message.content
        if len(content) > 2000:
            errors["content"] = ("BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
        embeds = draft.get("embeds") or [] if "embeds" in draft else None
        errors |= check_embeds(embeds or [])
        layout = draft.get("components") or [] if "components" in draft else None
        names = {file.filename for file in kept}
        if layout is not None:
            errors |= components.check_message(layout, v2=v2, names=names, urls={file.url for file in kept})
        errors |= _check_mentions(draft.get("allowed_mentions"))
        if errors:
            raise form_error(errors)
        resulting = (content, embeds if embeds is not None else message.embeds, kept)
        if not any((*resulting, layout if layout is not None else message.components)):
            raise Refusal(50006)
        message.content = content
        message.attachments = kept
        if embeds is not None:
            message.embeds = shown_embeds(embeds, kept)
        if layout is not None:
            message.components = shown(layout, kept)

    def _attachments(self, message: Message, draft: Draft, files: Files, errors: Errors) -> list[Attachment]:
        """Which files the message has then: those of `attachments` that it had, and the new ones."""
        limit = message.channel.guild.upload_limit if message.channel.guild else DIRECT_UPLOAD_LIMIT
        if any(len(file.data) > limit for file in files.values()):
            raise Refusal(40005)
        listed = draft.get("attachments")
        had = {attachment.id: attachment for attachment in message.attachments}
        kept = list(had.values()) if listed is None else []
        described: dict[int, str | None] = {}
        for number, entry in enumerate(listed or []):
            ident = int(entry["id"])
            if ident in files:
                described[ident] = entry.get("description")
            elif ident in had:
                kept.append(had[ident])
            else:
                sentence = f"Attachment data for id {ident} is missing"
                errors[f"attachments.{number}"] = ("MESSAGE_ATTACHMENT_NOT_FOUND", sentence)
        made = [self.attach(message.channel, f, description=described.get(n)) for n, f in sorted(files.items())]
        if message.private_to is not None:
            for attachment in made:
                attachment.ephemeral = True
        if len(kept) + len(made) > 10:
            errors["attachments"] = ("BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
        return kept + made

    def attach(self, channel: Channel, file: File, *, description: str | None = None) -> Attachment:
        """Put a file on the CDN, under a name without what addresses cannot hold."""
        name = re.sub(r"[^\w.\-]", "_", file.filename)
        guessed = mimetypes.guess_type(name)[0] or file.content_type
        file = replace(file, filename=name, content_type=guessed)
        ident = self._server.clock.snowflake()
        url = self._server.cdn.keep(channel.id, ident, file)
        width, height = size_of(file.data)
        digest = hashlib.sha256(file.data).hexdigest()
        return Attachment(
            id=ident, file=file, digest=digest, url=url, description=description, width=width, height=height
        )

    def _ping(self, message: Message, allowed: dict[str, Any] | None) -> None:
        """Whom the text notifies: what it mentions, as far as `allowed_mentions` and permissions let it."""
        message.pinged, message.pings_roles, message.pings_everyone = [], [], False
        text, channel = message.text, message.channel
        if message.embeds and not message.content:
            text = ""
        default = ["users"] if message.interaction is not None else ["users", "roles", "everyone"]
        parse = set(default if allowed is None else allowed.get("parse") or [])
        named = {int(ident) for ident in (allowed or {}).get("users") or []}
        mentioned = [int(ident) for ident in re.findall(r"<@!?(\d+)>", text)]
        if message.reference in channel.messages and (allowed is None or allowed.get("replied_user")):
            mentioned.append(channel.messages[message.reference].author.id)
            named.add(mentioned[-1])
        for ident in dict.fromkeys(mentioned):
            user = self._server.world.users.get(ident)
            if user is not None and ("users" in parse or ident in named):
                message.pinged.append(user)
        powers = in_channel(message.author, channel) if channel.guild else P(0)
        roles = {int(ident) for ident in (allowed or {}).get("roles") or []}
        for ident in dict.fromkeys(int(i) for i in re.findall(r"<@&(\d+)>", text)):
            if ("roles" in parse or ident in roles) and powers & P.MENTION_EVERYONE:
                message.pings_roles.append(ident)
        shouted = re.search(r"@(everyone|here)\b", text)
        message.pings_everyone = bool(shouted and "everyone" in parse and powers & P.MENTION_EVERYONE)


def _check_mentions(allowed: dict[str, Any] | None) -> Errors:
    """Naming users and allowing all of them exclude each other, and so for roles."""
    errors: Errors = {}
    for kind in ("users", "roles"):
        if allowed and allowed.get(kind) and kind in (allowed.get("parse") or []):
            sentence = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            errors["allowed_mentions"] = ("MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", sentence)
    return errors
