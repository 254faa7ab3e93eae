"""Messages by the bot's token: who may post what where, nonces, files, edits, mentions."""

import hashlib

import pytest

from tests.fakes.discord.messages import File, Message
from tests.fakes.discord.permissions import P
from tests.fakes.discord.world import MIB
from tests.wire.discord_server.conftest import Rest, Studio, picture

V2 = 1 << 15
TEXT = {"type": 10, "content": "hello"}


def v2(*components: dict[str, object], **more: object) -> dict[str, object]:
    """A message of components alone."""
    return {"flags": V2, "components": list(components), **more}


def gallery(*names: str) -> dict[str, object]:
    """A gallery of files of the message."""
    return {"type": 12, "items": [{"media": {"url": f"attachment://{name}"}} for name in names]}


async def posted(rest: Rest, studio: Studio, body: object, **more: object) -> Message:
    """A message that was posted."""
    said = await rest.post(studio.art, body, **more)
    assert said.status == 200, said.body
    return studio.art.messages[int(said.body["id"])]


async def test_a_message_is_seen_by_all_who_see_the_channel(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "hello"})
    assert studio.ann.sees(studio.art) == studio.bob.sees(studio.art) == [message]
    zoe = rest.server.world.person("zoe")
    assert zoe.sees(studio.art) == []


@pytest.mark.parametrize(
    ("denied", "body", "files", "code"),
    [
        (P.VIEW_CHANNEL, {"content": "a"}, None, 50001),
        (P.SEND_MESSAGES, {"content": "a"}, None, 50013),
        (P.ATTACH_FILES, {"content": "a"}, {"a.png": b"x"}, 50013),
        (P.EMBED_LINKS, {"embeds": [{"title": "a"}]}, None, 50013),
        (P.ATTACH_FILES, {"content": "a"}, None, 0),
        (P.READ_HISTORY, {"content": "a"}, None, 0),
    ],
)
async def test_what_is_denied_is_refused(
    rest: Rest, studio: Studio, denied: P, body: object, files: dict[str, bytes] | None, code: int
) -> None:
    rest.server.world.overwrite(studio.art, rest.server.world.app.bot, deny=denied)
    said = await rest.post(studio.art, body, files=files)
    assert (said.status, said.body.get("code", 0)) == ((403, code) if code else (200, 0))


