"""Errors are told without saying where on this machine."""

import pytest

from engine.sampler.execution.report import failure, is_out_of_memory, type_name, without_paths


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[Errno 2] No such file: '/home/me/models/x.safetensors'", "[Errno 2] No such file: 'x.safetensors'"),
        ("/a/b", "b"),
        ('File "/srv/app/run.py", line 3', 'File "run.py", line 3'),
        (r"C:\Users\me\x.png is bad", "x.png is bad"),
        ("see https://example.org/a/b for it", "see https://example.org/a/b for it"),
        ("1/2 of 3/4", "1/2 of 3/4"),
        ("expected [1, 4, 8, 8] to have 4 channels", "expected [1, 4, 8, 8] to have 4 channels"),
        ("", ""),
    ],
)
def test_folders_are_cut(text: str, left: str) -> None:
    assert without_paths(text) == left


def test_types_are_named_as_comfyui_names_them() -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch's."""

    OutOfMemoryError.__module__ = "torch"
    OutOfMemoryError.__qualname__ = "OutOfMemoryError"
    error = OutOfMemoryError("full")
    assert (type_name(error), is_out_of_memory(error)) == ("torch.OutOfMemoryError", True)
    assert (type_name(ValueError()), is_out_of_memory(ValueError())) == ("ValueError", False)
    assert is_out_of_memory(MemoryError())


def test_a_failure_has_no_path_and_no_large_value() -> None:
    try:
        raise OSError(2, "No such file", "/home/me/secret/x")
    except OSError as error:
        told = failure(error, {"text": "a", "steps": 3, "model": object()})
    assert told["exception_type"] == "FileNotFoundError"
    assert told["current_inputs"] == {"text": ["a"], "steps": [3], "model": ["<object>"]}
    assert "/" not in str(told).replace("\\n", "")
