"""Somebody who makes pictures in a house and presses their buttons, and an endpoint that paints in any size."""

import io
import json
from collections.abc import Mapping

from PIL import Image, PngImagePlugin

from bot.replies import Reply
from engine.model import Attempt, Identity, JobView, Outcome, OutputFile
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.house import ADA, House

CLUB: dict[str, object] = {"community": "club", "community_name": "Club"}


def picture(width: int, height: int, colour: str = "teal", *, prompt: str = "") -> bytes:
    """A PNG as ComfyUI writes it, with its workflow."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps({"6": prompt}))
    info.add_text("workflow", json.dumps({"nodes": [prompt]}))
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


class Painter(FakeEndpoint):
    """Gives pictures of the size that is asked for, with their prompt in them."""

    async def run(self, attempt, read, listen):  # type: ignore[no-untyped-def]
        self.script.append(self._painted(attempt))
        return await super().run(attempt, read, listen)

    def _painted(self, attempt: Attempt) -> Outcome:
        inputs = titled(attempt)
        canvas, pad = inputs["Canvas"], inputs.get("Pad", {})
        width = int(canvas["width"]) + int(pad.get("left", 0)) + int(pad.get("right", 0))
        height = int(canvas["height"]) + int(pad.get("top", 0)) + int(pad.get("bottom", 0))
        data = picture(
            width, height, f"#{hash(attempt.prompt_id) % 0xFFFFFF:06x}", prompt=str(inputs["Prompt"]["text"])
        )
        file = OutputFile(node_id="9", kind="images", filename="a_00001_.png", mime="image/png", data=data)
        return Outcome(files=(file,), seconds=1.0)


def titled(attempt: Attempt) -> Mapping[str, Mapping[str, object]]:
    """The inputs of an attempt's nodes by their titles."""
    return {node["_meta"]["title"]: node["inputs"] for node in attempt.graph.values()}  # type: ignore[index,call-overload,misc]


async def made(house: House, line: str = "a red house --seed 7", who: Identity = ADA, **more: object) -> JobView:
    """Make a job and wait for its pictures to be in the chat."""
    reply = await house.ask("imagine", line, who=who, **more)
    assert reply.jobs, reply
    return await house.ended(reply.jobs[0])


async def press(house: House, action: str, job_id: str, index: int = 0, who: Identity = ADA, **more: object) -> Reply:
    """Press a button."""
    return await house.ask(action, (job_id, str(index)), who=who, **more)  # type: ignore[arg-type]


async def after(house: House, reply: Reply) -> JobView:
    """The job that an answer made, once it has ended."""
    assert len(reply.jobs) == 1, reply
    return await house.ended(reply.jobs[0])


def keys(reply: Reply) -> list[str]:
    return [line.key for line in reply.lines]


def names(reply: Reply) -> list[list[str]]:
    return [[f"{button.action}{button.index or ''}" for button in row] for row in reply.buttons]


def last_run(house: House) -> Mapping[str, Mapping[str, object]]:
    return titled(house.endpoints[0].runs[-1])
