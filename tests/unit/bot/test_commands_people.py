"""/mod, /statement and /privacy, as people type them, over a whole house."""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from bot.replies import Reply, Tone
from bot.texts import Texts
from config.settings import config_dir
from engine.model import Identity, JobStatus, Power
from engine.studio import Access
from tests.fakes.house import ADA, BOB, House, open_house

OPERATOR = Identity(platform="fake", id="99", name="Op")
TEXTS = Texts.load(config_dir() / "locales")
CLUB = {"community": "club", "community_name": "Club"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    access = Access(operators=frozenset({"fake:99"}), open=True, allowed=frozenset())
    async with open_house(tmp_path, running=False, access=access) as house:
        yield house


def read(reply: Reply, locale: str = "en") -> str:
    """What people read of a reply."""
    return "\n".join(TEXTS.format(locale, line.key, **line.fields) for line in reply.lines)


async def mod(house: House, line: str, *, who: Identity = ADA, power: Power = Power.MODERATOR, **more: object) -> str:
    """Give a /mod command as a moderator of the club; what is said in both languages is there."""
    reply = await house.ask("mod", line, who=who, **{"power": power, **CLUB, **more})
    assert reply.private
    assert read(reply, "zh-CN")
    return read(reply)


async def draw(house: House, *, who: Identity = BOB, words: str = "a red house", **more: object) -> str:
    """Ask for a picture in the club and give the job's id."""
    reply = await house.ask("imagine", words, who=who, **{**CLUB, **more})
    assert reply.jobs, read(reply)
    return reply.jobs[0]


async def test_members_moderate_nothing(house: House) -> None:
    assert await mod(house, "queue", power=Power.MEMBER) == (
        "Only the moderators of a chat may do that, and there only."
    )
    assert "/mod VERB" not in read(await house.ask("help"))
    listed = read(await house.ask("help", "mod", power=Power.MODERATOR, **CLUB))
    assert "/mod ban" in listed
    assert "/mod mint" not in listed
    assert "Did you mean “mod ban”" in await mod(house, "bann")
    assert "There is no command “mod”" in await mod(house, "")


async def test_a_platform_makes_nobody_an_operator(house: House) -> None:
    assert "Only the operators" in await mod(house, "mint fake:1 5", power=Power.OPERATOR)


async def test_the_queue_is_seen_moved_held_and_cleared(house: House) -> None:
    assert await mod(house, "queue") == "Nothing waits or runs here."
    first, second, third = [await draw(house) for _ in range(3)]
    listed = await mod(house, "queue")
    assert listed.startswith("3 jobs are on their way here:")
    assert f"{first} · Bob · queued #1 · a red house" in listed
    assert await mod(house, f"move {third}") == f"Job {third} is #1 now."
    assert await mod(house, f"move {third} behind {first}") == f"Job {third} is #2 now."
    assert "is held" in await mod(house, f"hold {second}")
    assert (await house.job(second)).job.status is JobStatus.HELD
    assert "waits for its turn again" in await mod(house, f"release {second}")
    assert "is cancelled" in await mod(house, f"cancel {first}")
    asked = await house.ask("mod", "clear", power=Power.MODERATOR, **CLUB)
    assert asked.tone is Tone.ASK
    assert await mod(house, "clear", confirmed=True) == "2 jobs are cancelled; they cost nothing."
    assert "There is no job" in await mod(house, "cancel")
    log = await mod(house, "audit")
    assert [word for word in ("clear", "cancel", "release", "hold", "move") if word not in log] == []


async def test_who_is_banned_hears_why_and_until_when(house: House) -> None:
    await draw(house)
    assert await mod(house, "ban") == "Nobody is banned here."
    told = await mod(house, "ban fake:2 2h too many dragons")
    assert told == "Bob may not ask for pictures here for 2 h. Reason: too many dragons"
    refusal = read(await house.ask("imagine", "a dragon", who=BOB, **CLUB))
    assert refusal == (
        "You may not ask for pictures in this chat for another 2 h. Reason: too many dragons. "
        "Its moderators can lift it; other chats and direct messages are not affected."
    )
    assert (await house.ask("imagine", "a dragon", who=BOB)).jobs
    assert "too many dragons" in await mod(house, "ban")
    assert await mod(house, "unban 2") == "Bob may ask for pictures again."
    assert await mod(house, "unban 2") == "Bob is not banned here."
    assert "Nobody is known here as “fake:777”" in await mod(house, "ban fake:777 spam")
    everywhere = {"who": OPERATOR, "power": Power.MEMBER}
    assert "anywhere" in await mod(house, "ban fake:2 everywhere fraud", **everywhere)  # type: ignore[arg-type]
    assert "here or anywhere else, until that is lifted" in read(await house.ask("imagine", "a dragon", who=BOB))


async def test_credits_are_given_from_the_chats_wallet_alone(house: House) -> None:
    await draw(house)
    refused = await mod(house, "grant fake:2 5")
    assert refused.startswith("This costs 5.0 credits, and this chat's wallet has 0.0.")
    assert "50.0 more credits" in await mod(house, "mint 50", who=OPERATOR)
    assert await mod(house, "grant fake:2 5", key="event-1") == "Bob has 5.0 more credits, from this chat's wallet."
    await mod(house, "grant fake:2 5", key="event-1")  # the platform has sent it twice
    wallet = await mod(house, "wallet")
    assert wallet.splitlines()[1].endswith("transfer · -5.0 → 45.0")
    assert len(wallet.splitlines()) == 4
    for nonsense in ("grant fake:2", "grant fake:2 much", "grant fake:2 -3", "grant fake:2 nan"):
        assert "0.001–1000000000" in await mod(house, nonsense)
    assert "Say who" in await mod(house, "grant")


async def test_a_chat_that_pays_shares_by_allowance(house: House) -> None:
    await draw(house)
    await mod(house, "mint 50", who=OPERATOR)
    assert "payer community" in await mod(house, "policy payer community allowance=1.2")
    assert "allowance 1.2" in await mod(house, "policy")
    await draw(house)
    refusal = read(await house.ask("imagine", "again", who=BOB, **CLUB))
    assert "This chat pays, and gives each of you 1.2 credits a period; you have used 1.0" in refusal
    assert "This chat pays here: its wallet has 49.0 credits, and you have used 1.0 of your 1.2" in read(
        await house.ask("info", who=BOB, **CLUB)
    )
    assert "may take 3.0 credits" in await mod(house, "limits fake:2 3")
    await draw(house)
    assert "policy holds again" in await mod(house, "limits fake:2 none")


async def test_a_policy_is_checked_before_it_holds(house: House) -> None:
    assert "0.1–10 | none" in await mod(house, "policy weight 900")
    assert "Did you mean" in await mod(house, "policy wieght 2") or "nearest" in await mod(house, "policy wieght 2")
    assert "There is no template" in await mod(house, "policy template nothing")
    assert "Only the operators" in await mod(house, "policy weight 2")
    assert "weight 2" in await mod(house, "policy weight 2", who=OPERATOR)
    assert "template txt2img" in await mod(house, "policy --template txt2img")
    job = await draw(house)
    assert (await house.job(job)).job.template == "txt2img"
    assert "template none" in await mod(house, "policy template none")


async def test_operators_pause_and_resume_from_anywhere(house: House) -> None:
    for line, told in (("pause new drivers", "Nothing new runs"), ("resume", "Work runs again")):
        assert "Only the owner" in await mod(house, line) or "Only the operators" in await mod(house, line)
        assert told in read(await house.ask("mod", line, who=OPERATOR))


async def test_an_operator_sets_the_grant_of_any_wallet(house: House) -> None:
    await draw(house)
    told = read(await house.ask("mod", "limits fake:2 40", who=OPERATOR))
    assert told == "Bob is granted 40.0 credits each period, from the next one on."
    told = read(await house.ask("mod", "mint fake:club 7", who=OPERATOR))
    assert told == "Club has 7.0 more credits."
    assert "no refund" not in await mod(house, f"refund {await draw(house)}")


async def test_a_statement_is_read_page_by_page(house: House) -> None:
    for _ in range(25):
        await draw(house)
    page = read(await house.ask("statement", who=BOB))
    assert page.count("held for") == 20
    before = page.splitlines()[-1].split()[-1]
    rest = read(await house.ask("statement", before, who=BOB))
    assert rest.count("held for") == 5
    assert "grant · +600.0 → 600.0" in rest
    assert read(await house.ask("statement", who=ADA)) == "There is nothing in your statement yet."


async def test_people_take_their_data_along(house: House) -> None:
    await draw(house, words="a heron --seed 5")
    reply = await house.ask("privacy", "export", who=BOB)
    (file,) = reply.files
    with ZipFile(BytesIO(file.data)) as archive:
        record = json.loads(archive.read("record.json"))
    assert record["jobs"][0]["text"] == "a heron --seed 5"
    assert "Everything that is kept about you, with 0 pictures." in read(reply)
    assert "Only they themselves" in await _privacy(house, "export fake:2", who=ADA, power=Power.MODERATOR)
    assert "Only the moderators" in await _privacy(house, "export fake:2", who=ADA)
    assert (await house.ask("privacy", "export fake:2", who=OPERATOR)).files


async def test_people_are_forgotten_once_they_have_agreed(house: House) -> None:
    job = await draw(house, words="a heron --seed 5")
    asked = await house.ask("privacy", "forget", who=BOB)
    assert asked.tone is Tone.ASK
    assert (await house.job(job)).job.text == "a heron --seed 5"
    done = await house.ask("privacy", "forget", who=BOB, confirmed=True)
    assert "one job and 0 pictures are forgotten" in read(done)
    view = await house.job(job)
    assert (view.job.text, view.job.status) == ("", JobStatus.CANCELLED)
    assert await house.accounts.find("fake", "2") is None
    assert "There is no command “privacy forgte”" in await _privacy(house, "forgte", who=BOB)


async def _privacy(house: House, line: str, *, who: Identity, power: Power = Power.MEMBER) -> str:
    return read(await house.ask("privacy", line, who=who, power=power, **CLUB))
