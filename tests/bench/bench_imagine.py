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
from tests.bench.conftest import Report

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


def bench_imagine(environment: dict[str, str], tmp_path: Path, report: Report) -> None:
    """The first picture ever (migrations, sampler and torch start for it), then those of a service that is warm."""
    first = imagine(environment, tmp_path, "--seed", "1")
    with service(environment):
        imagine(environment, tmp_path, "--seed", "1")
        one = imagine(environment, tmp_path, "--seed", "2")
        four = imagine(environment, tmp_path, "--seed", "3", "--n", "4")
        apart = sum(imagine(environment, tmp_path, "--seed", str(seed)) for seed in range(11, 15))
    report.ratio("`atelier imagine` alone, from nothing", first, "one picture through a warm service", one)
    report.ratio("four pictures in one job", four, "four jobs one after another", apart)
