"""Interactions: three seconds, one answer, fifteen minutes, and what is private."""

import asyncio
import time
from typing import Any

import pytest

from tests.fakes.discord.interactions import Interaction, NotAnswered, Reply
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import P
from tests.wire.discord_server.conftest import Rest, Studio, picture

PRIVATE, V2 = 1 << 6, 1 << 15
DRAW = {
    "name": "draw",
    "description": "d",
    "options": [
        {"type": 3, "name": "model", "description": "d", "autocomplete": True},
        {"type": 4, "name": "steps", "description": "d", "autocomplete": True},
    ],
}
MENU = {"name": "Image info", "type": 3}
ROW = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Again", "custom_id": "again"}]}


async def drawn(rest: Rest, studio: Studio, person: Person | None = None) -> Interaction:
    """A use of the command."""
    await rest.register(DRAW, MENU)
    return await (person or studio.ann).slash(studio.art, "draw")


@pytest.mark.parametrize("private", [True, False])
async def test_an_answer_is_a_message(rest: Rest, studio: Studio, private: bool) -> None:
    asked = await drawn(rest, studio)
    said = await rest.answer(asked, 4, {"content": "a", "flags": PRIVATE if private else 0})
    about = said.body["interaction"]
    assert (about["response_message_ephemeral"], about["response_message_loading"]) == (private, False)
    shown = said.body["resource"]["message"]
    assert (shown["type"], shown["flags"] & PRIVATE) == (20, PRIVATE if private else 0)
    assert shown["interaction_metadata"]["user"]["id"] == str(studio.ann.id)
    message = await asked.response()
    assert studio.ann.sees(studio.art) == [message]
    assert studio.bob.sees(studio.art) == ([] if private else [message])


