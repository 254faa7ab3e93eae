"""Structured logs on standard error: for people in colour, for machines as one JSON object a line."""

import logging
import sys
from typing import Literal

import structlog


def configure_logs(level: str, style: Literal["console", "json"]) -> None:
    """Set up structlog once per process; the libraries' own loggers go the same way."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.types.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # the default shows locals: prompts and tokens
    )
    tail: list[structlog.types.Processor] = [renderer]
    if style == "json":
        tail = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_action,
            *tail,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )


def _name_action(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Give every line an `action`: what a machine filters by, where the event is a sentence."""
    event.setdefault("action", event["event"])
    return event
