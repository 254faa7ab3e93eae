"""discord.py connects, registers a command, answers it and posts a card."""

import io

import discord

from tests.fakes.discord.server import FakeDiscord
from tests.wire.discord_server.conftest import Bot, picture, started


class Card(discord.ui.LayoutView):
    """A job's message, as the real adapter builds it."""

    def __init__(self, text: str, *, done: bool = False) -> None:
        super().__init__(timeout=None)
        box: discord.ui.Container[Card] = discord.ui.Container(accent_colour=discord.Colour.blurple())
        box.add_item(discord.ui.TextDisplay(text))
        if done:
            gallery: discord.ui.MediaGallery[Card] = discord.ui.MediaGallery()
            gallery.add_item(media="attachment://cat.png", description="a cat", spoiler=True)
            box.add_item(gallery)
        row: discord.ui.ActionRow[Card] = discord.ui.ActionRow()
        row.add_item(discord.ui.Button(label="Cancel", custom_id="cancel:1", style=discord.ButtonStyle.danger))
        box.add_item(row)
        self.add_item(box)


async def test_a_command_becomes_a_card_with_a_picture(server: FakeDiscord) -> None:
    guild = server.world.guild("Studio")
    art = server.world.channel(guild, "art")
    ann, bob = (server.world.member(guild, name) for name in ("ann", "bob"))
    bot = Bot()

    @bot.tree.command(description="Draw")
    async def imagine(interaction: discord.Interaction, prompt: str) -> None:
        await interaction.response.defer(ephemeral=True)
        assert interaction.channel is not None
        message = await interaction.channel.send(view=Card(f"Queued: {prompt}"), nonce="job-1")  # type: ignore[union-attr]
        await message.edit(
            view=Card(f"**{prompt}**", done=True), attachments=[discord.File(io.BytesIO(picture()), "cat.png")]
        )
        await interaction.edit_original_response(content="accepted")

    async with started(bot, bot.up.wait):
        asked = await ann.slash(art, "imagine", prompt="a cat")
        await asked.ack()
        assert (await asked.response()).text == "accepted"
        [card, private] = sorted(ann.sees(art), key=lambda m: m.private_to is not None)
        assert card.text == "**a cat**"
        assert len(card.pictures()) == 1
        assert card.media()[0]["media"]["width"] == 64
        assert private.private_to is ann.user
        assert bob.sees(art) == [card]
        assert card.control("Cancel")["custom_id"] == "cancel:1"
    assert bot.failures == []
    assert server.violations == []
    assert server.refused() == []
    assert server.limits.overruns == []
    assert server.document.checked > 0 or not server.document.present
