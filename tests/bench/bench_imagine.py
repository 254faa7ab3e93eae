"""How long a picture takes on this machine, from the command to the file, through every room."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.door import Notice
from config.settings import config_dir

ATELIER = [sys.executable, "-m", "bot.__main__"]
PATIENCE = 180.0  # seconds until anything is given up


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Built-in settings, data of its own, any free port."""
    ours = {
        "ATELIER_CONFIG": str(config_dir() / "atelier.toml"),
        "ATELIER_DATA_DIR": str(tmp_path / "data"),
        "ATELIER_HTTP__PORT": "0",
    }
    return {**os.environ, **ours}


def imagine(environment: dict[str, str], folder: Path, *flags: str) -> float:
    """Run the command; give the seconds that it took."""
    started = time.perf_counter()
    command = [*ATELIER, "imagine", "--out", str(folder), "a red house under a yellow sun", "--ar", "3:2", *flags]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    return time.perf_counter() - started


@contextmanager
def service(environment: dict[str, str]) -> Iterator[None]:
    """`atelier serve`, ready to make pictures, until the block ends."""
    process = subprocess.Popen([*ATELIER, "serve"], env=environment, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + PATIENCE
        while not ready(Path(environment["ATELIER_DATA_DIR"])):
            assert process.poll() is None, "atelier serve ended"
            assert time.monotonic() < give_up, "atelier serve does not become ready"
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)


def ready(data_dir: Path) -> bool:
    """Whether the running service says that it can work."""
    notice = Notice.read(data_dir)
    try:
        return notice is not None and urllib.request.urlopen(f"{notice.url}/readyz", timeout=5).status == 200
    except OSError:
        return False


def bench_alone(environment: dict[str, str], tmp_path: Path) -> None:
    """The first picture ever: migrations, sampler and torch start for it."""
    print(f"\nalone, 1 picture:             {imagine(environment, tmp_path, '--seed', '1'):6.2f} s")


def bench_through_the_service(environment: dict[str, str], tmp_path: Path) -> None:
    """Pictures of a service that is warm, one and four at once."""
    with service(environment):
        imagine(environment, tmp_path, "--seed", "1")
        print(f"\nthrough the service, 1 picture: {imagine(environment, tmp_path, '--seed', '2'):4.2f} s")
        print(f"through the service, 4 at once: {imagine(environment, tmp_path, '--seed', '3', '--n', '4'):4.2f} s")
