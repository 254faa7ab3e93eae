"""The terminal's side of the console: asks the service, draws the progress bar, says where the pictures are."""

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.prompt import Confirm

from bot.console.frames import MAX_FRAME, Ask, Cancel, Shown, decode, encode
from bot.door import Notice
from bot.programs import Exit
from bot.replies import Tone

CANCEL_WAIT = 10.0  # seconds that a cancelled job may take to be confirmed


_EXITS: Mapping[Tone, Exit] = {
    Tone.FAILED: Exit.FAILED,
    Tone.BAD_INPUT: Exit.BAD_INPUT,
    Tone.REFUSED: Exit.REFUSED,
    Tone.CANCELLED: Exit.CANCELLED,
}

_STYLES: Mapping[Tone, str] = {
    Tone.DONE: "green",
    Tone.CANCELLED: "yellow",
    Tone.FAILED: "red",
    Tone.BAD_INPUT: "red",
    Tone.REFUSED: "yellow",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """How it ended: the exit code, and the files that were written, in order."""

    exit: Exit
    files: tuple[str, ...] = ()


class Terminal:
    """One command's conversation with the service."""

    def __init__(self, console: Console, *, assume_yes: bool = False) -> None:
        self._console = console
        self._assume_yes = assume_yes
        self._interrupted = asyncio.Event()
        self._latest: dict[str, Shown] = {}

    async def run(self, notice: Notice, ask: Ask) -> Result:
        """Ask, follow until everything ended, and give the result. Ctrl-C cancels and waits for the refund."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupted.set)
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {notice.key}"}) as session,
                session.ws_connect(f"{notice.url}/console", max_msg_size=MAX_FRAME, heartbeat=20) as socket,
            ):
                return await self._converse(socket, ask)
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse, ask: Ask) -> Result:
        started = time.monotonic()
        await socket.send_str(encode(ask))
        answer = await self._answer(socket)
        if answer is not None and answer.tone is Tone.ASK:
            self._say(answer)
            if not self._agree():
                return Result(exit=Exit.CANCELLED)
            await socket.send_str(encode(Ask(**{**vars(ask), "confirmed": True})))
            answer = await self._answer(socket)
        if answer is None:
            return self._lost(ask.out)
        if not answer.jobs:
            self._say(answer)
            for file in answer.files:
                self._console.print(f"  {file}", highlight=False, soft_wrap=True)
            return Result(files=answer.files, exit=_EXITS.get(answer.tone, Exit.DONE))
        for remark in answer.lines[1:]:  # the first says what was queued, which the bars show
            self._console.print(remark, style="yellow", markup=False, highlight=False, soft_wrap=True)
        if not await self._follow(socket, answer.jobs):
            return self._lost(ask.out)
        return self._summary(answer.jobs, time.monotonic() - started)

    def _agree(self) -> bool:
        if self._assume_yes:
            return True
        return self._console.is_interactive and Confirm.ask("", console=self._console, default=False)

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse) -> Shown | None:
        """Wait for the reply to the command; jobs that are quick may already report meanwhile."""
        with self._console.status("Starting …"):
            while True:
                shown = await self._receive(socket)
                if shown is None or not shown.job:
                    return shown
                self._latest[shown.job] = shown

    async def _follow(self, socket: aiohttp.ClientWebSocketResponse, jobs: tuple[str, ...]) -> bool:
        """Draw the bars until each job's message is final; False if the service went away."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[steps]}"))
        off = not self._console.is_interactive
        with Progress(*columns, console=self._console, transient=True, disable=off) as progress:
            bars = {job: progress.add_task("", total=None, steps="") for job in jobs}
            cancelling: float | None = None
            while not all(job in self._latest and self._latest[job].tone.final for job in jobs):
                shown = await self._receive(socket, until_interrupt=cancelling is None)
                if shown is None:
                    return False
                if shown is _INTERRUPT:
                    cancelling = time.monotonic()
                    await socket.send_str(encode(Cancel()))
                    continue
                before = self._latest.get(shown.job)
                self._latest[shown.job] = shown
                if off and not shown.tone.final and (before is None or before.stage != shown.stage):
                    self._say(shown)  # no bar to draw in a file or a pipe: a line for each stage
                if shown.job in bars and not shown.tone.final:
                    progress.update(
                        bars[shown.job],
                        description=" ".join(shown.lines),
                        total=shown.total or None,
                        completed=shown.done,
                        steps=_eta(shown.eta),
                    )
        return True

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse, *, until_interrupt: bool = False) -> Shown | None:
        """The next frame; None if the service went away or did not confirm a cancel in time."""
        receiving = asyncio.ensure_future(socket.receive())
        interrupt = asyncio.ensure_future(self._interrupted.wait())
        waiting = {receiving, interrupt} if until_interrupt else {receiving}
        timeout = CANCEL_WAIT if self._interrupted.is_set() else None
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=timeout)
        interrupt.cancel()
        if receiving not in done:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
            return _INTERRUPT if done else None
        message = receiving.result()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return None
        frame = decode(message.data)
        return frame if isinstance(frame, Shown) else None

    def _summary(self, jobs: tuple[str, ...], seconds: float) -> Result:
        shown = [self._latest[job] for job in jobs]
        files = tuple(file for one in shown for file in one.files)
        for one in shown:
            self._say(one)
            for file in one.files:
                self._console.print(f"  {file}", highlight=False, soft_wrap=True)
        if len(jobs) > 1 or files:
            self._console.print(f"[dim]{len(files)} file(s) in {seconds:.1f} s[/dim]", highlight=False)
        exits = [_EXITS.get(one.tone, Exit.DONE) for one in shown]
        return Result(exit=max(exits), files=files)

    def _say(self, shown: Shown) -> None:
        for line in shown.lines:
            self._console.print(line, style=_STYLES.get(shown.tone, ""), markup=False, highlight=False, soft_wrap=True)

    def _lost(self, out: str) -> Result:
        if self._interrupted.is_set():
            return Result(exit=Exit.CANCELLED)
        self._console.print(
            f"The service went away. What it had accepted is safe: started again, it goes on and puts the pictures "
            f"into {out}.",
            style="red",
            highlight=False,
        )
        return Result(exit=Exit.FAILED)


_INTERRUPT = Shown(lines=(), tone=Tone.INFO)


def _eta(seconds: float | None) -> str:
    return "" if seconds is None else f"ETA {max(1, round(seconds))} s"
