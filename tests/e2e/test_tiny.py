"""What people try first shows on the built-in model: seeds, img2img, inpainting, unknown words, negative prompts."""

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.e2e.processes import Served

Pixels = npt.NDArray[np.float64]
PROMPT = "a red house under a yellow sun"


def draw(served: Served, name: str, *arguments: str) -> tuple[list[Pixels], list[Path], str]:
    """Make pictures: their pixels (height, width, 3) in 0 to 255, their files, and what the command said."""
    out = served.place.folder / name
    done = served.place.run("imagine", *arguments, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    paths = sorted(out.glob("*.png"))
    pixels = []
    for path in paths:
        with Image.open(path) as picture:
            pixels.append(np.asarray(picture.convert("RGB"), dtype=np.float64))
    return pixels, paths, done.stdout


def layout(pixels: Pixels) -> Pixels:
    """Where it is light and dark: the grays of 8x8 blocks, with mean 0 and length 1."""
    gray = pixels.mean(axis=2)
    height, width = (side // 8 for side in gray.shape)
    blocks = gray[: height * 8, : width * 8].reshape(height, 8, width, 8).mean(axis=(1, 3))
    centred = blocks - blocks.mean()
    normal: Pixels = centred / np.linalg.norm(centred)
    return normal


@pytest.fixture(scope="module")
def source(served: Served) -> tuple[Pixels, Path]:
    """A picture to start from."""
    (pixels,), (path,), _ = draw(served, "source", PROMPT, "--seed", "3")
    return pixels, path


def test_four_seeds_give_four_visibly_different_pictures(served: Served) -> None:
    pictures, _, _ = draw(served, "four", PROMPT, "--seed", "7", "--n", "4")
    assert len(pictures) == 4
    for one, other in combinations(pictures, 2):
        changed = (np.abs(one - other).max(axis=2) > 32).mean()
        assert changed > 0.05, f"only {changed:.1%} of the pixels differ visibly"


def test_img2img_at_two_fifths_keeps_the_layout(served: Served, source: tuple[Pixels, Path]) -> None:
    before, path = source
    (after,), _, _ = draw(
        served, "img2img", "a blue house under a yellow sun", "--image", str(path), "--strength", "0.4", "--seed", "5"
    )
    (unrelated,), _, _ = draw(served, "unrelated", "a blue house under a yellow sun", "--seed", "5")
    assert after.shape == before.shape
    assert np.abs(after - before).max() > 32, "nothing changed"
    kept = float((layout(before) * layout(after)).sum())
    assert kept > 0.9
    assert kept > float((layout(before) * layout(unrelated)).sum())


def test_an_inpainted_half_leaves_the_other_half_alone(served: Served, source: tuple[Pixels, Path]) -> None:
    before, path = source
    height, width, _ = before.shape
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (width // 2, 0, width, height))
    mask.save(served.place.folder / "mask.png")
    (after,), _, _ = draw(
        served,
        "inpaint",
        "a green tree at night",
        "--image",
        str(path),
        "--mask",
        str(served.place.folder / "mask.png"),
        "--seed",
        "4",
    )
    assert after.shape == before.shape
    assert np.abs(after - before)[:, : width // 2 - 1].max() <= 1
    changed = (np.abs(after - before)[:, width // 2 + 1 :].max(axis=2) > 32).mean()
    assert changed > 0.25


def test_unknown_words_are_named_and_the_rest_is_drawn(served: Served) -> None:
    (made,), _, said = draw(served, "unknown", "a red house and a wyvern", "--seed", "3", "--steps", "4")
    assert "passed over: wyvern" in said
    assert made.size
    _, _, silent = draw(served, "known", "a red house and a tree", "--seed", "3", "--steps", "2")
    assert "passed over" not in silent


def test_what_is_not_wanted_goes_away(served: Served) -> None:
    """A flower is red when nothing else is said; the share of the picture that is red falls when red is not wanted."""

    def red(name: str, *flags: str) -> float:
        pictures, _, _ = draw(served, name, "a flower", "--seed", "11", "--n", "4", *flags)
        reds, greens, blues = np.moveaxis(np.stack(pictures), -1, 0)
        return float(((reds > 170) & (greens < 110) & (blues < 110)).mean())

    assert red("without", "--no", "red, pink") < 0.5 * red("with")
