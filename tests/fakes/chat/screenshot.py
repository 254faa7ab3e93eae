"""Pictures of pages: what a transcript looks like in a real browser, by headless Chromium."""

import asyncio
import re
import shutil
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
MEASURE = "<script>document.documentElement.dataset.height = document.documentElement.scrollHeight</script></body>"
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage")
PATIENCE = 60.0  # seconds
TALLEST = 16_000  # pixels


def browser() -> str | None:
    """The command of Chromium, if it is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


async def screenshot(page: str, target: Path, *, width: int = 560, height: int = 0) -> None:
    """Write a PNG of the whole page, or of so many pixels of its top; LookupError without a browser."""
    command = browser()
    if command is None:
        raise LookupError("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        profile = f"--user-data-dir={folder}/profile"
        file = Path(folder) / "page.html"
        if not height:
            file.write_text(page.replace("</body>", MEASURE), encoding="utf-8")
            size = f"--window-size={width},200"
            shown = await _run(command, *OPTIONS, profile, size, "--dump-dom", file.as_uri())
            measured = re.search(r'data-height="(\d+)"', shown)
            height = min(int(measured[1]), TALLEST) if measured else 900
        file.write_text(page, encoding="utf-8")
        size = f"--window-size={width},{height}"
        await _run(command, *OPTIONS, profile, size, f"--screenshot={target.absolute()}", file.as_uri())


async def _run(*command: str) -> str:
    """Standard output of a command; it is ended with this call, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode("utf-8", "replace")
