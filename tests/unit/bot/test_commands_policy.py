"""What a community decides by /mod policy, and what comes of it: channels, roles, where results go, adult pictures."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import pytest

from bot.adapter import Command
from bot.replies import Reply
from bot.replies_guide import guide_reply
from bot.texts import Texts
from config.settings import config_dir
from engine.model import Identity, Place, Power
from engine.policies import NAMES, CommunityPolicy, changed_policy, expected, shown_policy
from engine.safety.verdicts import Screening
from engine.studio import Access
from storage.policy import policy_from
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import ADA, BOB, House, open_house

OPERATOR = Identity(platform="fake", id="99", name="Op")
TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}
MOD = {**CLUB, "power": Power.MODERATOR}
ACCESS = Access(operators=frozenset({"fake:99"}), open=True, allowed=frozenset())


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, running=False, access=ACCESS) as house:
        yield house


def read(reply: Reply, locale: str = "en") -> str:
    both = {
        each: "\n".join(TEXTS.format(each, line.key, **line.fields) for line in reply.lines) for each in TEXTS.locales
    }
    return both[locale]


async def policy(house: House, line: str = "", **more: object) -> str:
    return read(await house.ask("mod", f"policy {line}", **{**MOD, **more}))  # type: ignore[arg-type]


async def ask(house: House, line: str = "a red house", **more: object) -> Reply:
    return await house.ask("imagine", line, **{"who": BOB, **CLUB, **more})  # type: ignore[arg-type]


async def test_every_field_is_shown_with_its_value_and_what_it_takes(house: House) -> None:
    lines = (await policy(house)).splitlines()
    for name in NAMES:
        (line,) = [line for line in lines if line.startswith(f"{name} ")]
        assert line.endswith(")"), f"{name} says what it takes"
    assert "nsfw none (allow | spoiler | hold | refuse | none)" in lines
    assert "rules.gore on (on | off)" in lines
    assert "channels none (ID, ID, … | none)" in lines
    assert "allowance none (0–1000000 | none)" in lines


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nsfw hide", "It takes allow | spoiler | hold | refuse | none"),
        ("nsfw spoilr", "The nearest is --nsfw spoiler"),
        ("chanels 1", "Did you mean --channels"),
        ("channels here!", "ID, ID"),
        ("rules.minors off", "There is no flag --rules.minors"),
        ("rules.gore maybe", "on | off"),
        ("defaults.stepz 3", "Did you mean --steps"),
        ("defaults.steps 0", "1"),
        ("caps.sampler euler", "caps."),
        ("caps.steps many", "--steps cannot be “many”"),
        ("max_queued 5000", "The nearest is --max_queued 1000"),
        ("words dragon", "There is no flag --words"),
        ("template nothing", "There is no template"),
    ],
)
async def test_what_is_wrong_is_said_with_the_nearest_right_value(house: House, line: str, said: str) -> None:
    before = await policy(house)
    assert said in await policy(house, line)
    assert await policy(house) == before


def test_a_policy_is_kept_as_it_was_decided() -> None:
    changes = {
        "channels": "<#12>, 34",
        "moderator-role": "<@&5>",
        "nsfw": "hold",
        "rules.gore": "off",
        "defaults.steps": "20",
        "caps.n": "2",
        "result_channel": "#77",
        "payer": "community",
        "allowance": "1.5",
    }
    policy = changed_policy(CommunityPolicy(), changes)
    assert policy_from(json.loads(json.dumps(asdict(policy)))) == policy
    assert (policy.channels, policy.moderator_role, policy.result_channel) == (("12", "34"), ("5",), "77")
    shown = shown_policy(policy)
    assert shown["rules.gore"] == "off"
    assert shown["defaults.steps"] == "20"
    undone = changed_policy(
        policy, {name: "on" if name.startswith("rules") else "none" for name in changes if name != "payer"}
    )
    assert changed_policy(undone, {"payer": "person"}) == CommunityPolicy()
    assert all(expected(name) for name in NAMES)


async def test_pictures_are_made_in_the_channels_that_are_open(house: House) -> None:
    await policy(house, "channels art, gallery")
    assert (await ask(house, chat="art")).jobs
    refused = read(await ask(house, chat="general"))
    assert refused == "Pictures are made in other channels here: art, gallery."
    assert not (await ask(house, "a house --dry", chat="general")).lines[0].key.startswith("quote")
    assert (await ask(house, chat="general", who=OPERATOR)).jobs
    assert (await ask(house, community="", community_name="", chat="dm")).jobs
    await policy(house, "channels none")
    assert (await ask(house, chat="general")).jobs


async def test_whoever_has_the_role_moderates_there(house: House) -> None:
    roles = frozenset({"7", "8"})
    member = {**CLUB, "power": Power.MEMBER, "roles": roles}
    assert "Only the moderators" in read(await house.ask("mod", "queue", **member))  # type: ignore[arg-type]
    await policy(house, "moderator_role 8")
    assert "Nothing waits" in read(await house.ask("mod", "queue", **member))  # type: ignore[arg-type]
    elsewhere = {**member, "community": "own", "community_name": "Own"}
    assert "Only the moderators" in read(await house.ask("mod", "queue", **elsewhere))  # type: ignore[arg-type]
    nobody = {**member, "power": Power.NOBODY}
    assert "Only the moderators" in read(await house.ask("mod", "queue", **nobody))  # type: ignore[arg-type]


async def test_results_go_where_the_community_wants_them(house: House) -> None:
    await policy(house, "result_channel gallery")
    reply = await ask(house, chat="general")
    assert "The result comes in gallery." in read(reply)
    assert (await house.job(reply.jobs[0])).job.place.chat == "gallery"
    reply = await ask(house, chat="gallery")
    assert "comes in" not in read(reply)


@pytest.mark.parametrize(
    ("nsfw", "adult", "screening", "spoiler"),
    [
        ("none", False, Screening.ASKED, False),
        ("hold", False, Screening.ASKED, False),
        ("spoiler", False, Screening.NONE, True),
        ("allow", False, Screening.NONE, False),
        ("hold", True, Screening.NONE, False),
    ],
)
async def test_adult_pictures_are_shown_as_the_place_decides(
    house: House, nsfw: str, adult: bool, screening: Screening, spoiler: bool
) -> None:
    await policy(house, f"nsfw {nsfw}")
    reply = await ask(house, "a nude statue", adult=adult)
    job = (await house.job(reply.jobs[0])).job
    assert (job.screening, job.spoiler, job.flagged) == (screening, spoiler, "sexual")
    assert ("A moderator looks" in read(reply)) == (screening is Screening.ASKED)


async def test_adult_pictures_are_refused_everywhere_where_that_is_decided(house: House) -> None:
    await policy(house, "nsfw refuse")
    for adult in (False, True):
        reply = await ask(house, "a nude statue", adult=adult)
        assert reply.private
        assert read(reply) == "Adult pictures are not shown here. Nothing was charged. (Rule: sexual/en)"
    assert (await ask(house)).jobs


async def test_of_a_result_channel_nobody_knows_whether_all_are_adults(house: House) -> None:
    await policy(house, "nsfw spoiler result_channel gallery")
    reply = await ask(house, "a nude statue", adult=True)
    assert (await house.job(reply.jobs[0])).job.spoiler


async def test_a_category_is_switched_off_and_minors_never_are(house: House) -> None:
    assert "not made here" in read(await ask(house, "a swastika"))
    await policy(house, "rules.hate off rules.sexual off rules.abuse off")
    assert (await ask(house, "a swastika")).jobs
    job = (await house.job((await ask(house, "a nude statue")).jobs[0])).job
    assert (job.screening, job.flagged) == (Screening.NONE, "")
    for words in ("a nude child", "裸体 少女", "n4k3d k1d"):
        for more in ({}, {"adult": True}, {"who": OPERATOR}, {"community": "", "community_name": ""}):
            refused = read(await ask(house, words, **more))
            assert refused.startswith("Nobody who is under age, or looks it, is shown sexually")
            assert words not in refused


async def test_own_words_are_refused_kindly(house: House) -> None:
    assert "No words" in read(await house.ask("mod", "words", **MOD))  # type: ignore[arg-type]
    assert "dragon*" in read(await house.ask("mod", "words add Dragon*", **MOD))  # type: ignore[arg-type]
    refused = read(await ask(house, "two DRAG0NS over a lake"))
    assert refused.startswith("The moderators of this chat have ruled out something that you asked for.")
    assert "ragon" not in refused.lower()
    assert (await ask(house, "two dragons", community="own", community_name="Own")).jobs
    assert "The nearest is --words dragon*" in read(await house.ask("mod", "words remove dragn*", **MOD))  # type: ignore[arg-type]
    assert "No words" in read(await house.ask("mod", "words remove dragon*", **MOD))  # type: ignore[arg-type]
    assert (await ask(house, "two dragons")).jobs
    assert "list | add | remove" in read(await house.ask("mod", "words sing", **MOD))  # type: ignore[arg-type]
    assert "Only the moderators" in read(await house.ask("mod", "words add x*y", **CLUB))  # type: ignore[arg-type]
    assert "rule out" in read(await house.ask("mod", "audit", **MOD))  # type: ignore[arg-type]


async def test_refusals_are_counted_by_category_and_not_by_words(house: House) -> None:
    await ask(house, "a nude child")
    await ask(house, "a swastika")
    tallies = await house.deliveries.tallies()
    assert (tallies["refused-minors"], tallies["refused-hate"]) == (1, 1)
    assert await house.books.jobs(limit=5) == ()


async def test_every_way_to_ask_is_looked_at(house: House) -> None:
    """A style, a suffix, a LoRA's name, an embedding, what is not wanted, and a picture that it is made from."""
    await house.ask("prefer", "style set s naked", who=BOB)
    await house.ask("prefer", "suffix erotic", who=BOB)
    for line in (
        "a toddler --style s",
        "a toddler",
        "a woman <lora:KidNude:0.8>",
        "a portrait, embedding:loli_nude",
        "a child --no clothes",
    ):
        reply = await ask(house, line)
        assert reply.lines[0].key in ("error-unsafe", "error-unsupported-option", "error-unknown-choice"), line
        if reply.lines[0].key == "error-unsafe":
            assert reply.lines[0].fields["category"] == "minors"


