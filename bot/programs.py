"""The programs that Atelier consists of, and what their exit codes mean."""

import sys
from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of an `atelier` command means."""

    DONE = 0
    FAILED = 1  # the job failed; what it held is back
    BAD_INPUT = 2  # a flag, a value or a file was wrong; nothing was queued
    REFUSED = 3  # credits, access, or nothing that can run it; nothing was queued
    NOT_STARTED = 4  # configuration, database, port or sampler
    CANCELLED = 130  # Ctrl-C


def classifier_command(arguments: list[str]) -> list[str]:
    """The command line of the classifier, which is a program of its own too."""
    return [sys.executable, "-m", "engine.sampler.classifier", *arguments]


def sampler_command(arguments: list[str]) -> list[str]:
    """The command line of our sampler, which is a program of its own."""
    return [sys.executable, "-m", "engine.sampler", *arguments]