async def test_overwrites_are_computed_as_documented(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    role = studio.guild.role("Atelier")
    world.overwrite(studio.art, studio.guild.everyone, deny=P.SEND_MESSAGES)
    assert (await rest.post(studio.art, {"content": "a"})).code == 50013
    world.overwrite(studio.art, role, allow=P.SEND_MESSAGES)
    assert (await rest.post(studio.art, {"content": "a"})).status == 200
    world.overwrite(studio.art, world.app.bot, deny=P.SEND_MESSAGES)
    assert (await rest.post(studio.art, {"content": "a"})).code == 50013
    world.grant(studio.guild, role, P.ADMINISTRATOR)
    assert (await rest.post(studio.art, {"content": "a"})).status == 200


async def test_places_that_are_not_there(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"})
    assert (await rest("POST", "/channels/1/messages", {"content": "a"})).code == 10003
    assert (await rest("GET", "/guilds/1")).code == 10004
    assert (await rest("PATCH", f"/channels/{studio.art.id}/messages/1", {"content": "a"})).code == 10008
    rest.server.world.kick_bot(studio.guild)
    assert (await rest.edit(message, {"content": "b"})).code == 50001
    assert (await rest("GET", f"/guilds/{studio.guild.id}")).code == 10004
    rest.server.world.delete_guild(studio.guild)
    assert (await rest.edit(message, {"content": "b"})).code == 10003


async def test_another_token_is_nobody(rest: Rest, studio: Studio) -> None:
    said = await rest.post(studio.art, {"content": "a"}, token="other")
    assert (said.status, said.body["message"]) == (401, "401: Unauthorized")
    assert rest.server.limits.invalid == 1


async def test_direct_messages(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    opened = await rest("POST", "/users/@me/channels", {"recipient_id": str(studio.ann.id)})
    assert int(opened.body["id"]) == studio.ann.dm.id
    assert (await rest.post(studio.ann.dm, {"content": "a"})).status == 200
    assert [message.text for message in studio.ann.sees(studio.ann.dm)] == ["a"]
    studio.ann.close_direct_messages()
    assert (await rest.post(studio.ann.dm, {"content": "a"})).code == 50007
    stranger = world.person("stranger")
    assert (await rest.post(stranger.dm, {"content": "a"})).code == 50007
    installed = world.person("installed", installed=True)
    assert (await rest.post(installed.dm, {"content": "a"})).status == 200


async def test_the_same_nonce_is_the_same_message(rest: Rest, studio: Studio) -> None:
    body = {"content": "a", "nonce": "job-1", "enforce_nonce": True}
    first, second = await rest.post(studio.art, body), await rest.post(studio.art, body | {"content": "b"})
    assert first.body["id"] == second.body["id"]
    assert (second.body["content"], second.body["nonce"]) == ("a", "job-1")
    read = await rest("GET", f"/channels/{studio.art.id}/messages/{first.body['id']}")
    assert "nonce" not in read.body
    assert len(studio.art.messages) == 1
    other = rest.server.world.channel(studio.guild, "other")
    assert (await rest.post(other, body)).body["id"] != first.body["id"]
    assert (await rest.post(studio.art, body | {"enforce_nonce": False})).body["id"] != first.body["id"]
    rest.server.clock.advance(600)
    assert (await rest.post(studio.art, body)).body["id"] != first.body["id"]
    assert (await rest.post(studio.art, body | {"nonce": "n" * 26})).code == 50035


async def test_files_are_kept_within_the_limit(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"}, files={"a b.png": picture()})
    [attachment] = message.attachments
    assert (attachment.filename, attachment.width, attachment.height) == ("a_b.png", 64, 48)
    large = {"big.png": bytes(10 * MIB + 1)}
    said = await rest.post(studio.art, {"content": "a"}, files=large)
    assert (said.status, said.code) == (413, 40005)
    studio.guild.upload_limit = 50 * MIB
    assert (await rest.post(studio.art, {"content": "a"}, files=large)).status == 200


async def test_an_edit_keeps_the_files_that_it_lists(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"}, files={"a.png": picture(), "b.png": picture("blue")})
    first, second = message.attachments
    assert (await rest.edit(message, {"content": "b"})).status == 200
    assert message.attachments == [first, second]
    listed = {"attachments": [{"id": second.id}, {"id": 0, "description": "new"}]}
    assert (await rest.edit(message, listed, files={"c.png": picture("green")})).status == 200
    assert [(a.filename, a.description) for a in message.attachments] == [("b.png", None), ("c.png", "new")]
    said = await rest.edit(message, {"attachments": [{"id": first.id}]})
    assert said.errors() == {"attachments.0": "MESSAGE_ATTACHMENT_NOT_FOUND"}
    assert (await rest.edit(message, {"attachments": []})).status == 200
    assert message.attachments == []


async def test_files_are_served_under_signed_addresses(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"}, files={"a.png": picture()})
    session, url = rest._session, message.attachments[0].url
    async with session.get(url) as response:
        assert await response.read() == picture()
        assert response.content_type == "image/png"
    async with session.get(url.split("?")[0]) as response:
        assert response.status == 404
    rest.server.clock.advance(25 * 3600)
    async with session.get(url) as response:
        assert response.status == 404


async def test_components_v2_shows_its_files_in_its_components(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, v2(TEXT, gallery("a.png")), files={"a.png": picture()})
    said = await rest("GET", f"/channels/{studio.art.id}/messages/{message.id}")
    assert said.body["attachments"] == []
    [item] = said.body["components"][1]["items"]
    assert (item["media"]["width"], item["media"]["content_type"]) == (64, "image/png")
    assert [part["id"] for part in said.body["components"]] == [1, 2]
    assert message.pictures() == [picture()]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (v2(TEXT, content="a"), {"content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"}),
        (
            v2(TEXT, embeds=[{"title": "a"}]),
            {"embeds": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"},
        ),
        ({"components": [TEXT]}, {"components.0.type": "UNION_TYPE_CHOICES"}),
        (
            v2(gallery("b.png")),
            {"components.0.items.0.media.url": "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"},
        ),
        ({"content": "a", "flags": 64}, {"flags": "MESSAGE_FLAGS_INVALID"}),
        ({"content": "a" * 2001}, {"content": "BASE_TYPE_MAX_LENGTH"}),
        (
            {"content": "a", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            {"allowed_mentions": "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"},
        ),
        ({"embeds": [{"title": "a" * 257}]}, {"embeds.0.title": "BASE_TYPE_MAX_LENGTH"}),
        (
            {"embeds": [{"description": "a" * 4000}, {"description": "a" * 2001}]},
            {"embeds": "MAX_EMBED_SIZE_EXCEEDED"},
        ),
        ({"embeds": [{"fields": [{"name": "a", "value": ""}]}]}, {}),
    ],
)
async def test_forms_that_are_refused(rest: Rest, studio: Studio, body: object, errors: dict[str, str]) -> None:
    said = await rest.post(studio.art, body)
    if not errors:
        assert said.status == 200
        return
    assert (said.status, said.code, said.errors()) == (400, 50035, errors)
    assert len(rest.server.violations) == 1
    assert studio.art.messages == {}


async def test_nothing_is_no_message(rest: Rest, studio: Studio) -> None:
    assert (await rest.post(studio.art, {"content": " \n"})).code == 50006
    assert (await rest.post(studio.art, v2())).code == 50006


async def test_components_v2_stays(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"})
    said = await rest.edit(message, v2(TEXT))
    assert said.errors() == {"content": "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"}
    assert message.text == "a"
    assert (await rest.edit(message, v2(TEXT, content=None))).status == 200
    assert message.text == "hello"
    assert (await rest.edit(message, {"flags": 0})).errors() == {"flags": "MESSAGE_FLAGS_COMPONENTS_V2_REMOVED"}
    assert (await rest.edit(message, {"content": "a"})).status == 400
    assert (await rest.edit(message, {"components": [{"type": 10, "content": "new"}]})).status == 200
    assert message.text == "new"


async def test_others_messages(rest: Rest, studio: Studio) -> None:
    theirs = await studio.ann.says(studio.art, "mine")
    assert (await rest.edit(theirs, {"content": "b"})).code == 50005
    path = f"/channels/{studio.art.id}/messages/{theirs.id}"
    assert (await rest("GET", path)).body["content"] == ""  # no message content intent
    assert (await rest("DELETE", path)).code == 50013
    rest.server.world.grant(studio.guild, studio.guild.role("Atelier"), P.bot_default() | P.MANAGE_MESSAGES)
    assert (await rest("DELETE", path)).status == 204
    assert studio.ann.sees(studio.art) == []


async def test_old_messages_are_edited_a_few_times_only(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"})
    rest.server.old_edits = 1
    rest.server.clock.advance(59 * 60)
    for _ in range(3):
        assert (await rest.edit(message, {"content": "b"})).status == 200
    rest.server.clock.advance(2 * 60)
    assert (await rest.edit(message, {"content": "c"})).status == 200
    said = await rest.edit(message, {"content": "d"})
    assert (said.status, said.code) == (429, 30046)
    assert 3590 < said.body["retry_after"] <= 3600
    rest.server.clock.advance(3601)
    assert (await rest.edit(message, {"content": "d"})).status == 200


@pytest.mark.parametrize(
    ("allowed", "pinged"),
    [
        (None, ["ann", "bob"]),
        ({"parse": []}, []),
        ({"users": ["ANN"]}, ["ann"]),
        ({"parse": ["users"]}, ["ann", "bob"]),
    ],
)
async def test_only_the_allowed_are_pinged(
    rest: Rest, studio: Studio, allowed: dict[str, list[str]] | None, pinged: list[str]
) -> None:
    text = f"{studio.ann.mention} {studio.bob.mention} @everyone"
    if allowed is not None:
        allowed = {key: [str(studio.ann.id) if v == "ANN" else v for v in values] for key, values in allowed.items()}
    body = v2({"type": 10, "content": text}) | ({} if allowed is None else {"allowed_mentions": allowed})
    message = await posted(rest, studio, body)
    assert [user.name for user in message.pinged] == pinged
    assert not message.pings_everyone  # the bot may not
    assert rest.server.history[-1].pings == tuple(user.id for user in message.pinged)


async def test_threads(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    thread = world.thread(studio.art, "jobs")
    world.archive(thread)
    assert (await rest.post(thread, {"content": "a"})).status == 200
    assert not thread.archived
    world.archive(thread, locked=True)
    assert (await rest.post(thread, {"content": "a"})).code == 50083
    hidden = world.thread(studio.art, "secret", private=True)
    assert (await rest.post(hidden, {"content": "a"})).code == 50001
    assert studio.ann.sees(thread)


async def test_history_is_read_backwards(rest: Rest, studio: Studio) -> None:
    ids = [(await posted(rest, studio, {"content": str(n)})).id for n in range(5)]
    said = await rest("GET", f"/channels/{studio.art.id}/messages?limit=2")
    assert [m["content"] for m in said.body] == ["4", "3"]
    said = await rest("GET", f"/channels/{studio.art.id}/messages?before={ids[2]}&limit=2")
    assert [m["content"] for m in said.body] == ["1", "0"]
    said = await rest("GET", f"/channels/{studio.art.id}/messages?after={ids[2]}&limit=1")
    assert [m["content"] for m in said.body] == ["3"]
    if rest.server.document.present:
        for limit, code in (("101", "NUMBER_TYPE_MAX"), ("0", "NUMBER_TYPE_MIN"), ("x", "NUMBER_TYPE_COERCE")):
            said = await rest("GET", f"/channels/{studio.art.id}/messages?limit={limit}")
            assert said.errors() == {"limit": code}


async def test_the_log_has_every_state_of_a_message(rest: Rest, studio: Studio) -> None:
    message = await posted(rest, studio, {"content": "a"})
    await rest.edit(message, {"content": "b"})
    await rest("DELETE", f"/channels/{studio.art.id}/messages/{message.id}")
    kinds = [(change.kind, change.snapshot["content"]) for change in rest.server.history]
    assert kinds == [("create", "a"), ("update", "b"), ("delete", "b")]
    assert [call.method for call in rest.server.log] == ["POST", "PATCH", "DELETE"]


async def test_who_saw_which_picture(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    hidden = world.channel(studio.guild, "hidden")
    world.overwrite(hidden, studio.guild.everyone, deny=P.VIEW_CHANNEL)
    world.overwrite(hidden, studio.bob.user, allow=P.VIEW_CHANNEL)
    world.overwrite(hidden, world.app.bot, allow=P.VIEW_CHANNEL)
    assert (await rest.post(hidden, {"content": "a"}, files={"a.png": picture("teal")})).status == 200
    digest = hashlib.sha256(picture("teal")).hexdigest()
    assert rest.server.seen_by(digest) == {studio.guild.owner.id, studio.bob.id}
    await rest.post(studio.ann.dm, {"content": "a"}, files={"a.png": picture("teal")})
    assert rest.server.seen_by(digest) == {studio.guild.owner.id, studio.bob.id, studio.ann.id}
    assert rest.server.seen_by("other") == set()


async def test_replies(rest: Rest, studio: Studio) -> None:
    theirs = await studio.ann.says(studio.art, "hello", files=(File(filename="a.png", data=picture()),))
    message = await posted(rest, studio, {"content": "b", "message_reference": {"message_id": str(theirs.id)}})
    assert message.pinged == [studio.ann.user]
    said = await rest.post(studio.art, {"content": "b", "message_reference": {"message_id": "1"}})
    assert said.errors() == {"message_reference": "REPLIES_UNKNOWN_MESSAGE"}
