"""The command line against a running service: what people type, and what they read."""

import pytest
from PIL import Image

from tests.e2e.processes import Served

PROMPT = "a red house under a yellow sun"


def jobs(served: Served) -> int:
    (row,) = served.place.rows("SELECT count(*) FROM job")
    assert isinstance(row[0], int)
    return row[0]


def test_a_terminal_submits_to_the_service_that_runs(served: Served):
    done = served.place.run("imagine", PROMPT, "--steps", "3", "--save", "first.png")
    assert done.returncode == 0, done.stdout + done.stderr
    assert served.place.rows("SELECT max(sequence), status FROM job")[0][1] == "done"
    saved = served.place.folder / "first.png"
    assert saved.read_bytes() in [path.read_bytes() for path in served.place.pictures()]
    assert f"{saved.name}" in done.stdout


def test_the_same_seed_gives_the_same_picture_and_another_gives_another(served: Served):
    pictures = []
    for number, seed in enumerate(("7", "7", "8")):
        out = served.place.folder / f"seed-{number}"
        assert served.place.run("imagine", PROMPT, "--seed", seed, "--steps", "3", "--out", str(out)).returncode == 0
        (path,) = out.glob("*.png")
        with Image.open(path) as picture:
            pictures.append(picture.tobytes())
    first, second, third = pictures
    assert first == second != third


def test_img2img_keeps_the_shape_of_its_picture(served: Served):
    source, out = served.place.folder / "in.jpg", served.place.folder / "shaped"
    Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 50).convert("RGB").save(source)
    done = served.place.run(
        "imagine", PROMPT, "--strength", "0.4", "--steps", "4", "--image", str(source), "--out", str(out)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.png")
    with Image.open(path) as picture:
        assert picture.size == (160, 104)


def test_dry_says_the_price_and_makes_nothing(served: Served):
    before = jobs(served)
    done = served.place.run("imagine", PROMPT, "--n", "4", "--dry")
    assert done.returncode == 0
    assert "4 pictures" in done.stdout
    assert "credits" in done.stdout
    assert jobs(served) == before


def test_many_jobs_are_asked_about_first(served: Served):
    line = "a {red,blue} {house,boat}"
    before = jobs(served)
    refused = served.place.run("imagine", line, "--steps", "2")
    assert refused.returncode == 130
    assert "4 jobs" in refused.stdout
    assert jobs(served) == before
    done = served.place.run("imagine", line, "--steps", "2", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs(served) == before + 4


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((PROMPT, "--stepz", "4"), 2, "--steps"),
        ((PROMPT, "--steps", "400"), 2, "60"),
        ((PROMPT, "--model", "sdxl"), 2, "sdxl"),
        ((PROMPT, "--image", "missing.png"), 2, "missing.png"),
        ((PROMPT, "--template", "txt3img"), 2, "txt2img"),
        ((PROMPT, "--cfg"), 2, "--cfg"),
        (("--steps", "4"), 2, "picture show"),
        (("a {1,2,3,4,5} {1,2,3,4,5}",), 2, "25"),
        ((PROMPT, "--out", "/proc/nowhere"), 2, "/proc/nowhere"),
    ],
    ids=["flag", "range", "model", "no file", "template", "no value", "no prompt", "too many", "no folder"],
)
def test_wrong_input_ends_in_a_clear_sentence(served: Served, arguments, code, says):
    before = jobs(served)
    done = served.place.run("imagine", *arguments)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert says in said
    assert "Traceback" not in said
    assert jobs(served) == before


def test_a_thirty_thousand_pixel_picture_is_refused_before_it_is_decoded(served: Served):
    source = served.place.folder / "bomb.png"
    Image.new("1", (30_000, 30_000)).save(source)
    done = served.place.run("imagine", PROMPT, "--image", str(source))
    assert done.returncode == 2
    assert "too large" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_checkpoint_that_is_none_fails_with_a_reason_and_a_refund(served: Served):
    folder = served.place.data / "models" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "holiday.safetensors").write_bytes(bytes(4096))
    done = served.place.run("imagine", PROMPT, "--model", "holiday", "--steps", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "credits are back" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert served.place.rows("SELECT status, charged FROM job ORDER BY sequence DESC LIMIT 1") == [("failed", 0)]


def test_the_service_wrote_no_traceback_and_no_prompt(served: Served):
    log = served.place.log("serve")
    assert "Traceback" not in log
    assert "yellow sun" not in log


def test_health_and_metrics(served: Served):
    assert served.service.get("/healthz")[0] == 200
    assert served.service.get("/readyz") == (200, '{"database": true, "endpoints": true}')
    assert served.service.metric('atelier_endpoint_ready{endpoint="local"}') == 1
    assert served.service.metric('atelier_jobs{status="done"}') >= 1


def test_the_console_door_is_closed_to_strangers(served: Served):
    assert served.service.get("/console")[0] == 401
    assert (served.place.data / "service.json").stat().st_mode & 0o077 == 0


def test_a_second_service_on_the_same_data_is_refused(served: Served):
    done = served.place.run("serve")
    assert done.returncode == 4
    assert "Another Atelier" in done.stderr
    assert "Traceback" not in done.stderr
    assert served.service.get("/healthz")[0] == 200
    assert (served.place.data / "service.json").exists()
