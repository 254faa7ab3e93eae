"""Registering commands, and what Discord's client then lets people do with them."""

from typing import Any

import pytest

from tests.fakes.discord.messages import File
from tests.fakes.discord.options import ClientRefuses
from tests.fakes.discord.permissions import P
from tests.wire.discord_server.conftest import Rest, Studio, picture


def command(name: str = "imagine", *options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A slash command."""
    return {"name": name, "description": "d", "options": list(options), **more}


def option(kind: int = 3, name: str = "prompt", **more: Any) -> dict[str, Any]:
    """An option."""
    return {"type": kind, "name": name, "description": "d", **more}


def choices(count: int) -> list[dict[str, str]]:
    """Choices of a text option."""
    return [{"name": f"n{n}", "value": f"v{n}"} for n in range(count)]


OPTIONS = "APPLICATION_COMMAND_OPTIONS"
NAME = "APPLICATION_COMMAND_INVALID_NAME"
LONG = [{"name": "n" * 90 + str(number), "value": "v" * 90} for number in range(25)]
MENU = {"name": "Image info", "type": 3}
FORMS: list[tuple[list[dict[str, Any]], dict[str, str]]] = [
    ([command("Imagine")], {"0.name": NAME}),
    ([command("two words")], {"0.name": NAME}),
    ([command("画图")], {}),
    ([command("a" * 33)], {"0.name": "BASE_TYPE_MAX_LENGTH"}),
    ([command(), command(), command("b")], {f"{n}.name": "APPLICATION_COMMANDS_DUPLICATE_NAME" for n in (0, 1)}),
    ([command() | {"description": ""}], {"0.description": "BASE_TYPE_BAD_LENGTH"}),
    ([command() | {"description": "d" * 101}], {"0.description": "BASE_TYPE_MAX_LENGTH"}),
    ([command(name_localizations={"zh-CN": "画图"})], {}),
    ([command(name_localizations={"zh": "画图"})], {"0.name_localizations.zh": "BASE_TYPE_CHOICES"}),
    ([command(name_localizations={"de": "Malen"})], {"0.name_localizations.de": NAME}),
    ([MENU], {}),
    ([MENU | {"description": "d"}], {"0.description": "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION"}),
    ([command("a", option(name="Prompt"))], {"0.options.0.name": NAME}),
    ([command("a", option(), option())], {f"0.options.{n}.name": f"{OPTIONS}_NAME_INVALID" for n in (0, 1)}),
    ([command("a", option(), option(name="b", required=True))], {"0.options.1": f"{OPTIONS}_REQUIRED_INVALID"}),
    ([command("a", *(option(name=f"o{n}") for n in range(26)))], {"0.options": "BASE_TYPE_MAX_LENGTH"}),
    ([command("a", option(choices=choices(25)))], {}),
    ([command("a", option(choices=choices(26)))], {"0.options.0.choices": "BASE_TYPE_MAX_LENGTH"}),
    (
        [command("a", option(choices=choices(2), autocomplete=True))],
        {"0.options.0.autocomplete": f"{OPTIONS}_AUTOCOMPLETE_INVALID"},
    ),
    ([command("a", option(4, min_value=3, max_value=2))], {"0.options.0.min_value": "NUMBER_TYPE_MAX"}),
    ([command("a", option(min_length=3, max_length=2))], {"0.options.0.min_length": "NUMBER_TYPE_MAX"}),
    ([command("a", option(1, "sub"), option())], {"0.options": f"{OPTIONS}_TYPE_INVALID"}),
    ([command("a", option(2, "g", options=[option(1, "s", options=[option()])]))], {}),
    ([command(f"c{n}") for n in range(100)], {}),
    ([command(f"c{n}") for n in range(101)], {"": "BASE_TYPE_MAX_LENGTH"}),
    ([{"name": f"m{n}", "type": 3} for n in range(16)], {"": "BASE_TYPE_MAX_LENGTH"}),
    ([command("a", option(choices=LONG), option(name="b", choices=LONG))], {"0": "APPLICATION_COMMAND_TOO_LARGE"}),
]


@pytest.mark.parametrize(("forms", "errors"), FORMS)
async def test_forms(rest: Rest, studio: Studio, forms: list[Any], errors: dict[str, str]) -> None:
    if not rest.server.document.present:
        pytest.skip("lengths are Discord's document's")
    said = await rest.register(*forms)
    assert said.errors() == errors, said.body
    assert len(rest.server.world.app.commands.get(0, {})) == (0 if errors else len(forms))


async def test_an_overwrite_keeps_what_is_the_same(rest: Rest, studio: Studio) -> None:
    first = (await rest.register(command("a"), command("b"))).body
    second = (await rest.register(command("a"), command("b") | {"description": "new"}, command("c"))).body
    assert [one["id"] for one in second[:2]] == [one["id"] for one in first]
    assert second[0]["version"] == first[0]["version"]
    assert second[1]["version"] != first[1]["version"]
    await rest.register(command("c"))
    path = f"/applications/{rest.server.world.app.id}/commands"
    assert [one["name"] for one in (await rest("GET", path)).body] == ["c"]
    made = await rest("POST", path, command("d"))
    assert made.status == 201
    assert (await rest("POST", path, command("d") | {"description": "other"})).status == 200
    assert (await rest("PATCH", f"{path}/{made.body['id']}", {"description": "x"})).body["description"] == "x"
    assert (await rest("DELETE", f"{path}/{made.body['id']}")).status == 204
    assert (await rest("GET", f"{path}/{made.body['id']}")).code == 10063


async def test_two_hundred_new_names_a_day(rest: Rest, studio: Studio) -> None:
    for batch in range(2):
        await rest.register(*(command(f"c{batch}-{n}") for n in range(100)))
    said = await rest.register(command("one-more"))
    assert (said.status, said.code) == (429, 30034)
    rest.server.clock.advance(24 * 3600 + 1)
    assert (await rest.register(command("one-more"))).status == 200


async def test_commands_of_a_guild(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    path = f"/applications/{world.app.id}/guilds/{studio.guild.id}/commands"
    assert (await rest("PUT", path, [command("local")])).body[0]["guild_id"] == str(studio.guild.id)
    assert set(studio.ann.commands(studio.art)) == {"local"}
    asked = await studio.ann.slash(studio.art, "local")
    assert asked.payload["data"]["guild_id"] == str(studio.guild.id)
    with pytest.raises(ClientRefuses):
        await studio.ann.slash(studio.ann.dm, "local")
    world.kick_bot(studio.guild)
    assert (await rest("GET", path)).code == 10004
    assert studio.ann.commands(studio.art) == {}


async def test_what_is_filled_in_is_checked(rest: Rest, studio: Studio) -> None:
    await rest.register(
        command(
            "imagine",
            option(3, "prompt", required=True, max_length=10),
            option(4, "count", min_value=1, max_value=4),
            option(10, "strength", min_value=0, max_value=1),
            option(3, "aspect", choices=[{"name": "wide", "value": "16:9"}]),
            option(5, "private"),
            option(11, "image"),
            option(6, "who"),
        )
    )
    slash, art = studio.ann.slash, studio.art
    refused: list[dict[str, Any]] = [
        {},
        {"prompt": "a" * 11},
        {"prompt": "a", "count": 5},
        {"prompt": "a", "count": 1.5},
        {"prompt": "a", "strength": 2},
        {"prompt": "a", "aspect": "3:2"},
        {"prompt": "a", "private": 1},
        {"prompt": "a", "image": b"x"},
        {"prompt": "a", "unknown": 1},
    ]
    for given in refused:
        with pytest.raises(ClientRefuses):
            await slash(art, "imagine", options=given)
    with pytest.raises(ClientRefuses):
        await slash(art, "other")
    asked = await slash(
        art, "imagine", prompt="a", aspect="wide", image=File(filename="a.png", data=picture()), who=studio.bob
    )
    data = asked.payload["data"]
    values = {one["name"]: one["value"] for one in data["options"]}
    assert values["aspect"] == "16:9"
    attachment = data["resolved"]["attachments"][values["image"]]
    assert (attachment["width"], attachment["ephemeral"]) == (64, True)
    async with rest._session.get(attachment["url"]) as response:
        assert await response.read() == picture()
    assert data["resolved"]["users"][values["who"]]["username"] == "bob"
    assert values["who"] in data["resolved"]["members"]


async def test_subcommands_by_words(rest: Rest, studio: Studio) -> None:
    await rest.register(command("mod", option(1, "queue"), option(1, "ban", options=[option(6, "who", required=True)])))
    asked = await studio.ann.slash(studio.art, "mod ban", who=studio.bob)
    [sub] = asked.payload["data"]["options"]
    assert (sub["name"], sub["type"], sub["options"][0]["name"]) == ("ban", 1, "who")
    for wrong in ("mod", "mod other"):
        with pytest.raises(ClientRefuses):
            await studio.ann.slash(studio.art, wrong)


async def test_who_may_use_what_where(rest: Rest, studio: Studio) -> None:
    world = rest.server.world
    await rest.register(
        command("mod", default_member_permissions=int(P.MANAGE_MESSAGES)),
        command("adult", nsfw=True),
        command("home", contexts=[0]),
        command("mine", integration_types=[1]),
    )
    assert set(studio.ann.commands(studio.art)) == {"home"}
    moderator = world.member(studio.guild, "mo", roles=(world.role(studio.guild, "mods", P.MANAGE_MESSAGES),))
    assert set(moderator.commands(studio.art)) == {"home", "mod"}
    world.set_age_gate(studio.art, True)
    assert set(studio.ann.commands(studio.art)) == {"home", "adult"}
    assert set(studio.ann.commands(studio.ann.dm)) == {"mod", "adult"}
    studio.ann.user.installed = True
    assert "mine" in studio.ann.commands(studio.art)
    world.overwrite(studio.art, studio.guild.everyone, deny=P.USE_COMMANDS)
    with pytest.raises(ClientRefuses):
        await studio.ann.slash(studio.art, "home")


async def test_what_cannot_be_seen_cannot_be_used(rest: Rest, studio: Studio) -> None:
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go", "disabled": True}]}
    options = [{"label": "Small", "value": "512"}, {"label": "Large", "value": "1024"}]
    select = {"type": 1, "components": [{"type": 3, "custom_id": "size", "options": options}]}
    said = await rest.post(studio.art, {"content": "a", "components": [row, select]})
    message = studio.art.messages[int(said.body["id"])]
    with pytest.raises(ClientRefuses):
        await studio.ann.click(message, "Go")
    with pytest.raises(ClientRefuses):
        await studio.ann.select(message, "size", ["2048"])
    with pytest.raises(ClientRefuses):
        await studio.ann.select(message, "size", ["512", "1024"])
    chosen = await studio.ann.select(message, "size", ["Large"])
    assert chosen.payload["data"]["values"] == ["1024"]
    with pytest.raises(ClientRefuses):
        await rest.server.world.person("stranger").click(message, "Go")
    rest.server.composer.delete(message)
    with pytest.raises(ClientRefuses):
        await studio.ann.select(message, "size", ["512"])
