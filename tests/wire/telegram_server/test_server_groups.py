"""Groups, forums and channels: what the bot is told, who speaks, and what becomes of chats."""

from typing import Any

import pytest

from tests.fakes.telegram.model import ANONYMOUS_BOT, CHANNEL_BOT, GENERAL, TELEGRAM
from tests.fakes.telegram.people import MayNot
from tests.fakes.telegram.server import FakeTelegram
from tests.wire.telegram_server.support import Api, png


async def texts(api: Api) -> list[str]:
    """Of the messages that the bot is told of."""
    found = [update.get("message", {}) for update in await api.updates()]
    return [message.get("text", message.get("caption", "")) for message in found]


async def test_privacy_shows_only_what_is_meant_for_the_bot(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    group = server.world.supergroup("Lab", ann)
    own = group.messages[await api.send(group, "result")]
    await api.updates()
    await ann.says(group, "just talking")
    await ann.says(group, "/gen a house")
    await ann.says(group, "/gen@atelier_bot a house")
    await ann.says(group, "/gen@other_bot a house")
    await ann.says(group, "see /gen")
    await ann.says(group, "@Atelier_Bot a house")
    await ann.replies(own, "the same, blue")
    await ann.replies(group.messages[own.id + 1], "to somebody else")
    await ann.sends_photo(group, png(), caption="/img2img a house")
    await ann.sends_album(group, [png(), png()], caption="@atelier_bot a house")
    assert await texts(api) == [
        "/gen a house", "/gen@atelier_bot a house", "@Atelier_Bot a house", "the same, blue", "/img2img a house",
        "@atelier_bot a house",
    ]  # fmt: skip
    server.world.promote(group, server.world.bot)
    await api.updates()
    await ann.says(group, "just talking")
    assert await texts(api) == ["just talking"], "administrators see everything"


async def test_the_bot_joins_and_is_kicked(server: FakeTelegram, api: Api) -> None:
    group = server.world.group("Lab")
    joined, service = await api.updates()
    assert joined["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert service["message"]["new_chat_members"][0]["id"] == server.world.bot.id
    server.world.kick_bot(group)
    (kicked,) = await api.updates()
    assert kicked["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    await server.world.person("Owner of Lab").says(group, "/gen nobody hears")
    assert await api.updates() == []


async def test_blocking_is_told(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann", language="zh-hans")
    await ann.opens("job-abc")
    await ann.blocks()
    await ann.unblocks()
    start, blocked, unblocked = await api.updates()
    assert (start["message"]["text"], start["message"]["from"]["language_code"]) == ("/start job-abc", "zh-hans")
    assert start["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    statuses = [update["my_chat_member"]["new_chat_member"]["status"] for update in (blocked, unblocked)]
    assert statuses == ["kicked", "member"]


async def test_a_payload_of_a_link_has_its_letters(server: FakeTelegram) -> None:
    for payload in ("no spaces", "x" * 65, "job=1"):
        with pytest.raises(MayNot):
            await server.world.person("Ann").opens(payload)


async def test_a_group_becomes_a_supergroup(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    group = server.world.group("Lab", ann)
    before = await api.send(group, "waiting")
    await api.updates()
    new = server.world.migrate(group)
    left, came = [update["message"] for update in await api.updates()]
    assert (left["chat"]["id"], left["migrate_to_chat_id"]) == (group.id, new.id)
    assert (came["chat"]["id"], came["migrate_from_chat_id"], came["chat"]["type"]) == (new.id, group.id, "supergroup")
    for method, params in (("sendMessage", {"text": "x"}), ("deleteMessage", {"message_id": before})):
        reply = await api(method, chat_id=group.id, **params)
        assert reply.refusal == (400, "Bad Request: group chat was upgraded to a supergroup chat")
        assert reply.body["parameters"] == {"migrate_to_chat_id": new.id}
    reply = await api("editMessageText", chat_id=group.id, message_id=before, text="x")
    assert reply.refusal == (400, "Bad Request: message can't be edited")
    assert await api.send(new, "here now")
    assert (await ann.says(new, "/gen x")).chat is new
    with pytest.raises(MayNot):
        await ann.says(group, "too late")


async def test_messages_in_topics(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    forum = server.world.supergroup("Studio", ann, forum=True)
    art = server.world.topic(forum, "Art")
    await api.updates()
    asked = await ann.says(forum, "/gen a house", thread=art.id)
    await ann.says(forum, "/gen in general", thread=GENERAL)
    told, general = [update["message"] for update in await api.updates()]
    assert (told["message_thread_id"], told["is_topic_message"]) == (art.id, True)
    assert told["reply_to_message"]["forum_topic_created"]["name"] == "Art", "as Telegram does without a reply"
    assert "message_thread_id" not in general
    number = await api.send(forum, "done", message_thread_id=art.id, reply_parameters={"message_id": asked.id})
    assert [message.text for message in ann.sees(forum, thread=art.id)[1:]] == ["/gen a house", "done"]
    assert [message.text for message in ann.sees(forum, thread=GENERAL) if message.text] == ["/gen in general"]
    answer = await ann.replies(forum.messages[number], "again")
    (told,) = [update["message"] for update in await api.updates()]
    assert (told["message_thread_id"], told["reply_to_message"]["message_id"]) == (art.id, number)
    assert answer.thread == art.id


async def test_a_reply_from_another_topic_is_an_external_one(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    forum = server.world.supergroup("Studio", ann, forum=True)
    art = server.world.topic(forum, "Art")
    asked = await ann.says(forum, "/gen a house", thread=art.id)
    reply = await api("sendMessage", chat_id=forum.id, text="x", reply_parameters={"message_id": asked.id})
    assert reply.result["external_reply"]["message_id"] == asked.id
    assert "reply_to_message" not in reply.result


@pytest.mark.parametrize(("thread", "sentence"), [("closed", "TOPIC_CLOSED"), ("deleted", "message thread not found")])
async def test_topics_close_and_go(server: FakeTelegram, api: Api, thread: str, sentence: str) -> None:
    ann = server.world.person("Ann")
    forum = server.world.supergroup("Studio", ann, forum=True)
    topic = server.world.topic(forum, "Art")
    server.world.close_topic(forum, topic) if thread == "closed" else server.world.delete_topic(forum, topic)
    reply = await api("sendMessage", chat_id=forum.id, text="x", message_thread_id=topic.id)
    assert reply.refusal == (400, f"Bad Request: {sentence}")
    with pytest.raises(MayNot):
        await ann.says(forum, "x", thread=topic.id)
    server.world.promote(forum, server.world.bot)
    reply = await api("sendMessage", chat_id=forum.id, text="x", message_thread_id=topic.id)
    assert (reply.status == 200) == (thread == "closed"), "administrators write in closed topics"


async def test_general_and_unknown_topics_are_not_named(server: FakeTelegram, api: Api) -> None:
    forum = server.world.supergroup("Studio", forum=True)
    for thread in (GENERAL, 999):
        reply = await api("sendMessage", chat_id=forum.id, text="x", message_thread_id=thread)
        assert reply.refusal == (400, "Bad Request: message thread not found")
    forum.topics[GENERAL].closed = True
    assert (await api("sendMessage", chat_id=forum.id, text="x")).refusal == (400, "Bad Request: TOPIC_CLOSED")


async def test_a_row_of_replies_has_a_thread_in_a_supergroup(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    group = server.world.supergroup("Lab", ann)
    asked = await ann.says(group, "/gen a house")
    result = group.messages[await api.send(group, "done", reply_parameters={"message_id": asked.id})]
    await ann.replies(result, "again")
    told = (await api.updates())[-1]["message"]
    assert told["message_thread_id"] == asked.id
    assert "is_topic_message" not in told
    assert await api.send(group, "x", message_thread_id=asked.id), "which does no harm when it is sent"


async def test_anonymous_administrators_and_channels_speak_as_chats(server: FakeTelegram, api: Api) -> None:
    ann, bob = server.world.person("Ann"), server.world.person("Bob")
    group = server.world.supergroup("Lab", ann, bob)
    channel = server.world.channel("News", owner="Bob", bot=False)
    server.world.promote(group, ann, anonymous=True, title="boss")
    await api.updates()
    await ann.says(group, "/mod queue")
    await bob.says(group, "/mod queue", speaks_as=channel)
    anonymous, spoken = [update["message"] for update in await api.updates()]
    assert (anonymous["from"]["id"], anonymous["sender_chat"]["id"]) == (ANONYMOUS_BOT, group.id)
    assert anonymous["author_signature"] == "boss"
    assert (spoken["from"]["id"], spoken["sender_chat"]["id"]) == (CHANNEL_BOT, channel.id)
    with pytest.raises(MayNot):
        await ann.says(group, "x", speaks_as=channel)


async def test_a_channels_posts_appear_in_its_discussion_group(server: FakeTelegram, api: Api) -> None:
    bob = server.world.person("Bob")
    group = server.world.supergroup("Talk", bob)
    channel = server.world.channel("News", owner="Bob", group=group)
    await api.updates()
    await bob.posts(channel, "/gen a house")
    post, copy = await api.updates()
    assert (post["channel_post"]["sender_chat"]["id"], "from" in post["channel_post"]) == (channel.id, False)
    copied = copy["message"]
    assert (copied["is_automatic_forward"], copied["from"]["id"]) == (True, TELEGRAM)
    assert copied["sender_chat"]["id"] == copied["forward_origin"]["chat"]["id"] == channel.id
    comment = await bob.replies(group.messages[copied["message_id"]], "/gen a boat")
    told = (await api.updates())[-1]["message"]
    assert told["message_thread_id"] == copied["message_id"]
    assert comment.reply_to is group.messages[copied["message_id"]]
    sent = (await api("sendMessage", chat_id=channel.id, text="from the bot")).result
    assert "from" not in sent
    channel.members[server.world.bot.id].can_post = False
    reply = await api("sendMessage", chat_id=channel.id, text="x")
    assert reply.refusal == (400, "Bad Request: need administrator rights in the channel chat")


async def test_forwards_tell_where_they_are_from(server: FakeTelegram, api: Api) -> None:
    ann, bob = server.world.person("Ann"), server.world.person("Bob")
    said = await ann.says(ann.private, "/mod pause")
    forwarded = await bob.forwards(said, bob.private)
    told = (await api.updates())[-1]["message"]
    assert told["forward_origin"]["sender_user"]["id"] == ann.id
    assert (told["from"]["id"], forwarded.text) == (bob.id, "/mod pause")


async def test_an_album_comes_as_updates_of_its_own(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    await ann.sends_album(ann.private, [png(), png(colour="blue")], caption="mix them")
    first, second = [update["message"] for update in await api.updates()]
    assert first["media_group_id"] == second["media_group_id"]
    assert (first["caption"], "caption" in second, second["message_id"]) == ("mix them", False, first["message_id"] + 1)


def of_member(members: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """By first name."""
    return next(member for member in members if member["user"]["first_name"] == name)


async def test_members_and_administrators(server: FakeTelegram, api: Api) -> None:
    ann, bob, stranger = (server.world.person(name) for name in ("Ann", "Bob", "Stranger"))
    group = server.world.supergroup("Lab", ann, bob, owner="Cid")
    server.world.promote(group, ann, anonymous=True)
    admins = (await api("getChatAdministrators", chat_id=group.id)).result
    assert {member["user"]["first_name"] for member in admins} == {"Ann", "Cid"}
    assert (of_member(admins, "Ann")["is_anonymous"], of_member(admins, "Cid")["status"]) == (True, "creator")
    statuses = {"Ann": "administrator", "Bob": "member", "Stranger": "left"}
    for person in (ann, bob, stranger):
        member = (await api("getChatMember", chat_id=group.id, user_id=person.id)).result
        assert member["status"] == statuses[person.user.name]
    server.world.demote(group, ann)
    assert (await api("getChatMember", chat_id=group.id, user_id=ann.id)).result["status"] == "member"
    assert (await api("getChatMemberCount", chat_id=group.id)).result == 4
    assert (await api("getChat", chat_id=group.id)).result["title"] == "Lab"
    assert (await api("getChat", chat_id=ann.private.id)).result["type"] == "private"
    assert (await api("getChatMember", chat_id=group.id, user_id=1)).refusal == (400, "Bad Request: user not found")
    reply = await api("getChatAdministrators", chat_id=ann.id)
    assert reply.refusal == (400, "Bad Request: there are no administrators in the private chat")


async def test_people_come_and_go(server: FakeTelegram, api: Api) -> None:
    ann = server.world.person("Ann")
    group = server.world.supergroup("Lab")
    server.world.promote(group, server.world.bot)
    await api("getUpdates", allowed_updates=["message", "chat_member"])
    server.updates.drop_pending()
    await ann.joins(group)
    await ann.leaves(group)
    kinds = [next(iter(set(update) - {"update_id"})) for update in await api.updates()]
    assert kinds == ["chat_member", "message", "chat_member", "message"]
    with pytest.raises(MayNot):
        ann.sees(group)
    assert (await api("leaveChat", chat_id=group.id)).result is True
    reply = await api("sendMessage", chat_id=group.id, text="x")
    assert reply.refusal == (403, "Forbidden: bot is not a member of the supergroup chat")


async def test_menus_are_per_scope_and_language(server: FakeTelegram, api: Api) -> None:
    ann, bob = server.world.person("Ann", language="zh-hans"), server.world.person("Bob")
    group = server.world.supergroup("Lab", bob, owner="Ann")

    async def set_menu(description: str, **more: Any) -> None:
        commands = [{"command": "gen", "description": description}]
        assert (await api("setMyCommands", commands=commands, **more)).result is True

    await set_menu("default")
    await set_menu("默认", language_code="zh")
    assert (bob.menu(group), ann.menu(group)) == ({"gen": "default"}, {"gen": "默认"})
    await set_menu("admins", scope={"type": "all_chat_administrators"})
    await set_menu("private", scope={"type": "all_private_chats"})
    assert (bob.menu(group), ann.menu(group)) == ({"gen": "default"}, {"gen": "admins"})
    assert (bob.menu(), ann.menu()) == ({"gen": "private"}, {"gen": "private"})
    member = {"type": "chat_member", "chat_id": group.id, "user_id": bob.id}
    await set_menu("only Bob", scope=member)
    assert bob.menu(group) == {"gen": "only Bob"}
    assert (await api("getMyCommands", scope=member)).result == [{"command": "gen", "description": "only Bob"}]
    await api("deleteMyCommands", scope=member)
    assert bob.menu(group) == {"gen": "default"}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ({"command": "Gen", "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "g" * 33, "description": "x"}, "BOT_COMMAND_INVALID"),
        ({"command": "gen", "description": ""}, "BOT_COMMAND_DESCRIPTION_INVALID"),
        ({"command": "gen", "description": "x" * 257}, "BOT_COMMAND_DESCRIPTION_INVALID"),
    ],
)
async def test_commands_are_checked(server: FakeTelegram, api: Api, command: dict[str, str], sentence: str) -> None:
    assert (await api("setMyCommands", commands=[command])).refusal == (400, f"Bad Request: {sentence}")
    assert (await api("setMyCommands", commands=[command] * 101)).status == 400