async def test_the_first_answer_is_due_in_three_seconds(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    rest.server.clock.advance(3.1)
    said = await rest.answer(asked, 5)
    assert (said.status, said.code) == (404, 10062)
    assert asked.failed
    with pytest.raises(NotAnswered):
        await asked.ack(0.01)
    assert (await rest.hook("POST", asked, "", {"content": "a"})).code == 10015


async def test_it_is_answered_once(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    assert (await rest.answer(asked, 5)).status == 200
    said = await rest.answer(asked, 4, {"content": "a"})
    assert (said.status, said.code) == (400, 40060)


async def test_a_form_that_is_refused_is_no_answer(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    assert (await rest.answer(asked, 4, {"content": "a" * 2001})).code == 50035
    assert asked.reply is None
    assert (await rest.answer(asked, 4, {"content": "a"})).status == 200


async def test_unknown_ones(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    said = await rest("POST", f"/interactions/{asked.id}/other/callback", {"type": 5}, token=None)
    assert said.code == 10062
    app = rest.server.world.app.id
    assert (await rest("POST", f"/webhooks/{app}/other", {"content": "a"}, token=None)).code == 10015
    assert (await rest("POST", f"/webhooks/1/{asked.token}", {"content": "a"}, token=None)).code == 10015


@pytest.mark.parametrize(("kind", "data"), [(6, None), (7, {"content": "a"}), (8, {"choices": []}), (1, None)])
async def test_answers_that_do_not_fit_a_command(rest: Rest, studio: Studio, kind: int, data: Any) -> None:
    asked = await drawn(rest, studio)
    said = await rest.answer(asked, kind, data)
    assert (said.status, list(said.errors())) == (400, ["type"])


async def test_time_in_which_the_machine_stands_still_does_not_count(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    time.sleep(3.5)  # noqa: ASYNC251 (everything stands still)
    assert (await rest.answer(asked, 5)).status == 200
    assert not asked.failed


async def test_a_deferred_answer_becomes_a_message(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    said = await rest.answer(asked, 5, {"flags": PRIVATE})
    assert said.body["interaction"]["response_message_loading"]
    assert await asked.ack() is Reply.DEFERRED_MESSAGE
    with pytest.raises(NotAnswered):
        await asked.response(0.01)
    said = await rest.hook("PATCH", asked, "/messages/@original", {"content": "a"}, files={"a.png": picture()})
    assert (said.status, said.body["edited_timestamp"]) == (200, None)
    message = await asked.response()
    assert (message.text, message.pictures(), message.private_to) == ("a", [picture()], studio.ann.user)
    assert message.attachments[0].ephemeral
    assert studio.bob.sees(studio.art) == []


async def test_the_first_follow_up_takes_the_place_of_thinking(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 5, {"flags": PRIVATE})
    first = await rest.hook("POST", asked, "", {"content": "a"})
    assert first.body["flags"] & PRIVATE
    assert first.body["id"] == str((await asked.response()).id)
    second = await rest.hook("POST", asked, "", {"content": "b"})
    assert not second.body["flags"] & PRIVATE
    assert [m.text for m in studio.ann.sees(studio.art)] == ["a", "b"]
    assert [m.text for m in studio.bob.sees(studio.art)] == ["b"]


async def test_private_messages_are_beyond_the_bots_token(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a", "flags": PRIVATE})
    message = await asked.response()
    path = f"/channels/{studio.art.id}/messages/{message.id}"
    assert [(await rest(method, path, body)).code for method, body in (("GET", None), ("DELETE", None))] == [10008] * 2
    assert (await rest.edit(message, {"content": "b"})).code == 10008
    assert (await rest.hook("PATCH", asked, f"/messages/{message.id}", {"content": "b"})).status == 200
    assert (await rest.hook("DELETE", asked, "/messages/@original")).status == 204
    assert (await rest.hook("GET", asked, "/messages/@original")).code == 10008


async def test_public_answers_are_the_bots_own_messages(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a"})
    message = await asked.response()
    rest.server.clock.advance(3600)
    assert (await rest.edit(message, {"content": "b"})).status == 200


async def test_tokens_serve_for_fifteen_minutes(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a"})
    rest.server.clock.advance(14 * 60)
    assert (await rest.hook("PATCH", asked, "/messages/@original", {"content": "b"})).status == 200
    rest.server.clock.advance(61)
    said = await rest.hook("PATCH", asked, "/messages/@original", {"content": "c"})
    assert (said.status, said.code) == (401, 50027)
    assert (await rest.hook("POST", asked, "", {"content": "c"})).code == 50027


async def test_buttons_update_their_message(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a", "flags": PRIVATE, "components": [ROW]})
    message = await asked.response()
    pressed = await studio.ann.click(message, "Again")
    assert pressed.payload["message"]["id"] == str(message.id)
    said = await rest.answer(pressed, 7, {"content": "b"})
    assert said.body["resource"]["type"] == 7
    assert (message.text, message.private_to) == ("b", studio.ann.user)
    later = await studio.ann.click(message, "again")
    assert (await rest.answer(later, 6)).status == 200
    assert (await rest.hook("PATCH", later, "/messages/@original", {"content": "c"})).status == 200
    assert message.text == "c"
    assert (await rest.hook("POST", later, "", {"content": "d", "flags": PRIVATE})).status == 200
    assert [m.text for m in studio.ann.sees(studio.art)] == ["c", "d"]


async def test_a_deleted_message_cannot_be_updated(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a", "components": [ROW]})
    message = await asked.response()
    pressed = await studio.ann.click(message, "Again")
    rest.server.composer.delete(message)
    assert (await rest.answer(pressed, 7, {"content": "b"})).code == 10008
    assert (await rest.answer(pressed, 5, {"flags": PRIVATE})).status == 200


async def test_dialogs(rest: Rest, studio: Studio) -> None:
    asked = await drawn(rest, studio)
    await rest.answer(asked, 4, {"content": "a", "components": [ROW]})
    message = await asked.response()
    pressed = await studio.bob.click(message, "Again")
    prompt = {"type": 4, "custom_id": "prompt", "style": 2, "value": "a cat", "max_length": 10}
    form = {"custom_id": "remix:1", "title": "Remix", "components": [{"type": 18, "label": "P", "component": prompt}]}
    assert (await rest.answer(pressed, 9, form)).status == 200
    dialog = await pressed.dialog()
    sent = await studio.bob.submit_modal(dialog)
    data = sent.payload["data"]
    assert (data["custom_id"], data["components"][0]["component"]["value"]) == ("remix:1", "a cat")
    assert sent.payload["message"]["id"] == str(message.id)
    assert (await rest.answer(sent, 9, form)).errors() == {"type": "BASE_TYPE_CHOICES"}
    assert (await rest.answer(sent, 7, {"content": "b"})).status == 200
    assert message.text == "b"
    meta = sent.metadata()["triggering_interaction_metadata"]
    assert meta["interacted_message_id"] == str(message.id)


@pytest.mark.parametrize(
    ("option", "choices", "errors"),
    [
        ("model", [{"name": f"n{n}", "value": f"v{n}"} for n in range(25)], {}),
        ("model", [{"name": f"n{n}", "value": f"v{n}"} for n in range(26)], {"data.choices": "BASE_TYPE_MAX_LENGTH"}),
        ("model", [{"name": "", "value": "v"}], {"data.choices.0.name": "BASE_TYPE_MIN_LENGTH"}),
        ("model", [{"name": "n" * 101, "value": "v"}], {"data.choices.0.name": "BASE_TYPE_MAX_LENGTH"}),
        ("model", [{"name": "n", "value": "v" * 101}], {"data.choices.0.value": "BASE_TYPE_BAD_LENGTH"}),
        ("steps", [{"name": "n", "value": 2**53}], {}),
        ("steps", [{"name": "n", "value": "9"}], {"data.choices.0.value": "NUMBER_TYPE_COERCE"}),
        ("model", [], {}),
    ],
)
async def test_choices(rest: Rest, studio: Studio, option: str, choices: Any, errors: dict[str, str]) -> None:
    if not rest.server.document.present:
        pytest.skip("lengths are Discord's document's")
    await rest.register(DRAW)
    typed = asyncio.create_task(studio.ann.autocomplete(studio.art, "draw", option, "1"))
    await asyncio.sleep(0)
    [asked] = rest.server.interactions.values()
    said = await rest.answer(asked, 8, {"choices": choices})
    if errors:
        assert said.errors() == errors
        typed.cancel()
        return
    assert await typed == choices
    assert (await rest.hook("POST", asked, "", {"content": "a"})).code == 10015


async def test_menus_carry_their_message(rest: Rest, studio: Studio) -> None:
    await rest.register(MENU)
    theirs = await studio.ann.says(studio.art, "hello")
    asked = await studio.bob.message_menu(theirs, "Image info")
    data = asked.payload["data"]
    assert data["resolved"]["messages"][data["target_id"]]["content"] == "hello"
    said = await rest.answer(asked, 4, {"content": "a"})
    assert said.body["resource"]["message"]["type"] == 23


async def test_where_the_bot_is_no_member(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    await rest.register(DRAW | {"integration_types": [0, 1], "contexts": [0, 1, 2]})
    foreign = world.guild("Elsewhere", bot=False)
    hall = world.channel(foreign, "hall")
    zoe = world.member(foreign, "zoe")
    zoe.user.installed = True
    asked = await zoe.slash(hall, "draw")
    assert asked.payload["authorizing_integration_owners"] == {"1": str(zoe.id)}
    assert (await rest.post(hall, {"content": "a"})).code == 50001
    assert (await rest.answer(asked, 4, {"content": "a"})).status == 200
    for _ in range(5):
        assert (await rest.hook("POST", asked, "", {"content": "b"})).status == 200
    assert (await rest.hook("POST", asked, "", {"content": "b"})).code == 40094
    assert (await rest.edit(await asked.response(), {"content": "b"})).code == 50001


async def test_where_external_apps_may_not_speak_they_whisper(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    await rest.register(DRAW)
    foreign = world.guild("Elsewhere", bot=False)
    hall = world.channel(foreign, "hall")
    world.overwrite(hall, foreign.everyone, deny=P.EXTERNAL_APPS)
    zoe, yan = world.member(foreign, "zoe"), world.member(foreign, "yan")
    zoe.user.installed = True
    asked = await zoe.slash(hall, "draw")
    assert (await rest.answer(asked, 4, {"content": "a"})).body["interaction"]["response_message_ephemeral"]
    assert (len(zoe.sees(hall)), len(yan.sees(hall))) == (1, 0)


@pytest.mark.parametrize(
    ("installed", "context", "owners"),
    [(False, 1, {"0": "0"}), (True, 1, {"0": "0", "1": "ME"})],
)
async def test_in_conversations(
    rest: Rest, studio: Studio, installed: bool, context: int, owners: dict[str, str]
) -> None:
    await rest.register(DRAW)
    studio.ann.user.installed = installed
    asked = await studio.ann.slash(studio.ann.dm, "draw")
    owners = {key: str(studio.ann.id) if value == "ME" else value for key, value in owners.items()}
    assert (asked.payload["context"], asked.payload["authorizing_integration_owners"]) == (context, owners)
    assert "member" not in asked.payload
    group = rest.server.world.direct(studio.ann.user, studio.bob.user)
    if installed:
        elsewhere = await studio.ann.slash(group, "draw")
        assert (elsewhere.payload["context"], elsewhere.bot_is_member) == (2, False)


async def test_what_an_interaction_says_of_its_place(rest: Rest, studio: Studio) -> None:
    await rest.register(DRAW)
    rest.server.world.overwrite(studio.art, rest.server.world.app.bot, deny=P.ATTACH_FILES)
    asked = await studio.bob.slash(studio.art, "draw")
    payload = asked.payload
    assert (payload["locale"], payload["guild_locale"]) == ("zh-CN", "en-US")
    assert not int(payload["app_permissions"]) & P.ATTACH_FILES
    assert int(payload["member"]["permissions"]) & P.ATTACH_FILES
    assert payload["attachment_size_limit"] == 10 * 2**20
    assert payload["entitlements"] == []
