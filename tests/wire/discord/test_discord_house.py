"""A whole house on Discord: what members do and see, from the prompt to the pictures, restarts included."""

from pathlib import Path

from tests.fakes.discord.messages import Message
from tests.fakes.discord.people import Person
from tests.fakes.discord.permissions import P
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Channel
from tests.fakes.endpoint import Hang
from tests.wire.discord.conftest import Home, housed


async def drawn(
    home: Home, who: Person, channel: Channel, prompt: str, pictures: int = 1, **options: object
) -> Message:
    """Draw something; gives the message with the result."""
    before = set(who.sees(channel))
    await (await who.slash(channel, "imagine", prompt=prompt, **options)).ack()  # type: ignore[arg-type]

    def shown() -> Message | None:
        new = [message for message in who.sees(channel) if message not in before and message.private_to is None]
        return next((message for message in new if len(message.pictures()) == pictures), None)

    message: Message = await home.server.until(shown, within=30.0, what=f"no pictures of {prompt}")
    return message


def job_of(message: Message) -> str:
    """The job that a message shows."""
    return str(message.controls()[0]["custom_id"]).split(":")[1]


async def test_a_prompt_becomes_one_message_with_its_pictures(home: Home) -> None:
    ann, bob = (home.server.world.member(home.guild, name) for name in ("ann", "bob"))
    message = await drawn(home, ann, home.art, "a red house", 4, count=4)
    assert "**a red house**" in message.text
    assert ann.mention in message.text
    assert bob.sees(home.art) == [message]
    assert [part.get("label") for part in message.controls()][:4] == ["U1", "U2", "U3", "U4"]
    await home.server.until(lambda: ann.sees(home.art) == [message])


async def test_buttons_make_new_jobs_and_private_answers(home: Home) -> None:
    ann, bob = (home.server.world.member(home.guild, name) for name in ("ann", "bob"))
    message = await drawn(home, ann, home.art, "a red house")
    await (await bob.click(message, "🔄")).ack()
    await home.server.until(lambda: sum(bool(m.pictures()) for m in home.art.messages.values()) == 2, within=30.0)
    assert home.house.endpoints[0].runs[0].graph != home.house.endpoints[0].runs[1].graph
    info = await (await bob.click(message, "📋")).response()
    assert info.private_to is bob.user
    files = await (await bob.click(message, f"originals:{job_of(message)}:0")).response()
    assert len(files.attachments) == 1
    refused = await (await bob.click(message, "🗑️")).response()
    assert refused.private_to is bob.user
    assert message.pictures()


async def test_old_results_answer_after_a_restart(server: FakeDiscord, tmp_path: Path) -> None:
    async with housed(server, tmp_path) as home:
        ann = server.world.member(home.guild, "ann")
        message = await drawn(home, ann, home.art, "a red house")
    async with housed(server, tmp_path) as home:
        dialog = await (await ann.click(message, "✏️")).dialog()
        assert dialog.fields()["prompt"]["value"] == "a red house"
        await (await ann.submit_modal(dialog, {"prompt": "a blue house"})).ack()
        await home.server.until(
            lambda: any("a blue house" in m.text and m.pictures() for m in home.art.messages.values()), within=30.0
        )


async def test_a_private_result_is_seen_by_its_owner_alone(home: Home) -> None:
    ann, bob = (home.server.world.member(home.guild, name) for name in ("ann", "bob"))
    await (await ann.slash(home.art, "imagine", prompt="a secret", private=True)).response()
    await home.server.until(lambda: any(message.pictures() for message in ann.sees(ann.dm)), within=30.0)
    assert bob.sees(home.art) == []
    assert not any(message.pictures() for message in home.art.messages.values())


async def test_wrong_flags_and_odd_prompts_are_answered_privately(home: Home) -> None:
    ann, bob = (home.server.world.member(home.guild, name) for name in ("ann", "bob"))
    said = await (await ann.slash(home.art, "imagine", prompt="a cat --stepz 9")).response()
    assert "steps" in said.text
    said = await (await ann.slash(home.art, "imagine", prompt="x" * 6_000)).response()
    assert said.private_to is ann.user
    assert bob.sees(home.art) == []


async def test_lists_name_everybody_by_their_own_name(home: Home) -> None:
    mods = home.server.world.role(home.guild, "Mods", P.MANAGE_GUILD)
    ann, mod = (home.server.world.member(home.guild, name) for name in ("ann", "mod"))
    mod = home.server.world.member(home.guild, "mod", roles=(mods,))
    home.house.endpoints[0].script.append(Hang())
    await (await ann.slash(home.art, "imagine", prompt="a red house")).ack()
    await home.server.until(lambda: any(mod.sees(home.art)), within=30.0)
    assert ann.mention in mod.latest(home.art).text
    said = await (await mod.slash(home.art, "mod queue")).response()
    assert "ann" in said.text
    assert mod.mention not in said.text
