"""Ids: nobody's twice, and in the order in which they were made."""

import re
import time
import uuid

import pytest

from engine.ids import new_id, new_uuid


def test_ids_are_as_people_type_them_and_never_the_same() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z2-7]{16}", each) for each in ids)


def test_ids_sort_by_the_time_of_their_making(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one tick to the next, and over decades."""
    moments = [1.8e9 + step / 256 for step in range(2000)] + [1.8e9 + step * 86_400.0 for step in range(1, 10_000)]
    ids = []
    for moment in moments:
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        ids.append(new_id())
    assert ids == sorted(ids)


def test_ids_of_one_moment_cannot_be_guessed_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1.8e9)
    ids = [new_id() for _ in range(2000)]
    assert len({each[:8] for each in ids}) == 1
    for place in range(8, 16):
        assert {each[place] for each in ids} == set("abcdefghijklmnopqrstuvwxyz234567")


def test_uuids_are_of_version_7_sorted_by_their_milliseconds_and_random_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for moment in range(1_800_000_000_000, 1_800_000_002_000):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        made.append(new_uuid())
    assert made == sorted(set(made))
    for number, text in enumerate(made):
        read = uuid.UUID(text)
        assert (str(read), read.version, read.variant) == (text, 7, uuid.RFC_4122)
        assert read.int >> 80 == 1_800_000_000_000 + number
    varying = 0
    for one in made:
        varying |= uuid.UUID(one).int ^ uuid.UUID(made[0]).int
    assert varying & ((1 << 76) - 1) == ((1 << 76) - 1) ^ (3 << 62)
