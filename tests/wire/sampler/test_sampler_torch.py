"""The whole sampler as a process: torch, the built-in model, several prompts at once."""

import importlib.util
import io
import json
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from tests.wire.sampler.support import seed_graph
from tests.wire.sampler.test_sampler_life import REAL, arguments, ask, process, until, url_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the extra `local` is not installed")


def test_the_seed_workflow_makes_pictures_on_the_built_in_model(tmp_path: Path) -> None:
    with process([*REAL, *arguments(tmp_path), "--device", "cpu"]) as started:
        url = url_of(started)
        ids = []
        for seed in range(3):
            graph = seed_graph(seed=seed, steps=3)
            graph["4"]["inputs"]["ckpt_name"] = "atelier-tiny.safetensors"
            graph["5"]["inputs"].update(width=128, height=128)
            ids.append(ask(url + "/prompt", {"prompt": graph})["prompt_id"])
        names = set()
        for prompt_id in ids:
            until(lambda prompt_id=prompt_id: ask(f"{url}/history/{prompt_id}"), seconds=120)
            entry = ask(f"{url}/history/{prompt_id}")[prompt_id]
            assert entry["status"]["completed"], entry["status"]["messages"][-1]
            (item,) = entry["outputs"]["9"]["images"]
            names.add(item["filename"])
            with urllib.request.urlopen(f"{url}/view?filename={item['filename']}") as answer:
                picture = Image.open(io.BytesIO(answer.read()))
            assert picture.size == (128, 128)
            assert json.loads(picture.info["prompt"])["3"]["class_type"] == "KSampler"
        assert len(names) == 3
        (device,) = ask(url + "/system_stats")["devices"]
        assert device["type"] == "cpu"
        started.terminate()
        assert started.wait(timeout=30) == 0
