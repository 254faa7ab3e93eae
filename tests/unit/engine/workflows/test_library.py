"""The library: built-in templates, a community's own over them, and what is wrong with a folder."""

import shutil
from pathlib import Path

import pytest

from engine.errors import TemplateBroken, UnknownTemplate
from engine.workflows.library import Library

BUILT_IN = Path("config/workflows")


def test_a_communitys_own_template_replaces_the_built_in_one(tmp_path: Path) -> None:
    shutil.copytree(BUILT_IN / "txt2img", tmp_path / "txt2img")
    shutil.copytree(BUILT_IN / "txt2img", tmp_path / "portrait")
    own = tmp_path / "txt2img" / "template.toml"
    own.write_text(own.read_text().replace('"Text to image"', '"Ours"'))
    (tmp_path / "notes").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "README.md").write_text("hello")
    library = Library.load([BUILT_IN, tmp_path])
    assert library.names() == ("img2img", "inpaint", "outpaint", "portrait", "txt2img", "upscale", "vary")
    assert library.get("txt2img").title == "Ours"
    assert [template.name for template in library.all()] == list(library.names())


def test_an_unknown_template_is_answered_with_the_nearest() -> None:
    library = Library.load([BUILT_IN])
    assert library.get(" TXT2IMG ").name == "txt2img"
    with pytest.raises(UnknownTemplate) as caught:
        library.get("text2img")
    assert caught.value.fields == {"value": "text2img", "nearest": "txt2img"}
    with pytest.raises(UnknownTemplate):
        library.get("../txt2img")


def test_every_broken_template_of_every_folder_is_named(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        shutil.copytree(BUILT_IN / "txt2img", tmp_path / name)
    (tmp_path / "one" / "workflow.json").unlink()
    (tmp_path / "two" / "template.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "three" / "workflow.json").write_text("{")
    missing = tmp_path / "nowhere"
    with pytest.raises(TemplateBroken) as caught:
        Library.load([BUILT_IN, tmp_path, missing])
    reason = str(caught.value.fields["reason"])
    for words in ("one/workflow.json: the file is missing", "two/template.toml", "three/workflow.json", str(missing)):
        assert words in reason
