"""Forgetting: nothing of a person is left below the data folder; what they used up or are banned from stays."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from engine.accounts import AuditLine, Ban
from engine.errors import Banned, UnknownPerson
from engine.exports import pack
from engine.model import Attempt, Identity, JobStatus, Person, Picture
from storage.blobs import FileBlobs
from storage.leftovers import SamplerFolders
from storage.proof import prove
from tests.fakes.books import NEEDS, POLICY, OpenBooks, books_in, delivery_of, new_job

ADA = Identity(platform="test", id="ada-7261883", name="Ada Lovelace-Unique")
BOB = Identity(platform="test", id="bob-1", name="Bob")
SECRET = "a clockwork heron in the rain"
PIXELS = b"\x89PNG\r\n\x1a\n" + b"her very own pixels" * 30


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[OpenBooks]:
    async with books_in(tmp_path) as opened:
        yield opened
        assert await opened.database.read(prove) == []


def everywhere(folder: Path) -> dict[Path, bytes]:
    """Every byte below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def holding(folder: Path, *needles: bytes) -> list[Path]:
    """The files that hold one of these."""
    return [path for path, data in everywhere(folder).items() if any(needle in data for needle in needles)]


async def ask(opened: OpenBooks, person: Person, key: str, *, words: str = SECRET, sent: str = "") -> Attempt:
    """Make a job with these words and claim its task."""
    whose = ADA.id if person.name == ADA.name else BOB.id
    plain = new_job(person, f"test:{whose}:{key}")
    place = replace(plain.request.place, chat=f"chat-of-{whose}")
    request = replace(plain.request, text=words, options={"prompt": words, "image": sent}, place=place)
    graph = {"1": {"class_type": "KSampler", "inputs": {"text": words}}}
    inputs = tuple(replace(given, blob=sent) for given in plain.tasks[0].inputs) if sent else ()
    job = await opened.books.accept(
        replace(plain, request=request, tasks=(replace(plain.tasks[0], graph=graph, inputs=inputs),))
    )
    attempt = await opened.books.claim("gpu", [NEEDS], job_id=job.id)
    assert attempt is not None
    await opened.books.start(attempt.id)
    return attempt


async def keep(opened: OpenBooks, blobs: FileBlobs, attempt: Attempt, data: bytes) -> str:
    """Finish an attempt with a picture of these bytes."""
    name = await blobs.put(data)
    picture = Picture(blob=name, filename="a_1_.png", kind="images", mime="image/png", size=len(data))
    await opened.books.settle(attempt.id, [picture], 1.0, 400)
    return name


