"""The images, the compose file and what goes into the wheel."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import load_settings
from tests.architecture.source_files import ROOMS, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:]


def stage(name: str) -> str:
    """The text of a stage of the Dockerfile."""
    (found,) = [text for text in STAGES if text.splitlines()[0].endswith(f" AS {name}")]
    return found


def compose() -> dict[str, Any]:
    """The compose file; `<<` merged."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def environment_of(service: str, host: dict[str, str]) -> dict[str, str]:
    """The variables that compose gives a service, with the host's in `${NAME:-default}` and `${NAME:?message}`."""

    def value(match: re.Match[str]) -> str:
        if match["kind"] == ":?" and not host.get(match["name"]):
            raise KeyError(match["name"])
        return host.get(match["name"]) or (match["rest"] if match["kind"] == ":-" else "")

    pattern = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:[-?])(?P<rest>[^}]*)\}")
    return {name: pattern.sub(value, text) for name, text in compose()["services"][service]["environment"].items()}


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


@pytest.mark.parametrize("name", ["bot", "sampler"])
def test_an_image_is_unprivileged_and_watched(name: str) -> None:
    text = stage(name)
    assert text.startswith("FROM runtime AS ")
    assert "HEALTHCHECK" in text
    assert "USER" not in text
    assert re.search(r"^USER 10001:10001$", stage("runtime"), flags=re.MULTILINE)


def test_only_the_sampler_has_torch() -> None:
    assert "COPY --from=bot-installed" in stage("bot")
    assert stage("bot-installed").startswith("FROM libraries AS")
    assert "local" not in stage("libraries")
    assert stage("sampler-installed").startswith("FROM torch-libraries AS")
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "torch" in optional["optional-dependencies"]["local"]
    assert not {"torch", "diffusers", "transformers", "numpy"} & set(optional["dependencies"])


def test_health_checks_and_start_commands_are_valid() -> None:
    for name in ("bot", "sampler"):
        health, start = re.findall(r"^\s*CMD (\[.*\])$", stage(name), flags=re.MULTILINE)
        program, option, code = json.loads(health)
        assert (program, option) == ("python", "-c")
        compile(code, name, "exec")
        assert json.loads(start)[0] == {"bot": "serve", "sampler": "sampler"}[name]


def test_the_sampler_takes_the_options_that_its_image_gives() -> None:
    start = json.loads(re.findall(r"^CMD (\[.*\])$", stage("sampler"), flags=re.MULTILINE)[0])
    options = {word for word in start if word.startswith("--")}
    shown = subprocess.run(
        [sys.executable, "-m", "engine.sampler", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert options <= set(re.findall(r"--[a-z-]+", shown))


def test_compose_is_hardened() -> None:
    services = compose()["services"]
    assert set(services) == {"bot", "sampler"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service
    assert services["sampler"]["networks"] == ["samplers"]
    assert compose()["networks"]["samplers"] == {"internal": True}


def test_the_bot_of_compose_finds_the_sampler_and_its_key() -> None:
    host = {"ATELIER_SAMPLER_KEY": "a long random text", "ATELIER_OPERATORS": "discord:1"}
    settings = load_settings(None, environment_of("bot", host))
    (endpoint,) = settings.endpoints
    assert (endpoint.kind, endpoint.url) == ("comfyui", "http://sampler:8188")
    assert settings.endpoint_keys[endpoint.name].get_secret_value() == host["ATELIER_SAMPLER_KEY"]
    assert settings.operators == ("discord:1",)
    assert settings.access == "allowlist"
    assert environment_of("sampler", host) == {"ATELIER_SAMPLER_KEY": host["ATELIER_SAMPLER_KEY"]}


@pytest.mark.parametrize("service", ["bot", "sampler"])
def test_compose_refuses_to_start_without_a_key(service: str) -> None:
    with pytest.raises(KeyError, match="ATELIER_SAMPLER_KEY"):
        environment_of(service, {})


def test_what_the_images_are_built_from_reaches_the_builder() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept >= {*ROOMS, "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}


def test_the_wheel_has_every_file_that_runs(tmp_path: Path) -> None:
    """Package data is declared by patterns; a file of a new kind must not stay behind."""
    names = built_wheel(tmp_path)
    tracked = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split("\n")
    wanted = {name for name in tracked if name}
    assert len(wanted) >= 100
    assert wanted - names == set()


def built_wheel(folder: Path) -> set[str]:
    """Names of the files in a wheel, built offline from what git tracks."""
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    for name in archive.decode().split("\0"):
        if name.startswith(tuple(f"{room}/" for room in ROOMS)) or name in {"pyproject.toml", "README.md", "LICENSE"}:
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-c", "import setuptools.build_meta as b; b.build_wheel('..')"]
    subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())
