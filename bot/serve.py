"""`atelier serve`: the service until SIGTERM or Ctrl-C."""

import asyncio
import gc
import signal

import structlog

from bot.compose import open_service
from bot.programs import Exit
from config.settings import Settings

log = structlog.get_logger(__name__)


async def serve_forever(settings: Settings) -> Exit:
    """Run until told to stop; what runs is left to be reconciled by the next start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_service(settings) as service:
        gc.collect()
        gc.freeze()  # what is loaded stays: to look through all of it again would stop the event loop each time
        log.info("serving", url=service.notice.url, data_dir=str(settings.data_dir))
        await stop.wait()
        log.info("stopping")
    return Exit.DONE
