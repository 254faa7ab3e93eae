"""Importing the bot's side does nothing: no file, socket, process or thread, and no torch."""

import json
import subprocess
import sys
from pathlib import Path

from tests.architecture.source_files import ROOT, sources, within

WATCHED_IMPORT = '''
import json, sys, threading

ROOT, MODULES = sys.argv[1], sys.argv[2].split(",")
ROOMS = tuple(f"{ROOT}/{room}/" for room in ("bot", "engine", "storage", "config"))
ALWAYS = ("socket.connect", "socket.bind", "subprocess.Popen", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect")
seen = []

def ours(frame):
    """Whether our code, and not an import statement of somebody else's, is what acts."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return False
        if name.startswith(ROOMS):
            return True
        frame = frame.f_back
    return False

def watch(event, args):
    if event in ALWAYS or (event in ("open", "os.listdir", "os.scandir") and ours(sys._getframe(1))):
        seen.append(f"{event} {args[:1]!r}")

sys.addaudithook(watch)
for module in MODULES:
    before = len(seen)
    __import__(module)
    seen[before:] = [f"{module}: {event}" for event in seen[before:]]
heavy = [name for name in ("torch", "diffusers", "transformers", "numpy", "engine.sampler") if name in sys.modules]
print(json.dumps({"events": seen, "heavy": heavy, "threads": threading.active_count(), "modules": len(sys.modules)}))
'''


def imported(modules: list[str], cwd: Path) -> dict[str, object]:
    """Import modules in a fresh interpreter, away from the checkout, and tell what happened."""
    known = "ignore:'audioop' is deprecated:DeprecationWarning"  # discord.py's, for voices
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        known,
        "-c",
        f"import sys; sys.path.insert(0, sys.argv[1]); {WATCHED_IMPORT}",
    ]
    done = subprocess.run(
        [*command, str(ROOT), ",".join(modules)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert list(cwd.iterdir()) == []
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_the_bot_starts_without_torch_and_without_effects(tmp_path: Path) -> None:
    result = imported(["bot.__main__", "bot.compose"], tmp_path)
    assert (result["events"], result["heavy"], result["threads"]) == ([], [], 1)


def test_every_module_of_the_bots_side_can_be_imported_without_effects(tmp_path: Path) -> None:
    modules = [
        source.module
        for source in sources("bot", "engine", "storage", "config")
        if not within(source.module, "engine.sampler", "storage.migrations") and source.module != "engine.__main__"
    ]
    assert len(modules) >= 60
    result = imported(modules, tmp_path)
    assert (result["events"], result["heavy"], result["threads"]) == ([], [], 1)


def test_the_samplers_doors_open_without_torch(tmp_path: Path) -> None:
    modules = [source.module for source in sources("engine/sampler/server", "engine/sampler/nodes/declarations")] + [
        "engine.sampler.nodes.registry",
        "engine.sampler.execution.validate",
        "engine.sampler.execution.queue",
    ]
    assert len(modules) >= 8
    result = imported(modules, tmp_path)
    assert set(result["heavy"]) <= {"engine.sampler"}  # type: ignore[call-overload]
    assert (result["events"], result["threads"]) == ([], 1)
