"""No name leaves its folder, and no two prompts write the same file."""

import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.sampler.server.files import BUILT_IN_MODEL, SamplerFolders, built_in_model_directory
from engine.sampler.server.headers import metadata
from engine.sampler.server.names import numbered, parts, split_kind


def make(root: Path, built_in: Path | None = None) -> SamplerFolders:
    names = ("models", "input", "output", "temp")
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
    return SamplerFolders(**{name: root / name for name in names}, built_in=built_in)


def model(folders: SamplerFolders, name: str, folder: str = "checkpoints") -> Path:
    path = folders.models / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


pieces = st.sampled_from(
    ["..", ".", "", "a", "link", "b.png", "\\", "C:", "\x00", "~", "%2e%2e", " [input]", "\ud800", "\n"]
)
names = st.lists(pieces | st.text(max_size=5), max_size=6).map("/".join) | st.text(max_size=30)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names, subfolder=names, kind=st.sampled_from(["input", "output", "temp", "models", ""]))
def test_no_name_leaves_its_folder(tmp_path: Path, name: str, subfolder: str, kind: str) -> None:
    folders = make(tmp_path)
    link = folders.input / "link"
    if not link.is_symlink():
        link.symlink_to(tmp_path)
    try:
        path = folders.file_path(kind, name, subfolder)
    except ValueError:
        return
    real = Path(os.path.realpath(path))
    assert any(real.is_relative_to(root) and real != root for root in (folders.input, folders.output, folders.temp))
    path.is_file()  # never raises for a path that was given


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names, subfolder=names)
def test_no_upload_leaves_its_folder(tmp_path: Path, name: str, subfolder: str) -> None:
    folders = make(tmp_path)
    secret = tmp_path / "secret"
    secret.mkdir(exist_ok=True)
    if not (folders.input / "link").is_symlink():
        (folders.input / "link").symlink_to(secret)
    try:
        stored = folders.store_upload("input", subfolder, name, b"data", overwrite=False)
    except (ValueError, OSError):
        stored = ""
    assert list(secret.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "models", "output", "secret", "temp"]
    if stored:
        assert folders.file_path("input", stored + " [input]", subfolder).read_bytes() == b"data"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prefix=names)
def test_no_prefix_leaves_the_output_folder(tmp_path: Path, prefix: str) -> None:
    folders = make(tmp_path)
    try:
        directory, stem, counter = folders.save_path("output", prefix)
    except (ValueError, OSError):
        return
    assert directory.resolve().is_relative_to(folders.output)
    assert (directory / f"{stem}_{counter:05}_.png").parent == directory
    assert counter >= 1


def test_pictures_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    folders = make(tmp_path)
    (folders.output / "x_00007_.png").write_bytes(b"there before")
    (folders.output / "x_00009_.png").write_bytes(b"there before")
    (folders.output / "xx_00050_.png").write_bytes(b"another series")
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: folders.save_path("output", "x"), range(100)))
    assert sorted(counter for _, _, counter in got) == list(range(10, 110))
    (folders.output / "x_00110_.png").write_bytes(b"made by somebody else")
    assert folders.save_path("output", "x")[2] == 111
    assert folders.save_path("output", "a/b/x") == (folders.output / "a" / "b", "x", 1)
    assert folders.save_path("output", "")[1:] == ("ComfyUI", 1)
    assert folders.save_path("temp", "x")[2] == 1


def test_models_are_listed_recursively_and_only_safetensors(tmp_path: Path) -> None:
    folders = make(tmp_path)
    assert folders.names("checkpoints") == ()
    for name in ("b.safetensors", "sub/deep/a.SafeTensors", "pickle.ckpt", "notes.txt"):
        model(folders, name)
    (folders.models / "checkpoints" / "circle").symlink_to(folders.models / "checkpoints")
    elsewhere = tmp_path / "disk" / "far.safetensors"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"")
    (folders.models / "checkpoints" / "far.safetensors").symlink_to(elsewhere)
    (folders.models / "checkpoints" / "gone.safetensors").symlink_to(tmp_path / "nowhere")
    assert folders.names("checkpoints") == ("b.safetensors", "far.safetensors", "sub/deep/a.SafeTensors")
    assert folders.names("loras") == ()
    for name in folders.names("checkpoints"):
        assert folders.model_path("checkpoints", name).is_file()
    for name in ("pickle.ckpt", "gone.safetensors", "nope.safetensors", ""):
        with pytest.raises(FileNotFoundError):
            folders.model_path("checkpoints", name)
    for name in ("../loras/x.safetensors", "/x.safetensors", "a\\b.safetensors"):
        with pytest.raises(ValueError):
            folders.model_path("checkpoints", name)
    for ask in (lambda: folders.names("secrets"), lambda: folders.model_path("secrets", "x")):
        with pytest.raises(ValueError):
            ask()


def test_the_built_in_model_is_listed_last_and_gives_way_to_a_file(tmp_path: Path) -> None:
    folders = make(tmp_path, built_in_model_directory())
    model(folders, "z.safetensors")
    assert folders.names("checkpoints") == ("z.safetensors", BUILT_IN_MODEL)
    assert folders.names("loras") == ()
    assert folders.model_path("checkpoints", BUILT_IN_MODEL) == built_in_model_directory()
    said = metadata(folders.model_path("checkpoints", BUILT_IN_MODEL))
    assert said["modelspec.architecture"] == "atelier-tiny"
    assert said["modelspec.resolution"] == "128x128"
    assert said["modelspec.title"]
    own = model(folders, BUILT_IN_MODEL)
    assert folders.names("checkpoints") == (BUILT_IN_MODEL, "z.safetensors")
    assert folders.model_path("checkpoints", BUILT_IN_MODEL) == own
    assert make(tmp_path / "other").names("checkpoints") == ()


def test_fingerprints_follow_content(tmp_path: Path) -> None:
    folders = make(tmp_path)
    assert folders.fingerprint("input", "a.png") == ""
    folders.store_upload("input", "", "a.png", b"one", overwrite=True)
    first = folders.fingerprint("input", "a.png")
    folders.store_upload("input", "", "a.png", b"two", overwrite=True)
    assert folders.fingerprint("input", "a.png") not in (first, "")
    assert folders.exists("input", "a.png")
    assert folders.exists("output", "a.png [input]")
    assert not folders.exists("input", "")
    assert not folders.exists("input", "../input/a.png")
    assert not folders.exists("checkpoints", "nope")
    (folders.input / "folder.png").mkdir()
    assert not folders.exists("input", "folder.png")
    assert folders.names("input") == ("a.png",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\xff" * 8,
        struct.pack("<Q", 5) + b"{",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 1) + b"{",
    ],
)
def test_a_file_that_is_no_safetensors_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError):
        metadata(path)


def test_a_header_nested_too_deeply(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 200_000) + b"[" * 200_000)
    with pytest.raises(ValueError):
        metadata(path)


def test_small_things_about_names() -> None:
    assert parts("a//./b.png") == ("a", "b.png")
    assert split_kind("a b.png [output]") == ("a b.png", "output")
    assert split_kind("a[output]") == ("a", "output")
    assert split_kind("a.png [other]") == ("a.png [other]", None)
    assert (numbered("a.png", 0), numbered("a.b.png", 2), numbered("a", 1)) == ("a.png", "a.b (2).png", "a (1)")
