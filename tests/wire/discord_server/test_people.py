"""What people see and may do, and that the server's checks never break on what they are given."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.discord import payloads
from tests.fakes.discord.calls import Answer, Call
from tests.fakes.discord.checks import complaints, posted_twice, seen_by_others
from tests.fakes.discord.components import check_modal
from tests.fakes.discord.errors import Refusal
from tests.fakes.discord.messages import File
from tests.fakes.discord.options import ClientRefuses
from tests.fakes.discord.permissions import P
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.transcript.page import page
from tests.fakes.discord.validation import SPEC, Document
from tests.wire.discord_server.conftest import Rest, Studio


async def test_messages_are_deleted_by_who_may(rest: Rest, studio: Studio) -> None:
    theirs = await studio.ann.says(studio.art, "hello")
    with pytest.raises(ClientRefuses):
        await studio.bob.delete(theirs)
    world = rest.server.world
    moderator = world.member(studio.guild, "mo", roles=(world.role(studio.guild, "mods", P.MANAGE_MESSAGES),))
    await moderator.delete(theirs)
    assert studio.ann.sees(studio.art) == []
    assert rest.server.history[-1].kind == "delete"


async def test_who_may_not_write_does_not(rest: Rest, studio: Studio) -> None:
    rest.server.world.overwrite(studio.art, studio.guild.everyone, deny=P.SEND_MESSAGES)
    with pytest.raises(ClientRefuses):
        await studio.ann.says(studio.art, "hello")


async def test_what_is_gone_is_seen_by_nobody(rest: Rest, studio: Studio) -> None:
    await studio.ann.says(studio.art, "hello")
    thread = rest.server.world.thread(studio.art, "talk")
    assert studio.bob.latest(studio.art).text == "hello"
    rest.server.world.leave(studio.guild, studio.bob.user)
    assert studio.bob.sees(studio.art) == []
    rest.server.world.delete_channel(studio.art)
    assert not studio.ann.can_see(studio.art)
    assert not studio.ann.can_see(thread)
    with pytest.raises(LookupError):
        studio.ann.latest(studio.art)


async def test_private_threads_are_their_members(rest: Rest, studio: Studio) -> None:
    thread = rest.server.world.thread(studio.art, "secret", owner=studio.ann.user, private=True)
    assert studio.ann.can_see(thread)
    assert not studio.bob.can_see(thread)
    thread.thread_members.add(studio.bob.id)
    assert studio.bob.can_see(thread)


async def test_a_member_in_time_out_only_reads(rest: Rest, studio: Studio) -> None:
    studio.guild.members[studio.ann.id].timed_out_until = rest.server.clock.now() + 60
    assert studio.ann.can_see(studio.art)
    with pytest.raises(ClientRefuses):
        await studio.ann.says(studio.art, "hello")
    rest.server.clock.advance(61)
    await studio.ann.says(studio.art, "hello")


async def test_waiting_in_vain_says_for_what(rest: Rest, studio: Studio) -> None:
    with pytest.raises(AssertionError, match="ann does not see 'hello'"):
        await studio.ann.until_sees(studio.art, "hello", within=0.01)


async def test_uploads_have_safe_names(rest: Rest, studio: Studio) -> None:
    sent = File(filename="../a\u202egnp.exe b.png", data=b"x")
    message = await studio.ann.says(studio.art, files=(sent,))
    assert message.attachments[0].filename == ".._a_gnp.exe_b.png"
    assert message.attachments[0].width is None


async def test_complaints(rest: Rest, studio: Studio) -> None:
    server = rest.server
    body = {"content": "a", "nonce": "n"}
    for _ in range(2):
        await rest.post(studio.art, body, files={"a.png": b"x"})
    await rest.post(studio.art, {"content": "a" * 2001})
    server.faults.status(500)
    await rest.post(studio.art, body)
    await rest("GET", "/channels/1")
    server.world.app.commands[0] = {}
    await rest.register({"name": "draw", "description": "d"})
    await studio.ann.slash(studio.art, "draw")
    server.clock.advance(4)
    found = [complaint.split(":")[0] for complaint in complaints(server, allowed=[50035])]
    assert found == ["against the specification", "refused", "ann got no answer to {'id'"]
    assert [complaint.split()[0] for complaint in posted_twice(server)] == ["file", "nonce"]
    digest = server.history[0].files["a.png"]
    assert seen_by_others(server, digest, [studio.ann.id, studio.guild.owner.id]) == {studio.bob.id}


def test_the_document_is_there_where_it_should_be() -> None:
    if not SPEC.parent.is_dir():
        pytest.skip("the specifications are not at hand")
    document = Document()
    assert document.present
    assert len(document.paths) > 100
    assert document.knows("POST", "/channels/{channel_id}/messages")
    assert not document.knows("POST", "/channels/{channel_id}/gifts")


async def test_what_does_not_exist_is_a_violation(rest: Rest, studio: Studio) -> None:
    assert (await rest("POST", f"/channels/{studio.art.id}/gifts", {})).status == 404
    assert (await rest("GET", "/users/@me/guilds?page=2")).status == (400 if rest.server.document.present else 200)
    assert rest.server.violations[0].path.endswith("/gifts")


async def test_bodies_that_are_no_json(rest: Rest, studio: Studio) -> None:
    url = f"{rest.server.api_base}/channels/{studio.art.id}/messages"
    headers = {"Authorization": f"Bot {rest.server.token}", "Content-Type": "application/json"}
    async with rest._session.post(url, data=b"{", headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)


def part(kind: int, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Components of a type, with some of their fields left out."""
    needed = {
        "components",
        "content",
        "items",
        "media",
        "url",
        "options",
        "style",
        "accessory",
        "file",
        "label",
        "value",
    }
    optional = {name: made for name, made in fields.items() if name not in needed}
    return st.fixed_dictionaries(
        {"type": st.just(kind), **{name: made for name, made in fields.items() if name in needed}}, optional=optional
    )


