"""Make README's picture again: `make pictures` starts the demo, lets a dispenser leak, and photographs the group chat.

Chromium has to be on PATH, and a font with emoji installed.
"""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import click

from alerting.dingtalk.message import RESOLVED_MARK
from demo.observer import Observer
from demo.pipeline import Options, running_pipeline
from tapwatch.cache import tell
from tapwatch.errors import TapwatchError
from tapwatch.process import exit_on_faults

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
DISPENSER = "lib-1f-east"

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_WIDTH, _HEIGHT = 640, 640
_LARGEST_BYTES = 200_000
_PATIENCE_SECONDS = 90


def find_browser() -> str:
    """Find Chromium. Raises TapwatchError with how to get it."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise TapwatchError("there is no Chromium on PATH; apt-get install chromium fonts-noto-color-emoji")
    return found


def photograph(browser: str, url: str, file: Path) -> None:
    """Write what the page looks like once its scripts have run. Raises TapwatchError."""
    with tempfile.TemporaryDirectory(prefix="tapwatch-browser-") as profile:
        size = f"--window-size={_WIDTH},{_HEIGHT}"
        # The chat asks for news for ever, so the page never ends loading: it is taken as it is after some seconds.
        where = (f"--user-data-dir={profile}", f"--screenshot={file}", size, "--timeout=5000")
        try:
            answer = subprocess.run([browser, *_QUIET, *where, url], capture_output=True, check=True, timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise TapwatchError(f"{browser} made no picture of {url}: {error}") from error
    if not file.is_file():
        raise TapwatchError(f"{browser} made no picture of {url}: {answer.stderr.decode(errors='replace').strip()}")
    if file.stat().st_size > _LARGEST_BYTES:
        raise TapwatchError(f"{file} has {file.stat().st_size} bytes, which is too much for a page to load")


async def make_chat(browser: str, file: Path) -> None:
    """Let a dispenser leak and be mended in a demo of its own, and photograph the group chat. Raises TapwatchError."""
    options = Options(dispensers=24, speed=10, language="en", kubeconfig=None, grafana=False)
    with tempfile.TemporaryDirectory(prefix="tapwatch-pictures-") as folder:
        async with (
            running_pipeline(Path(folder), options, tell) as pipeline,
            aiohttp.ClientSession(raise_for_status=True) as session,
        ):
            observer = Observer(session, pipeline.ports)
            leak = pipeline.ports.url("campus", f"/dispensers/{DISPENSER}/faults/leak")
            await _wait(
                "Prometheus to read it", lambda: observer.query(f'dispenser_up{{dispenser="{DISPENSER}"}} == 1')
            )
            await (await session.post(leak)).read()
            await _wait("the message about the leak", lambda: _lines(observer, resolved=False))
            await (await session.delete(leak)).read()
            await _wait("the message about its end", lambda: _lines(observer, resolved=True))
            await asyncio.to_thread(photograph, browser, pipeline.ports.url("stand-in", "/"), file)


async def _lines(observer: Observer, *, resolved: bool) -> list[str]:
    """The lines of all messages that tell of the dispenser, or of its recovery."""
    lines = [line for message in await observer.messages() for line in str(message["text"]).splitlines()]
    return [line for line in lines if DISPENSER in line and line.startswith(RESOLVED_MARK) == resolved]


async def _wait(what: str, ask: Callable[[], Awaitable[Sequence[object]]]) -> None:
    """Ask each second until something comes back. Raises TapwatchError when nothing does."""
    for _ in range(_PATIENCE_SECONDS):
        if await ask():
            return
        await asyncio.sleep(1)
    raise TapwatchError(f"{DISPENSER}: waited {_PATIENCE_SECONDS} s for {what}")


@click.command()
@exit_on_faults
def main() -> None:
    """Make README's picture again, in docs/pictures."""
    browser, file = find_browser(), FOLDER / "chat.png"
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(make_chat(browser, file))
    click.echo(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
