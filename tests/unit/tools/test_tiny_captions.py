"""The captions of the built-in model: they name what is drawn, and every word of weight is in the vocabulary."""

from __future__ import annotations

from random import Random

import pytest

from tools.tiny import scenes, vocabulary
from tools.tiny.captions import caption

PASSED_OVER = {"a", "an", "the", "there", "is", "of", "to", "at", "picture", "book", "drawing", "illustration", "top"}


def test_captions_name_what_is_drawn() -> None:
    table = vocabulary.build_vocabulary()
    named = 0
    for seed in range(400):
        scene = scenes.random_scene(seed, (128, 128))
        ids = {table[word] for word in vocabulary.words_of(caption(scene, Random(seed))) if word in table}
        things = [table[item.thing] for item in scene.items]
        missing = [thing for thing in things if thing not in ids]
        assert len(missing) <= (1 if len(things) > 2 else 0)
        named += len(things) - len(missing)
        drawn = {table[colour] for item in scene.items for colour in (item.colour,)} | {table[scene.backdrop or "sky"]}
        assert {table[name] for name in scenes.COLOURS} & ids <= drawn
    assert named > 600


def test_the_same_random_state_gives_the_same_words_and_others_differ() -> None:
    scene = scenes.random_scene(3, (128, 128))
    assert caption(scene, Random(1)) == caption(scene, Random(1))
    assert len({caption(scene, Random(state)) for state in range(30)}) > 8


def test_nearly_every_word_of_a_caption_is_known() -> None:
    table = vocabulary.build_vocabulary()
    unknown = set()
    for seed in range(600):
        words = vocabulary.words_of(caption(scenes.random_scene(seed, (160, 104)), Random(seed)))
        unknown |= {word for word in words if word not in table}
    assert unknown <= PASSED_OVER | {"sunny"}


def test_spellings_of_one_meaning_share_an_id() -> None:
    table = vocabulary.build_vocabulary()
    assert table["houses"] == table["cottage"] == table["house"]
    assert table["gray"] == table["grey"]
    assert table["over"] == table["above"]
    assert max(table.values()) < vocabulary.TABLE_SIZE


@pytest.mark.parametrize("prompt", ["a RED house!", "the red, house", "ＲＥＤ house"])
def test_encoding_drops_unknown_words_and_folds_case_and_width(prompt: str) -> None:
    table = vocabulary.build_vocabulary()
    ids = vocabulary.encode(prompt, table)
    assert ids == [0, table["red"], table["house"], *[1] * (vocabulary.MAX_TOKENS - 3)]


def test_a_long_prompt_is_cut_before_its_end_mark() -> None:
    ids = vocabulary.encode("red house " * 40, vocabulary.build_vocabulary())
    assert len(ids) == vocabulary.MAX_TOKENS
    assert ids[-1] == 1
