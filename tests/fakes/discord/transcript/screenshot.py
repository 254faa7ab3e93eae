"""A page's picture, taken by Chromium without a window."""

import asyncio
import re
import shutil
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHORT, UNKNOWN = 400, 900  # heights in pixels: of the window while measuring, and when that failed
PATIENCE = 60.0  # seconds


async def screenshot(path: Path, *, width: int = 760, height: int = 0) -> Path | None:
    """A PNG beside the page, as high as the page is unless told; None where there is no Chromium."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return None
    picture, address = path.with_suffix(".png"), path.resolve().as_uri()
    if not height:
        seen = await _browse(browser, f"--window-size={width},{SHORT}", "--dump-dom", address)
        measured = re.search(rb'data-height="(\d+)"', seen)
        height = int(measured[1]) if measured else UNKNOWN
    await _browse(browser, f"--window-size={width},{height}", f"--screenshot={picture}", address)
    return picture if picture.exists() else None


async def _browse(browser: str, *wanted: str) -> bytes:
    """Run it; what it writes, nothing if it does not end."""
    process = await asyncio.create_subprocess_exec(
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"),
        *wanted,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            return (await process.communicate())[0]
    except TimeoutError:
        process.kill()
        await process.wait()
        return b""