async def test_nothing_of_a_person_is_left_below_the_data_folder(opened: OpenBooks, tmp_path: Path) -> None:
    books, accounts, blobs = opened.books, opened.accounts, FileBlobs(tmp_path / "blobs")
    ada, bob = await books.person(ADA), await books.person(BOB)
    sent = await blobs.put(b"a photograph that she sent" * 20)
    for number in range(40):  # enough rows for pages to split and cells to move
        await books.person(Identity(platform="test", id=f"{number:02}", name=f"somebody {number}"))
        attempt = await ask(opened, ada, f"k{number}", words=f"{SECRET} {number}", sent=sent)
        await keep(opened, blobs, attempt, PIXELS + bytes([number]))
        other = await ask(opened, bob, f"b{number}", words="a red house")
        await keep(opened, blobs, other, b"bob's picture" + bytes([number]))
        opened.clock.time += 1000
    running = await ask(opened, ada, "running", words=SECRET + " still running")
    delivery = await delivery_of(opened.deliveries, running.job_id)
    await books.delivery_posted(delivery.id, "message-for-ada-7261883")
    await accounts.ban(
        Ban(person_id=bob.id, community_id=None, reason="spam", until=1.0, by=f"test:{ADA.id}", at=0.0),
        AuditLine(actor=f"test:{ADA.id}", action="ban", target=bob.id),
    )
    await books.pause(f"test:{ADA.id}", "new drivers")
    (tmp_path / "atelier.db.before-0002").write_bytes(b"an old copy with Ada Lovelace-Unique in it")
    folders = [tmp_path / "sampler" / kind for kind in ("input", "output", "temp")]
    for folder in folders:
        (folder / "atelier").mkdir(parents=True)
    (folders[0] / "atelier" / "0123.png").write_bytes(b"a photograph that she sent" * 20)
    (folders[1] / "a_1_.png").write_bytes(PIXELS + bytes([3]))
    (folders[1] / "a_2_.png").write_bytes(b"tEXtprompt" + json.dumps({"text": SECRET + " still running"}).encode())
    (folders[1] / "a_3_.png").write_bytes(b"somebody else's, just drawn")
    needles = (SECRET.encode(), ADA.id.encode(), ADA.name.encode(), b"her very own pixels", b"that she sent")
    assert len(holding(tmp_path, *needles)) >= 45

    gone = await accounts.forget(ada.id)
    assert (gone.jobs, [attempt.id for attempt in gone.attempts]) == (41, [running.id])
    assert len(gone.blobs) == 41
    for blob in gone.blobs:
        await blobs.delete(blob)
    assert await SamplerFolders(folders).remove(gone.copies, gone.words) == 3
    await accounts.scrub()
    blobs.close()

    assert holding(tmp_path, *needles) == []
    assert (folders[1] / "a_3_.png").exists()
    assert len(list((tmp_path / "blobs").rglob("*"))) >= 40
    assert await accounts.person(ada.id) is None
    assert await accounts.find("test", ADA.id) is None
    entries = (await accounts.statement(ada.wallet_id, limit=1000)).entries
    assert len(entries) >= 3 * 40
    assert [line.actor for line in await accounts.audit_lines(None)] == [f"person:{ada.id}"]


async def test_what_runs_is_cancelled_and_what_is_due_is_delivered_to_nobody(opened: OpenBooks) -> None:
    books = opened.books
    ada = await books.person(ADA)
    running = await ask(opened, ada, "running")
    waiting = await books.accept(new_job(ada, "waiting"))
    made = await ask(opened, ada, "made")
    await books.settle(
        made.id, [Picture(blob="ab" * 32, filename="a", kind="images", mime="image/png", size=1)], 1, 400
    )
    await opened.accounts.forget(ada.id)
    assert await books.take_deliveries(["test"]) == ()
    assert await books.open_attempts() == ()
    for job_id in (running.job_id, waiting.id, made.job_id):
        view = await books.job(job_id)
        assert view is not None
        assert view.job.status.ended
        assert (view.job.text, view.job.options, view.job.charged, view.pictures) == ("", {}, 0, ())
    await books.settle(running.id, [], 1.0, 400)  # what comes too late changes nothing
    again = await opened.accounts.forget(ada.id)
    assert again.attempts == ()


async def test_who_is_forgotten_while_they_ask_is_asked_to_come_anew(opened: OpenBooks) -> None:
    ada = await opened.books.person(ADA)
    await opened.accounts.forget(ada.id)
    with pytest.raises(UnknownPerson):
        await opened.books.accept(new_job(ada, "late"))


