"""A sampler process with stand-in nodes instead of torch: what the tests of its life start, stop and kill.

Arguments: the options of `python -m engine.sampler`, before them how long a step takes, in seconds.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import time

from engine.sampler.__main__ import parse, run
from engine.sampler.compose import build, with_environment
from engine.sampler.nodes.registry import Folders, Runtime
from tests.wire.sampler.support import StandInRuntime, StandIns, declarations


def runtime(_: Folders) -> Runtime:
    """Take a while, as torch does."""
    time.sleep(float(os.environ.get("STAND_IN_LOADS", "0")))
    if os.environ.get("STAND_IN_FAILS"):
        raise RuntimeError("No CUDA GPUs are available")
    return StandInRuntime()


def main() -> int:
    """Serve with the stand-ins."""
    nodes = StandIns()
    nodes.step_seconds = float(sys.argv[1])
    options = with_environment(parse(sys.argv[2:]))
    return run(lambda: build(options, declarations=declarations(), implementation=nodes.find, build_runtime=runtime))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
