"""discord.py and people: a small bot with every kind of control, and what each of them sees."""

import io
from pathlib import Path
from typing import Any

import discord
from discord import app_commands, ui

from tests.fakes.discord.messages import File
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.transcript.page import page, write
from tests.fakes.discord.transcript.screenshot import screenshot
from tests.wire.discord_server.conftest import Bot, Studio, picture, started


class Again(ui.DynamicItem[ui.Button[Any]], template=r"again:(?P<job>\w+)"):
    """A button that works after a restart."""

    def __init__(self, job: str) -> None:
        super().__init__(ui.Button(label="Again", custom_id=f"again:{job}", emoji="🔄"))
        self.job = job

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: Any, match: Any, /) -> "Again":
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Remix(self.job))


class Remix(ui.Modal, title="Remix"):
    """A dialog."""

    prompt: ui.Label[Any] = ui.Label(text="Prompt", component=ui.TextInput(default="a cat", max_length=100))
    size: ui.Label[Any] = ui.Label(
        text="Size",
        component=ui.Select(options=[discord.SelectOption(label=size) for size in ("512", "768")]),
    )

    def __init__(self, job: str) -> None:
        super().__init__(custom_id=f"remix:{job}")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        prompt, size = self.prompt.component, self.size.component
        assert isinstance(prompt, ui.TextInput)
        assert isinstance(size, ui.Select)
        await interaction.response.send_message(f"{prompt.value} at {size.values[0]}", ephemeral=True)


class Panel(ui.LayoutView):
    """A private panel with a select."""

    row: ui.ActionRow[Any] = ui.ActionRow()

    @row.select(placeholder="Model", custom_id="model", options=[discord.SelectOption(label=x) for x in ("tiny", "xl")])
    async def model(self, interaction: discord.Interaction, select: ui.Select[Any]) -> None:
        chosen = select.values[0]
        self.add_item(ui.TextDisplay(f"Model: **{chosen}**"))
        await interaction.response.edit_message(view=self)


class Card(ui.LayoutView):
    """The message of a job."""

    def __init__(self, text: str, names: tuple[str, ...] = ()) -> None:
        super().__init__(timeout=None)
        box: ui.Container[Any] = ui.Container(ui.TextDisplay(text), accent_colour=discord.Colour.green())
        if names:
            items = [discord.MediaGalleryItem(f"attachment://{name}", description="a cat") for name in names]
            box.add_item(ui.MediaGallery(*items))
        box.add_item(ui.Separator())
        row: ui.ActionRow[Any] = ui.ActionRow(Again("j1"))
        row.add_item(ui.Button(label="Delete", custom_id="delete:j1", style=discord.ButtonStyle.danger, disabled=True))
        box.add_item(row)
        box.add_item(ui.TextDisplay("-# job j1 · 3.1 credits · <t:1790000000:R>"))
        self.add_item(box)


