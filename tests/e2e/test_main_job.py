"""The main job from the outside: a command line in, PNG files out."""

import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image

from tests.e2e.processes import ROOT, Workplace, wait_for

PROMPT = "a red house under a yellow sun"


def test_one_command_makes_pictures_through_every_room(place: Workplace):
    done = place.run("imagine", PROMPT, "--ar", "3:2", "--seed", "7", "--n", "2", "--steps", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = place.pictures()
    assert len(pictures) == 2
    for path in pictures:
        assert str(path) in done.stdout
        with Image.open(path) as picture:
            assert picture.size == (160, 104)
            graph = json.loads(picture.info["prompt"])
            assert any(node["class_type"] == "KSampler" for node in graph.values())
    assert "credits" in done.stdout
    assert place.rows("SELECT status, count FROM job") == [("done", 2)]
    assert place.rows("SELECT status FROM delivery") == [("delivered",)]
    (quote, charged) = place.rows("SELECT quote, charged FROM job")[0]
    assert 0 < charged <= quote


def test_ctrl_c_cancels_and_refunds(place: Workplace):
    with place.start("imagine", PROMPT, "--steps", "60", "--n", "4", "--size", "512x512") as process:
        wait_for(lambda: (place.data / "atelier.db").exists() and place.rows_or_none("SELECT 1 FROM attempt"))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert place.rows("SELECT status, charged FROM job") == [("cancelled", 0)]
    assert place.rows("SELECT sum(amount) FROM ledger_entry WHERE kind != 'grant'") == [(0,)]
    assert "Cancelled" in place.log("imagine")


def test_the_bot_never_imports_torch(place: Workplace):
    script = """
import asyncio, sys
from pathlib import Path
from bot.compose import open_service, settings_of_this_process
from bot.console.imagine import Wish, make_pictures
settings = settings_of_this_process(None)
wish = Wish(words=("a red house", "--steps", "2"), out=Path("out").absolute())
code = asyncio.run(make_pictures(settings, wish))
heavy = [name for name in ("torch", "diffusers", "transformers", "engine.sampler") if name in sys.modules]
print("exit", int(code), "heavy", heavy)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=place.environment(),
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip().endswith("exit 0 heavy []"), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [("[[endpoints]\nname = 1", "atelier.toml"), ("[quota]\ngrants = 5", "grant"), ("acess = 'open'", "access")],
    ids=["syntax", "wrong key in a table", "wrong key"],
)
def test_a_broken_settings_file_is_named_with_what_would_be_right(place: Workplace, content, says):
    (place.folder / "atelier.toml").write_text(content)
    for command in (("imagine", PROMPT), ("serve",), ("doctor",)):
        done = place.run(*command)
        assert done.returncode == 4
        assert says in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("room", [225, 275], ids=["for a claim", "for a picture"])  # KiB that are left
def test_on_a_full_disk_jobs_wait_and_are_told_so(place: Workplace, room: int):
    """A file system of two megabytes, in a mount namespace of its own: real ENOSPC, and then there is room again."""
    script = f"""
        mount -t tmpfs -o size=2m tmpfs {place.data}
        {sys.executable} -m bot quota audit > said || cat said
        head -c $(($(df -k --output=avail {place.data} | tail -1) - {room}))k /dev/zero > {place.data}/ballast
        {sys.executable} -m bot imagine '{PROMPT}' --steps 2 > said 2>&1 &
        for _ in $(seq 600); do grep -q 'disk is full' said && break; sleep 0.1; done
        grep -q 'disk is full' said && echo told
        rm {place.data}/ballast
        wait $! && echo made
    """
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    done = subprocess.run(
        [*unshare, "sh", "-c", script],
        env=place.environment(),
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = (place.folder / "said").read_text()
    assert done.stdout.split() == ["told", "made"], said + done.stderr
    assert "Traceback" not in said
    assert len(place.pictures()) == 1


def test_help_names_every_command(place: Workplace):
    done = place.run("--help")
    assert done.returncode == 0
    for command in ("serve", "sampler", "imagine", "doctor", "workflows"):
        assert command in done.stdout


def test_workflows_check_lints_against_the_real_sampler(place: Workplace):
    done = place.run("workflows", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "txt2img on local: runs" in done.stdout
    own = place.folder / "own" / "mine"
    own.mkdir(parents=True)
    for name in ("workflow.json", "template.toml"):
        text = (ROOT / "config" / "workflows" / "txt2img" / name).read_text()
        (own / name).write_text(text.replace("KSampler", "KSamplr"))
    done = place.run("workflows", "check", ATELIER_WORKFLOWS_DIR=str(own.parent))
    assert done.returncode == 1
    assert "KSamplr" in done.stdout
    assert "KSampler" in done.stdout


def test_two_commands_at_once_on_one_folder_take_turns(place: Workplace):
    with (
        place.start("imagine", "a red house", "--steps", "2") as first,
        place.start("imagine", "a blue boat", "--steps", "2") as second,
    ):
        assert first.wait(120) == 0, place.log("imagine")
        assert second.wait(120) == 0, place.log("imagine")
    assert place.rows("SELECT status FROM job") == [("done",), ("done",)]
    assert len(place.pictures()) == 2
    assert "waiting for it" in place.log("imagine")
