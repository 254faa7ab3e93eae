"""When the process ends: by a signal, or with its parent, whatever state the event loop is in."""

import asyncio
import contextlib
import ctypes
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LOOK_EVERY = 1.0  # seconds between looks at the parent
_GRACE = 5.0  # seconds for an orderly end before the process is cut off


def stop_on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Call `stop` on SIGTERM and SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def end_with_parent(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Call `stop` when the parent process is gone, and cut this process off if it does not end within some seconds.

    Three signs, for each can fail: the end of a pipe on stdin, another parent's id, and on Linux the kernel's signal.
    That signal also comes when only the parent's thread ends, so it makes us look and no more.
    """
    parent = os.getppid()
    gone = threading.Event()
    wake = threading.Event()

    def leave() -> None:
        if gone.is_set():
            return
        gone.set()
        loop.call_soon_threadsafe(stop)
        time.sleep(_GRACE)
        os._exit(1)

    def read_stdin() -> None:
        stdin = sys.stdin.fileno()
        os.set_blocking(stdin, True)
        with contextlib.suppress(OSError):  # a broken pipe ends like a closed one
            while os.read(stdin, 4096):
                pass
        leave()

    def look() -> None:
        while os.getppid() == parent:
            wake.wait(_LOOK_EVERY)
            wake.clear()
        leave()

    if sys.platform == "linux":
        loop.add_signal_handler(signal.SIGUSR1, wake.set)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    targets = [look, read_stdin] if _stdin_is_pipe() else [look]
    for target in targets:
        threading.Thread(target=target, name=target.__name__, daemon=True).start()


def _stdin_is_pipe() -> bool:
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False  # closed, or there is none
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