class Evening(Bot):
    """The bot."""

    def __init__(self) -> None:
        super().__init__()
        self.add_dynamic_items(Again)

        @self.tree.command(description="Draw")
        @app_commands.allowed_installs(guilds=True, users=True)
        @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
        async def imagine(
            interaction: discord.Interaction,
            prompt: app_commands.Range[str, 1, 200],
            image: discord.Attachment | None = None,
            model: str = "tiny",
        ) -> None:
            await interaction.response.defer(ephemeral=True)
            size = len(await image.read()) if image else 0
            view = Card(f"**{prompt}** with {model}, {size} bytes — {interaction.user.mention}", ("a.png", "b.png"))
            drawn = {"a.png": picture("teal", (256, 256)), "b.png": picture("navy", (256, 256))}
            files = [discord.File(io.BytesIO(data), name) for name, data in drawn.items()]
            mentions = discord.AllowedMentions(users=[interaction.user])
            if interaction.is_guild_integration() and interaction.channel is not None:
                await interaction.channel.send(view=view, files=files, allowed_mentions=mentions)  # type: ignore[union-attr]
            else:
                await interaction.followup.send(view=view, files=files, allowed_mentions=mentions)
                return
            await interaction.edit_original_response(content=str(interaction.locale))

        @imagine.autocomplete("model")
        async def models(_: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            found = [name for name in ("tiny", "tinier", "xl") if name.startswith(typed)]
            return [app_commands.Choice(name=name, value=name) for name in found]

        @self.tree.command(description="Tweak")
        async def tweak(interaction: discord.Interaction) -> None:
            await interaction.response.send_message(view=Panel(), ephemeral=True)

        @self.tree.context_menu(name="Image info")
        async def info(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"{len(message.components)} components", ephemeral=True)


async def test_an_evening(server: FakeDiscord, studio: Studio, tmp_path: Path) -> None:
    ann, bob, art = studio.ann, studio.bob, studio.art
    bot = Evening()
    async with started(bot, bot.up.wait):
        choices = await ann.autocomplete(art, "imagine", "model", "ti", prompt="a")
        assert [choice["value"] for choice in choices] == ["tiny", "tinier"]
        sent = File(filename="in.png", data=picture())
        asked = await bob.slash(art, "imagine", prompt="a cat <b>", image=sent, model="tiny")
        assert (await asked.response()).text == "zh-CN"
        card = await ann.until_sees(art, "a cat")
        assert f"{len(sent.data)} bytes" in card.text
        assert (card.pinged, len(card.pictures())) == ([bob.user], 2)
        pressed = await ann.click(card, "🔄 Again")
        dialog = await pressed.dialog()
        assert dialog.title == "Remix"
        [prompt, size] = dialog.fields()
        submitted = await ann.submit_modal(dialog, {prompt: "a dog", size: ["768"]})
        assert (await submitted.response()).text == "a dog at 768"
        panel = await (await ann.slash(art, "tweak")).response()
        await (await ann.select(panel, "Model", ["xl"])).ack()
        assert "Model: **xl**" in panel.text
        about = await (await ann.message_menu(card, "Image info")).response()
        assert about.text == "1 components"
        assert [m.private_to for m in bob.sees(art)] == [bob.user, None]
        for name, viewer in (("ann", ann), ("bob", bob)):
            write(tmp_path, name, page(server, viewer, art))
        write(tmp_path, "dialog", page(server, ann, art, open_dialog=dialog, filled_in={prompt: "a dog <i>"}))
    shown = {name: (tmp_path / f"{name}.html").read_text() for name in ("ann", "bob", "dialog")}
    assert "a dog at 768" in shown["ann"]
    assert "a dog at 768" not in shown["bob"]
    assert "<b>" not in shown["ann"].split("<main>")[1].split("a cat")[1][:10]
    assert "a dog &lt;i&gt;" in shown["dialog"]
    assert "only you can see this" not in shown["bob"].lower()  # in his language
    assert "仅您可见" in shown["bob"]
    taken = await screenshot(tmp_path / "ann.html")
    assert taken is None or taken.stat().st_size > 10_000
    assert bot.failures == []
    assert [str(violation) for violation in server.violations] == []
    assert server.refused() == []
    assert server.limits.overruns == []


async def test_where_only_the_user_installed_it(server: FakeDiscord, studio: Studio) -> None:
    foreign = server.world.guild("Elsewhere", bot=False)
    hall = server.world.channel(foreign, "hall")
    zoe = server.world.member(foreign, "zoe")
    zoe.user.installed = True
    bot = Evening()
    async with started(bot, bot.up.wait):
        asked = await zoe.slash(hall, "imagine", prompt="a cat")
        assert len((await asked.response()).pictures()) == 2
        direct = await zoe.slash(zoe.dm, "imagine", prompt="a dog")
        await server.until(lambda: [m for m in zoe.sees(zoe.dm) if m.pictures()])
        assert direct.bot_is_member
    assert bot.failures == []
    assert server.violations == []


async def test_buttons_of_before_a_restart(server: FakeDiscord, studio: Studio) -> None:
    for turn in range(2):
        bot = Evening()
        async with started(bot, bot.up.wait):
            if turn == 0:
                await (await studio.ann.slash(studio.art, "imagine", prompt="a cat")).response()
            else:
                card = next(m for m in studio.bob.sees(studio.art) if m.is_v2)
                dialog = await (await studio.bob.click(card, "again:j1")).dialog()
                assert dialog.form["custom_id"] == "remix:j1"
    assert server.violations == []
