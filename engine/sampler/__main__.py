"""`python -m engine.sampler`: the sampler's own entry point; its first line on stdout is `{"url": ...}`."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from engine.sampler.compose import CannotStart, Options, Sampler, build, serve, with_environment

_WRONG_START = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sampler until told to stop; 0 after a signal, 1 if torch cannot load, 2 if it cannot start as asked."""
    options = with_environment(parse(arguments))
    return run(lambda: build(options))


def run(build_sampler: Callable[[], Sampler]) -> int:
    """Build and serve, with logs on stderr and one sentence there if that is not possible."""
    _log_to_stderr()
    try:
        return asyncio.run(serve(build_sampler()))
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG_START


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; the names are ComfyUI's where it has them."""
    parser = argparse.ArgumentParser(
        prog="atelier sampler", description="A ComfyUI-compatible server that samples many prompts in shared passes."
    )
    defaults = Options()
    parser.add_argument("--listen", default=defaults.listen, metavar="ADDRESS", help="address (default %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=defaults.port, help="port, 0 for a free one (default %(default)s)"
    )
    parser.add_argument("--models-dir", type=Path, default=defaults.models, metavar="DIR", dest="models")
    parser.add_argument("--input-directory", type=Path, metavar="DIR", dest="input", help="default: beside the models")
    parser.add_argument(
        "--output-directory", type=Path, metavar="DIR", dest="output", help="default: beside the models"
    )
    parser.add_argument("--temp-directory", type=Path, metavar="DIR", dest="temp", help="default: the system's")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=defaults.device)
    parser.add_argument(
        "--max-batch", type=_positive, default=defaults.max_batch, metavar="N", help="pictures that share one pass"
    )
    parser.add_argument("--exact", action="store_true", help="fill every pass up to one size: slower, the same bits")
    parser.add_argument("--no-built-in", action="store_false", dest="built_in", help="do not offer the built-in model")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the parent process does")
    return Options(**vars(parser.parse_args(arguments)))


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


if __name__ == "__main__":
    code = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Threads deep in native code would hold up, or crash, an orderly end of the interpreter.
    os._exit(code)