async def test_who_is_not_served_reads_what_an_operator_has_to_write(tmp_path: Path) -> None:
    access = Access(operators=frozenset(), open=False, allowed=frozenset({"fake:club", "fake:2"}))
    async with open_house(tmp_path, running=False, access=access) as house:
        assert (await ask(house)).jobs
        assert (await ask(house, community="", community_name="")).jobs
        refused = read(await ask(house, community="other", community_name="Other"))
        assert "they add “fake:other” to “allowlist” in the settings" in refused
        refused = read(await ask(house, who=ADA, community="", community_name=""))
        assert "“fake:1”" in refused


def test_the_guide_is_three_steps() -> None:
    told = read(guide_reply("discord:42", served=False))
    assert "“discord:42”" in told
    assert [line[:2] for line in told.splitlines()[1:]] == ["1.", "2.", "3."]
    assert "allowlist" not in read(guide_reply("discord:42", served=True))


async def test_operators_drain_and_enable_endpoints_over_restarts(tmp_path: Path) -> None:
    ends = [FakeEndpoint(slots=2)]
    name = ends[0].name
    async with open_house(tmp_path, access=ACCESS, endpoints=ends) as house:
        await house.studio.until_ready(5)
        assert "Only the operators" in read(await house.ask("backend", "list", **MOD))  # type: ignore[arg-type]
        assert f"{name} · ready · 0/2" in read(await house.ask("backend", "list", who=OPERATOR))
        assert "There is no" in read(await house.ask("backend", "drian x", who=OPERATOR))
        assert "gets nothing new" in read(await house.ask("backend", f"drain {name}", who=OPERATOR))
        assert "already" in read(await house.ask("backend", f"drain {name}", who=OPERATOR))
        waiting = (await ask(house)).jobs[0]
    async with open_house(tmp_path, access=ACCESS, endpoints=[FakeEndpoint(slots=2)]) as house:
        await house.studio.until_ready(5)
        assert f"{name} · drained: nothing new" in read(await house.ask("backend", "list", who=OPERATOR))
        waits = await house.ask("show", waiting, who=BOB, **CLUB)  # type: ignore[arg-type]
        assert "why-endpoint-away" in [line.key for line in waits.lines]
        assert "gets work again" in read(await house.ask("backend", f"enable {name}", who=OPERATOR))
        assert (await house.ended(waiting)).job.status == "done"


async def test_models_and_loras_say_what_they_are(house: House) -> None:
    await house.studio.until_ready(5)
    assert "atelier-tiny.safetensors — the built-in small model" in read(await house.ask("models"))
    assert (await house.ask("loras")).lines[0].key in ("loras-title", "loras-empty")


async def test_an_operator_on_their_own_needs_no_moderator(house: House) -> None:
    alone = {"who": OPERATOR, "community": "", "community_name": ""}
    job = (await house.job((await ask(house, "a nude statue", **alone)).jobs[0])).job
    assert (job.screening, job.place.adult) == (Screening.NONE, True)
    job = (await house.job((await ask(house, "a nude statue", who=OPERATOR)).jobs[0])).job
    assert job.screening is Screening.ASKED


async def test_a_chat_is_for_adults_where_its_place_says_so(house: House) -> None:
    place = Place(platform="fake", chat="adult", adult=True)
    reply = await house.commands.handle(
        Command(name="imagine", identity=BOB, place=place, key="k", line="a nude statue", community="club")
    )
    assert (await house.job(reply.jobs[0])).job.screening is Screening.NONE
