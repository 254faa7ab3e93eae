"""`atelier serve` from the outside: health, clean ends, and what kill -9 does not break."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from PIL import Image

from tests.e2e.processes import Workplace, alive, kill, wait_for

LONG = ("a red house", "--steps", "40", "--n", "2", "--size", "256x256")


def running(place: Workplace) -> bool:
    """Whether an attempt has reached the sampler."""
    return bool(place.rows("SELECT 1 FROM attempt WHERE status = 'sent'"))


def ended_well(place: Workplace, pictures: int) -> None:
    """Delivered once, charged once."""
    assert place.rows("SELECT status FROM job") == [("done",)]
    assert place.rows("SELECT status FROM delivery") == [("delivered",)]
    assert place.rows("SELECT kind, count(*) FROM ledger_entry WHERE kind != 'grant' GROUP BY kind ORDER BY kind") == [
        ("charge", 1),
        ("hold", 1),
    ]
    assert len(place.pictures()) == pictures
    for path in place.pictures():
        with Image.open(path) as picture:
            picture.load()


def test_sigterm_ends_it_cleanly_and_leaves_no_process(place: Workplace):
    with place.serve() as service:
        service.until_ready()
        sampler = service.sampler()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0
        assert not alive(sampler)
        assert not (place.data / "service.json").exists()
    assert "Traceback" not in place.log("serve")


def test_a_port_in_use_is_named(place: Workplace):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = place.run("serve", ATELIER_HTTP__PORT=str(port))
    assert done.returncode == 4
    assert f"Port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_kill_9_of_the_sampler_mid_job_costs_nobody_a_picture(place: Workplace):
    with place.serve() as service, place.start("imagine", *LONG) as terminal:
        wait_for(lambda: running(place))
        sampler = service.sampler()
        kill(sampler)
        assert terminal.wait(120) == 0, place.log("imagine")
        assert service.sampler() != sampler
    ended_well(place, pictures=2)
    assert place.rows("SELECT count(*) FROM attempt")[0][0] > 2


def test_kill_9_of_the_service_mid_job_leaves_no_orphan_and_delivers_once(place: Workplace):
    with place.serve() as service, place.start("imagine", *LONG) as terminal:
        wait_for(lambda: running(place))
        sampler = service.sampler()
        kill(service.process.pid)
        service.process.wait()
        wait_for(lambda: not alive(sampler))
        assert terminal.wait(60) == 1
        assert "is safe" in place.log("imagine")
    with place.serve() as service:
        wait_for(lambda: place.rows("SELECT 1 FROM job WHERE status = 'done'"))
        ended_well(place, pictures=2)
    with place.serve() as service:  # and a further start finds nothing to do
        service.until_ready()
        time.sleep(1)
        ended_well(place, pictures=2)


def test_doctor_finds_what_is_wrong_and_says_how_to_mend_it(place: Workplace):
    good = place.run("doctor")
    assert good.returncode == 0, good.stdout + good.stderr
    (place.data / "atelier.db").write_bytes(b"this is no database" * 100)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bad = place.run(
            "doctor",
            ATELIER_HTTP__PORT=str(port),
            ATELIER_ENDPOINTS='[{"name": "gpu", "kind": "comfyui", "url": "http://127.0.0.1:9"}]',
            ATELIER_TELEGRAM__TOKEN="123:secret-token",
            ATELIER_TELEGRAM__API_BASE="http://127.0.0.1:9",
        )
    assert bad.returncode == 4
    for subject in ("database", "service", "endpoint gpu", "telegram"):
        assert f"✗ {subject}" in bad.stdout, bad.stdout
    assert bad.stdout.count("→") >= 4
    assert "secret-token" not in bad.stdout + bad.stderr


def test_the_sampler_command_is_the_samplers_own(place: Workplace):
    process = subprocess.Popen(
        place.command("sampler", "--listen", "127.0.0.1", "--port", "0", "--models-dir", str(place.folder / "models")),
        env=place.environment(),
        cwd=place.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"url": "http://127.0.0.1:')
        assert b"engine.sampler" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()
