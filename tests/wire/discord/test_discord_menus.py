"""What Discord's client shows: commands with their help and choices, message menus, and completions."""

import json
from dataclasses import replace
from pathlib import Path

from bot.catalog import COMMANDS
from bot.discord import ids
from bot.replies import Button
from bot.targets import Target
from bot.template_commands import template_commands
from config.settings import config_dir
from engine.workflows.library import Library
from tests.fakes.discord.messages import File
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Kind
from tests.wire.discord.conftest import Stage, staged
from tests.wire.discord.test_discord_delivery import JOB, place, result
from tests.wire.scripted import picture


async def test_every_command_of_the_catalog_is_offered(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    offered = ann.commands(stage.art)
    assert set(offered) == {command.name for command in COMMANDS}
    assert len(offered) >= 14
    imagine = offered["imagine"]
    assert imagine["description_localizations"]["zh-CN"] != imagine["description"]
    options = {option["name"]: option for option in imagine["options"]}
    assert options["prompt"]["required"]
    assert (options["count"]["min_value"], options["count"]["max_value"]) == (1, 4)
    assert options["model"]["autocomplete"]
    assert options["image"]["type"] == 11
    verbs = {verb["name"] for verb in offered["mod"]["options"]}
    assert {"queue", "cancel", "ban", "policy"} <= verbs
    ban = next(verb for verb in offered["mod"]["options"] if verb["name"] == "ban")
    assert next(option for option in ban["options"] if option["name"] == "person")["type"] == 6
    assert set(ann.menus(stage.art)) == {"Image info", "Upscale", "Use as input", "Report"}


async def test_moderators_commands_are_a_guilds_own(stage: Stage) -> None:
    eve = stage.server.world.person("eve", installed=True)
    group = stage.server.world.guild("Elsewhere", bot=False)
    lobby = stage.server.world.channel(group, "lobby")
    stage.server.world._join(group, eve.user)
    assert "imagine" in eve.commands(lobby)
    assert "mod" not in eve.commands(lobby)
    assert "imagine" in eve.commands(eve.dm)


async def test_commands_are_told_once_and_stale_ones_go_away(server: FakeDiscord, tmp_path: Path) -> None:
    def told() -> int:
        return sum(call.method == "PUT" and "commands" in call.route for call in server.log)

    templates = template_commands(_own(tmp_path / "mine"))
    async with staged(server, tmp_path, templates=templates) as stage:
        ann = server.world.member(stage.guild, "ann")
        assert told() == 1
        assert "poster" in ann.commands(stage.art)
    async with staged(server, tmp_path, templates=templates):
        assert told() == 1
    async with staged(server, tmp_path) as stage:
        assert told() == 2
        assert "poster" not in ann.commands(stage.art)
    async with staged(server, tmp_path, shard_count=2, shard_ids=(1,)):
        assert told() == 2, "only the owner of the first shard tells them"


def _own(folder: Path) -> tuple:  # type: ignore[type-arg]
    """A community's template: a built-in one by another name, with a slot of its own."""
    home = folder / "poster"
    home.mkdir(parents=True)
    source = config_dir() / "workflows" / "img2img"
    graph = json.loads((source / "workflow.json").read_text())
    (home / "workflow.json").write_text(json.dumps(graph))
    slots = (source / "template.toml").read_text().replace('title = "', 'title = "Poster, ', 1)
    (home / "template.toml").write_text(slots)
    return Library.load([folder]).all()


async def test_a_communitys_template_is_a_command_with_its_slots(server: FakeDiscord, tmp_path: Path) -> None:
    templates = template_commands(_own(tmp_path / "mine"))
    async with staged(server, tmp_path, templates=templates) as stage:
        ann = server.world.member(stage.guild, "ann")
        options = {option["name"]: option for option in ann.commands(stage.art)["poster"]["options"]}
        assert options["prompt"]["required"]
        assert options["image"]["type"] == 11
        assert (options["steps"]["min_value"], options["steps"]["max_value"]) == (1, 60)
        assert options["model"]["autocomplete"]
        data = picture()
        file = File(filename="a.png", data=data)
        await (await ann.slash(stage.art, "poster", prompt="a cat", image=file, steps=30)).response()
        (command,) = stage.handler.asked
        assert command.name == "imagine"
        assert command.line == "a cat --steps 30 --template poster"
        assert dict(command.images) == {"image": data}


async def test_menus_find_the_job_that_a_message_shows(stage: Stage) -> None:
    ann = stage.server.world.member(stage.guild, "ann")
    rows = ((Button(action="reroll", job_id=JOB),),)
    await stage.adapter.post(place(stage), replace(result(picture()), buttons=rows), nonce="n1")
    shown = ann.latest(stage.art)
    for name, action in (("Image info", "info"), ("Report", "report"), ("Upscale", "upscale")):
        await (await ann.message_menu(shown, name)).response()
        command = stage.handler.asked.pop()
        assert (command.name, command.line) == (action, (JOB, "0"))


async def test_menus_take_pictures_of_other_messages_but_no_job_from_them(stage: Stage) -> None:
    ann, bob = (stage.server.world.member(stage.guild, name) for name in ("ann", "bob"))
    data = picture()
    said = await bob.says(stage.art, "look", files=(File(filename="a.png", data=data),))
    await (await ann.message_menu(said, "Upscale")).response()
    assert dict(stage.handler.asked.pop().images) == {"image": data}
    dialog = await (await ann.message_menu(said, "Use as input")).dialog()
    await (await ann.submit_modal(dialog, {"line": "as a drawing --seed 3"})).response()
    command = stage.handler.asked.pop()
    assert (command.name, command.line, dict(command.images)) == ("img2img", "as a drawing --seed 3", {"image": data})
    assert "no picture of Atelier" in (await (await ann.message_menu(said, "Report")).response()).text
    empty = await bob.says(stage.art, "hello")
    assert "no picture that" in (await (await ann.message_menu(empty, "Upscale")).response()).text
    assert stage.handler.asked == []


def test_ids_are_read_as_they_are_written() -> None:
    target = Target(action="tweak", job_id=JOB, index=2)
    assert ids.read(target.id) == ids.Pressed(target=target)
    written = ids.do_id("make", target, {"cfg": "7.5", "steps": ""})
    assert written is not None
    assert ids.read(written) == ids.Done(what="make", target=target, filled={"cfg": "7.5", "steps": ""})
    assert ids.do_id("make", target, {"cfg": "a;b"}) is None
    assert ids.do_id("make", target, {"cfg": "7" * 90}) is None
    for wrong in ("", ":", "upscale:short:1", f"UP:{JOB}:1", f"upscale:{JOB}:-1", f"upscale:{JOB}:1:2", "x" * 101):
        assert ids.read(wrong) is None
    assert Kind.TEXT == 0
