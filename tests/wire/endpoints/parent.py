"""A parent to be killed: keeps one stand-in as its sampler child until the end of the world."""

import asyncio
import os
import sys

from engine.endpoints.comfyui.client import Address
from engine.endpoints.local.child import SamplerChild
from engine.errors import SamplerFailed


async def main() -> None:
    """Start the child given on the command line and say when it listens."""

    async def up(_: Address) -> None:
        print("up", flush=True)

    async def down(_: SamplerFailed) -> None:
        print("down", flush=True)

    await SamplerChild(command=sys.argv[1:], environment=os.environ).start(up=up, down=down)
    await asyncio.sleep(3600)


asyncio.run(main())
