"""Real processes of the real command: started, watched from outside, and killed."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120.0  # seconds before a wait in a test is a hang
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder that plays the machine: its own data, settings and pictures."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ATELIER_")}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "ATELIER_DATA_DIR": str(self.data),
            "ATELIER_HTTP__PORT": "0",
            "COLUMNS": "200",
            **more,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bot", *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(**environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextmanager
    def start(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command; whatever is left of it at the end is killed."""
        with (self.folder / f"{arguments[0]}.log").open("a") as log:
            process = subprocess.Popen(
                self.command(*arguments),
                env=self.environment(**environment),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()

    @contextmanager
    def serve(self, **environment: str) -> Iterator["Service"]:
        """Start the service and wait until it answers."""
        (self.data / "service.json").unlink(missing_ok=True)
        with self.start("serve", **environment) as process:
            notice = self.data / "service.json"
            wait_for(lambda: notice.exists() or process.poll() is not None)
            assert process.poll() is None, self.log("serve")
            yield Service(process=process, url=json.loads(notice.read_text())["url"])

    def log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the database as an outsider."""
        connection = sqlite3.connect(f"file:{self.data / 'atelier.db'}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def rows_or_none(self, query: str) -> list[tuple[object, ...]] | None:
        """The same, where there may be no database or table yet."""
        try:
            return self.rows(query)
        except sqlite3.OperationalError:
            return None

    def pictures(self) -> list[Path]:
        return sorted(self.out.glob("*.png"))


@dataclass(frozen=True, kw_only=True)
class Service:
    """A running `atelier serve`."""

    process: subprocess.Popen[str]
    url: str

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} ([0-9.e+]+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def until_ready(self) -> None:
        wait_for(lambda: self.get("/readyz")[0] == 200)

    def sampler(self) -> int:
        """The pid of the sampler child."""
        (pid,) = children(self.process.pid)
        return pid


@dataclass(frozen=True, kw_only=True)
class Served:
    """A machine and the service that runs on it."""

    place: Workplace
    service: Service


def children(pid: int) -> list[int]:
    """The living child processes of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    """As a crash or the kernel's out-of-memory killer would."""
    os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for a condition; a hang is a failure."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
