"""A hostile member's list, against a whole house: each gets a refusal, privately, and nothing else."""

import io
import struct
import zipfile
import zlib

import pytest

from tests.fakes.discord.messages import File
from tests.fakes.discord.permissions import P
from tests.fakes.endpoint import Hang
from tests.wire.discord.conftest import Home
from tests.wire.discord.test_discord_house import drawn, job_of
from tests.wire.scripted import picture


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, and whose body would be a bomb."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(10_000_000))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def zipped() -> bytes:
    """A zip of a great many zeros, by a picture's name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(50_000_000))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [claimed(30_000, 30_000), zipped(), picture()[:-20] + b"x" * 20, b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b""],
    ids=["30,000 pixels", "zip bomb", "damaged", "only a head", "only a head of WebP", "empty"],
)
async def test_pictures_that_are_none_reach_no_endpoint(home: Home, data: bytes) -> None:
    ann = home.server.world.member(home.guild, "ann")
    file = File(filename="a.png", data=data)
    said = await (await ann.slash(home.art, "img2img", image=file, prompt="a cat")).response()
    assert said.private_to is ann.user
    assert "“image”" in said.text
    assert home.art.messages == {}
    assert home.house.endpoints[0].runs == []


async def test_another_guilds_jobs_are_nobodys_here(home: Home) -> None:
    world = home.server.world
    ann = world.member(home.guild, "ann")
    message = await drawn(home, ann, home.art, "a red house")
    home.house.endpoints[0].script.append(Hang())
    await (await ann.slash(home.art, "imagine", prompt="a slow one")).ack()
    await home.server.until(lambda: len(home.art.messages) == 2, within=30.0)
    running = job_of(list(home.art.messages.values())[-1])
    lair = world.guild("Lair", owner="mallory")
    den = world.channel(lair, "den")
    bosses = world.role(lair, "Bosses", P.ADMINISTRATOR)
    mallory = world.member(lair, "mallory", roles=(bosses,))
    for command, options in (
        ("show", {"job": job_of(message)}),
        ("cancel", {"job": running}),
        ("vary", {"job": job_of(message)}),
        ("mod cancel", {"job": running}),
        ("mod move", {"job": running}),
        ("mod hold", {"job": running}),
        ("mod refund", {"job": job_of(message)}),
    ):
        said = await (await mallory.slash(den, command, options=options)).response()
        assert said.private_to is mallory.user
        assert not said.pictures(), command
        assert "no job" in said.text, command
    for verb in ("pause", "resume"):
        said = await (await mallory.slash(den, f"mod {verb}")).response()
        assert "operator" in said.text.lower()
    said = await (await mallory.slash(den, "mod mint", person=f"discord:{mallory.id}", credits=1000.0)).response()
    assert "operator" in said.text.lower()
    empty = await (await mallory.slash(den, "mod queue")).response()
    assert "slow" not in empty.text


async def test_other_peoples_buttons_do_what_everybody_may_and_no_more(home: Home) -> None:
    world = home.server.world
    ann, bob = (world.member(home.guild, name) for name in ("ann", "bob"))
    home.house.endpoints[0].script.append(Hang())
    await (await ann.slash(home.art, "imagine", prompt="a slow one")).ack()
    await home.server.until(lambda: home.art.messages, within=30.0)
    (card,) = home.art.messages.values()
    said = await (await bob.click(card, "Cancel")).response()
    assert said.private_to is bob.user
    assert "Cancel" in [part.get("label") for part in card.controls()]
    hers = await (await ann.click(card, "Cancel")).response()
    assert job_of(card) in hers.text or "cancelled" in hers.text.lower()


async def test_ids_from_elsewhere_are_not_believed(home: Home) -> None:
    """A message of somebody else's that looks like ours; ids of other jobs on a message of ours."""
    world = home.server.world
    ann, bob = (world.member(home.guild, name) for name in ("ann", "bob"))
    message = await drawn(home, ann, home.art, "a red house")
    for custom_id in ("cancel:aaaaaaaaaaaaaaaa:0", f"delete:{job_of(message)}:9", f"upscale:{job_of(message)}:99"):
        said = await (await bob.forge(message, custom_id)).response()
        assert said.private_to is bob.user
    assert message.pictures()
    said = await bob.says(home.art, f"upscale:{job_of(message)}:1")
    told = await (await ann.message_menu(said, "Image info")).response()
    assert "no picture of Atelier" in told.text


@pytest.mark.parametrize(
    "prompt",
    ["a cat --steps 9999999", "a cat --seed -1", "a cat --size 100000x100000", "a cat --n 400", "a cat --cfg nan"],
)
async def test_options_out_of_range_are_refused_with_their_range(home: Home, prompt: str) -> None:
    ann = home.server.world.member(home.guild, "ann")
    said = await (await ann.slash(home.art, "imagine", prompt=prompt)).response()
    assert said.private_to is ann.user
    assert "cannot be" in said.text
    assert home.art.messages == {}