NAMES = st.sampled_from(["a", "b", "c", "", "x" * 100, "x" * 101])
TEXTS = st.sampled_from(["", " ", "hello", "**b**", "x" * 2000, "x" * 4001])
EMOJI = st.one_of(st.none(), st.fixed_dictionaries({"name": st.sampled_from(["🔄", "U1"])}))
COUNTS = st.one_of(st.none(), st.integers(0, 5))
MEDIA = st.fixed_dictionaries({"url": st.sampled_from(["attachment://a.png", "attachment://b", "https://a.b/c", "x"])})
BUTTON = part(2, style=st.integers(1, 6), label=NAMES, custom_id=NAMES, emoji=EMOJI, url=st.just("https://a.b"))
OPTION = st.fixed_dictionaries({"label": NAMES, "value": NAMES}, optional={"default": st.booleans(), "emoji": EMOJI})
SELECT = part(3, options=st.lists(OPTION, max_size=26), custom_id=NAMES, min_values=COUNTS, max_values=COUNTS)
ROW = part(1, components=st.lists(st.one_of(BUTTON, SELECT), max_size=6))
TEXT = part(10, content=TEXTS, id=COUNTS)
ITEM = st.fixed_dictionaries({"media": MEDIA}, optional={"description": TEXTS, "spoiler": st.booleans()})
GALLERY = part(12, items=st.lists(ITEM, max_size=11))
SECTION = part(9, components=st.lists(TEXT, max_size=4), accessory=st.one_of(BUTTON, part(11, media=MEDIA)))
FILE = part(13, file=MEDIA, spoiler=st.booleans())
LINE = part(14, divider=st.booleans(), spacing=st.integers(1, 2))
INSIDE = st.one_of(ROW, TEXT, GALLERY, SECTION, FILE, LINE)
BOX = part(17, components=st.lists(INSIDE, max_size=6), accent_color=COUNTS, spoiler=st.booleans())
EMBED = st.fixed_dictionaries({}, optional={"title": TEXTS, "description": TEXTS, "footer": part(0, text=TEXTS)})
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXTS,
        "flags": st.sampled_from([0, 4, 64, 1 << 15]),
        "components": st.lists(st.one_of(INSIDE, BOX), max_size=6),
        "embeds": st.lists(EMBED, max_size=2),
        "nonce": st.one_of(st.integers(), st.text(max_size=26)),
        "enforce_nonce": st.booleans(),
    },
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(BODIES)
def test_a_form_is_refused_or_becomes_a_message_as_documented(body: dict[str, Any]) -> None:
    server = FakeDiscord()
    if not server.document.present:
        pytest.skip("shapes are Discord's document's")
    channel = server.world.channel(server.world.guild("Studio"), "art")
    route = "/channels/{channel_id}/messages"
    call = Call(at=0, method="POST", route=route, path=route, params={}, query={}, authorised=True, body=body)
    if server.document.check_request(call):
        return
    sent = {0: File(filename="a.png", data=b"x")}
    try:
        message = server.composer.create(channel, server.world.app.bot, body, sent)
    except Refusal as refusal:
        refused: int = refusal.code
        assert refused in {50035, 50006}
        return
    answer = Answer(body=payloads.message(message, server.world.app, created=True))
    assert server.document.check_answer(call, answer) == {}
    assert page(server, server.world.member(channel.guild, "ann"), channel)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["label", "row", "text"]), max_size=7), st.text(max_size=4))
def test_modals_are_checked_whatever_they_hold(kinds: list[str], label: str) -> None:
    field = {"type": 4, "custom_id": "a", "style": 1, "label": label}
    made = {
        "label": {"type": 18, "label": label, "component": field},
        "row": {"type": 1, "components": [field]},
        "text": {"type": 10, "content": label},
    }
    errors = check_modal({"title": "t", "custom_id": "m", "components": [made[kind] for kind in kinds]})
    assert ("components" in errors) == (not 1 <= len(kinds) <= 5)
