"""What the documents say exists: commands, flags, settings, variables, files, links."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from bot.__main__ import app
from bot.catalog import FLAGS
from config.keys import fields_of, variable_name
from config.settings import Settings, load_settings
from tests.architecture.source_files import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
VARIABLES_BESIDE_THE_SETTINGS = {"ATELIER_CONFIG", "ATELIER_SAMPLER_KEY"}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Every command line in shell blocks and in `code`, in words and without comments."""
    lines = [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`([^`\n]+)`", prose)
    for line in lines:
        if re.match(r"(\S*/)?(make|atelier)\b(?!\.)", line):
            yield shlex.split(line, comments=True)


ALL = [(path, words) for path in DOCUMENTS for words in commands(path.read_text(encoding="utf-8"))]


def test_enough_is_looked_at() -> None:
    assert len(DOCUMENTS) >= 8
    assert sum(words[0] == "make" for _, words in ALL) >= 10
    assert sum(words[0].endswith("atelier") for _, words in ALL) >= 15


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, flags=re.MULTILINE))
    for path, (program, *words) in ALL:
        for word in words if program == "make" else []:
            name, given, _ = word.partition("=")
            assert name in (variables if given else targets), f"{path.name}: make {word}"


def command_of(words: list[str]) -> tuple[str, set[str], list[str]]:
    """Walk the `atelier` commands along the words; give the command's name, its options and the words that are left."""
    command = typer.main.get_command(app)
    while isinstance(command, TyperGroup) and words:
        if words[0] == "--config":
            words = words[2:]
            continue
        assert words[0] in command.commands, f"there is no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    return command.name or "", {option for parameter in command.params for option in parameter.opts}, words


def test_every_atelier_command_and_flag_exists() -> None:
    for path, (program, *words) in ALL:
        if not program.endswith("atelier"):
            continue
        name, known, rest = command_of(words)
        typed = {word.partition("=")[0] for word in rest if word.startswith("--")}
        if name == "imagine":
            known |= prompt_flags()
        if name != "sampler":  # whose options are another program's
            assert typed <= known, f"{path.name}: atelier {' '.join(words)}: {typed - known}"


def test_every_flag_in_the_readmes_text_exists() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = [group, *group.commands.values()]
    known = {option for command in commands for parameter in command.params for option in parameter.opts}
    typed = set(re.findall(r"`(--[a-z][a-z-]*)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert len(typed) >= 10
    assert typed <= known | prompt_flags()


def prompt_flags() -> set[str]:
    """What can be typed after a prompt."""
    return {f"--{name}" for flag in FLAGS for name in (flag.name, *flag.aliases)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_toml_block_loads_as_settings(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8"), "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        load_settings(file, {})


def test_every_variable_and_setting_named_exists() -> None:
    keys = fields_of(Settings)
    names = {variable_name(key) for key in keys} | VARIABLES_BESIDE_THE_SETTINGS
    tables = {key.split(".")[0] for key in keys if "." in key}
    seen = 0
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"\bATELIER_[A-Z0-9_]*[A-Z0-9]", text):
            seen += 1
            assert name in names or name.startswith("ATELIER_ENDPOINT_KEYS__"), f"{path.name}: {name}"
        for key in re.findall(r"`([a-z_]+\.[a-z_]+)(?: = [^`]+)?`", text):
            if key.split(".")[0] in tables and not key.endswith((".md", ".py")):
                seen += 1
                assert key in keys, f"{path.name}: {key}"
    assert seen >= 12


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_path_of_ours_named_exists() -> None:
    seen = 0
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:bot|engine|storage|config|tests|tools|docs|\.ci)/[\w./-]+)`", text):
            seen += 1
            assert (ROOT / name).exists(), f"{path.name}: {name}"
    assert seen >= 8


def test_the_project_says_one_version_and_one_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT"
    assert "Atelier contributors" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", changelog, flags=re.MULTILINE)
    assert newest is None or newest[1] == project["version"]


def test_makes_help_shows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = set(re.findall(r"^([a-z-]+):.*## \S", makefile, flags=re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert shown == set(phony.split()) >= {"setup", "run", "demo", "test", "check", "bench"}
