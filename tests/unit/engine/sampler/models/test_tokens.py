"""Prompts become the tokens and weights that ComfyUI recorded, and odd prompts become something sensible."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sampler.models.prompt import Piece, pieces
from engine.sampler.models.tokens import WordVocabulary, clip_vocabulary, rows

ROOT = Path(__file__).parents[5]
RECORDS = json.loads((ROOT / "tests" / "data" / "parity" / "tokens.json").read_text(encoding="utf-8"))
WORDS = ROOT / "config" / "models" / "tiny" / "tokenizer" / "vocab.json"


def test_the_records_are_many() -> None:
    assert len(RECORDS) >= 30


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["prompt"][:30])
def test_recorded_tokens(record: dict[str, Any]) -> None:
    """SDXL's second text model ("g") is filled up with another token than the others."""
    for family, model, padding in (("sd1", "l", None), ("sdxl", "l", None), ("sdxl", "g", 0)):
        made = rows(record["prompt"], clip_vocabulary(), 77, padding=padding)
        assert [[[token.id, token.weight] for token in row] for row in made] == record[family][model]


def test_unmatched_brackets_are_text_and_leave_other_groups_alone() -> None:
    assert pieces("a) (b:1.5) (c") == [
        Piece(text="a) ", weight=1.0),
        Piece(text="b", weight=1.5),
        Piece(text=" (c", weight=1.0),
    ]


def test_escaped_brackets_inside_a_group() -> None:
    assert pieces(r"(a \(b\):2)") == [Piece(text="a (b)", weight=2.0)]


def test_words_like_nan_are_no_weight() -> None:
    assert pieces("(a:nan)") == [Piece(text="a:nan", weight=1.1)]


@given(st.text(alphabet="()\\:1.2a ", max_size=60))
def test_every_prompt_has_pieces_without_losing_letters(prompt: str) -> None:
    assert "".join(piece.text for piece in pieces(prompt)).count("a") == prompt.count("a")


def test_deep_nesting_is_no_recursion() -> None:
    assert pieces("(" * 20000 + "a" + ")" * 20000)[0].text == "a"


def test_a_short_stretch_of_one_weight_is_not_cut_between_rows() -> None:
    vocabulary = clip_vocabulary()
    word = vocabulary.ids("outdoorsy")
    assert len(word) > 1
    made = rows("cat " * 74 + "(outdoorsy:1.2)", vocabulary, 77)
    assert [token.id for token in made[1][1 : 1 + len(word)]] == list(word)
    assert made[0][75].id == vocabulary.end


def test_a_very_long_word_is_cut() -> None:
    made = rows("supercalifragilisticexpialidocious" * 20, clip_vocabulary(), 77)
    assert len(made) > 1
    assert all(len(row) == 77 for row in made)


def test_the_built_in_models_words() -> None:
    vocabulary = WordVocabulary(WORDS)
    known = json.loads(WORDS.read_text(encoding="utf-8"))
    (row,) = rows("A (Red:1.2) HOUSE, zzzz", vocabulary, 24)
    ids = [token.id for token in row]
    assert ids[:3] == [known["<start>"], known["red"], known["house"]]
    assert set(ids[3:]) == {known["<end>"]}
    assert row[1].weight == 1.2
    assert len(row) == 24