async def test_pictures_that_somebody_else_started_from_stay(opened: OpenBooks, tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    ada, bob = await opened.books.person(ADA), await opened.books.person(BOB)
    blob = await keep(opened, blobs, await ask(opened, ada, "k1"), PIXELS)
    own = await keep(opened, blobs, await ask(opened, ada, "k2"), PIXELS + b"2")
    await ask(opened, bob, "b1", words="the same, bluer", sent=blob)
    gone = await opened.accounts.forget(ada.id)
    assert gone.blobs == {own}
    assert gone.copies == {own, blob}
    gone = await opened.accounts.forget(bob.id)
    assert gone.blobs == {blob}
    blobs.close()


async def test_coming_back_brings_no_second_grant_and_lifts_no_ban(opened: OpenBooks) -> None:
    books, accounts, clock = opened.books, opened.accounts, opened.clock
    ada = await books.person(ADA)
    await books.accept(new_job(ada, "k1", costs=(30_000,)))
    attempt = await books.claim("gpu", [NEEDS])
    assert attempt is not None
    await books.settle(
        attempt.id, [Picture(blob="ab" * 32, filename="a", kind="images", mime="image/png", size=1)], 1.0, 30_000
    )
    (due,) = await books.take_deliveries(["test"])
    await books.delivery_done(due.id)
    line = AuditLine(actor="test:op", action="ban", target=ada.id)
    ban = Ban(person_id=ada.id, community_id=None, reason="spam", until=clock.time + 5000, by="test:op", at=clock.time)
    await accounts.ban(ban, line)
    await accounts.forget(ada.id)

    back = await books.person(ADA)
    assert back.id != ada.id
    assert (await books.balance(back.wallet_id)).available == POLICY.grant - 30_000
    with pytest.raises(Banned):
        await books.accept(new_job(back, "k2"))
    assert await books.jobs(person_id=back.id) == ()
    await accounts.forget(back.id)
    clock.time += 5001
    new = await books.person(ADA)
    assert (await books.balance(new.wallet_id)).available == POLICY.grant
    await books.accept(new_job(new, "k3"))


async def test_a_record_is_all_that_there_is_with_the_newest_pictures_first(opened: OpenBooks, tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    ada = await opened.books.person(ADA)
    sent = await blobs.put(b"a photograph that she sent")
    await keep(opened, blobs, await ask(opened, ada, "k1", sent=sent), PIXELS)
    last = await ask(opened, ada, "k2", words="another")
    await keep(opened, blobs, last, PIXELS + b"2")
    record = await opened.accounts.record(ada.id)
    whole = BytesIO()
    done = await pack(record, blobs.get, whole)
    assert (done.pictures, done.left_out, done.missing) == (3, 0, 0)
    with ZipFile(whole) as archive:
        data = json.loads(archive.read("record.json"))
        pictures = {name: archive.read(name) for name in archive.namelist() if name != "record.json"}
    assert sorted(pictures.values()) == sorted([PIXELS, PIXELS + b"2", b"a photograph that she sent"])
    assert data["identities"] == [{"platform": "test", "external_id": ADA.id, "name": ADA.name}]
    assert [job["text"] for job in data["jobs"]] == [SECRET, "another"]
    assert data["jobs"][0]["tasks"][0]["graph"]["1"]["inputs"]["text"] == SECRET
    assert data["balance_mgs"] == sum(entry["amount"] for entry in data["ledger"])
    assert {picture for job in data["jobs"] for task in job["tasks"] for picture in task["pictures"]} <= set(pictures)

    await blobs.delete(sent)
    short = BytesIO()
    done = await pack(record, blobs.get, short, most=len(PIXELS) + 1)
    assert (done.pictures, done.left_out, done.missing) == (1, 2, 0)
    with ZipFile(short) as archive:
        assert archive.read(f"pictures/{last.job_id}-1-1.png") == PIXELS + b"2"
    blobs.close()


async def test_the_database_is_written_anew_while_others_write(opened: OpenBooks) -> None:
    ada = await opened.books.person(ADA)
    scrubs = [opened.accounts.scrub() for _ in range(3)]
    jobs = [opened.books.accept(new_job(ada, f"k{n}")) for n in range(8)]
    results = await asyncio.gather(*jobs[:4], *scrubs, *jobs[4:])
    assert [job.status for job in results if job is not None] == [JobStatus.QUEUED] * 8
    await opened.accounts.scrub()
    assert not [path for path in Path(opened.database.where).parent.glob("*-wal") if path.stat().st_size]


def test_a_blob_is_known_in_the_samplers_folders_by_its_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "any name.bin").write_bytes(PIXELS)
    name = hashlib.sha256(PIXELS).hexdigest()
    assert asyncio.run(SamplerFolders([tmp_path, tmp_path / "not there"]).remove(frozenset({name}), frozenset())) == 1
