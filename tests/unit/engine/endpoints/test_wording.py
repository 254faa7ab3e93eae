"""What an endpoint says is cut down to one line without paths, addresses or prompts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.endpoints.comfyui.wording import plain_reason, without_prompts


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\n  \nfirst\nsecond", "first"),
        ("No such file: '/home/jo doe/models/x y.safetensors'", "No such file: 'x y.safetensors'"),
        (r"cannot open C:\Users\jo\ComfyUI\x.ckpt now", "cannot open x.ckpt now"),
        (r"cannot open \\server\share\x.ckpt", "cannot open x.ckpt"),
        ("see https://host/private?token=1 for more", "see a web address for more"),
        ("in ~/models/a.pt, line 3", "in a.pt, line 3"),
        ("either/or 1/2 stays", "either/or 1/2 stays"),
        ("expected input[1, 16, 8, 8]", "expected input[1, 16, 8, 8]"),
        ("bell\a", "bell"),
        ("", ""),
    ],
)
def test_plain_reason(text: str, plain: str) -> None:
    assert plain_reason(text) == plain


@settings(deadline=None)
@given(st.text())
def test_a_reason_is_one_short_line(text: str) -> None:
    plain = plain_reason(text, limit=50)
    assert len(plain) <= 50
    assert len(plain.splitlines()) <= 1


def test_sentences_are_taken_out_and_names_stay() -> None:
    graph = {
        "1": {"class_type": "A", "inputs": {"text": "a red house", "ckpt_name": "x.safetensors", "model": ["2", 0]}},
        "2": {"class_type": "B", "inputs": {"text": "红色的房子"}},
        "3": "no node",
    }
    text = "x.safetensors cannot draw a red house or 红色的房子"
    assert without_prompts(text, graph) == "x.safetensors cannot draw … or …"
