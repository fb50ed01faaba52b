"""Make README's pictures again: `make pictures` lets a dispenser leak in the demo, and photographs what is seen.

Chromium has to be on PATH, and a font with emoji installed.
"""

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import click

from alerting.dingtalk.message import RESOLVED_MARK
from demo.front.service import serving_front_page
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
_LARGEST_BYTES = 200_000
_PATIENCE_SECONDS = 90

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Picture:
    """A file in docs/pictures, and what it shows."""

    name: str
    width: int
    height: int
    text: str
    """What the page says when it is complete."""


DEMO = Picture("demo.png", 1180, 700, "1 alert firing")
CHAT = Picture("chat.png", 640, 640, "2 delivered")


def find_browser() -> str:
    """Find Chromium. Raises TapwatchError with how to get it."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise TapwatchError("there is no Chromium on PATH; apt-get install chromium fonts-noto-color-emoji")
    return found


async def photograph(browser: str, url: str, picture: Picture) -> None:
    """Write what the page looks like when it is complete. Raises TapwatchError.

    Chromium's own --screenshot knows only when a page is loaded, and these ask for their content after that.
    """
    with tempfile.TemporaryDirectory(prefix="tapwatch-browser-", ignore_cleanup_errors=True) as profile:
        options = ("--remote-debugging-port=0", f"--window-size={picture.width},{picture.height}")
        process = await asyncio.create_subprocess_exec(
            *(browser, *_QUIET, *options, f"--user-data-dir={profile}", url),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            content = await _look(Path(profile), picture)
        finally:
            process.terminate()
            await process.wait()
    if len(content) > _LARGEST_BYTES:
        raise TapwatchError(f"{picture.name} has {len(content)} bytes, which is too much for a page to load")
    (FOLDER / picture.name).write_bytes(content)


async def _look(profile: Path, picture: Picture) -> bytes:
    """Wait for the page's text, by the DevTools protocol; return the picture."""
    told = profile / "DevToolsActivePort"

    async def port_of() -> list[str]:
        return told.read_text(encoding="utf-8").split() if told.is_file() else []

    port = (await _wait("Chromium", port_of))[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (page,) = [target for target in await answer.json() if target["type"] == "page"]
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as channel:
            expression = f"document.body.innerText.includes({json.dumps(picture.text)})"

            async def found() -> bool:
                return bool((await _call(channel, "Runtime.evaluate", expression=expression))["result"].get("value"))

            await _wait(f"{picture.text!r} on the page", found)
            size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": False}
            await _call(channel, "Emulation.setDeviceMetricsOverride", **size)
            return base64.b64decode((await _call(channel, "Page.captureScreenshot", format="png"))["data"])


async def _call(channel: aiohttp.ClientWebSocketResponse, method: str, **parameters: object) -> dict[str, Any]:
    await channel.send_json({"id": 1, "method": method, "params": parameters})
    result: dict[str, Any] = (await channel.receive_json())["result"]
    return result


async def make_pictures(browser: str) -> None:
    """Let a dispenser leak in a demo of its own, and photograph what is seen of it. Raises TapwatchError."""
    options = Options(dispensers=24, speed=10, language="en", kubeconfig=None, grafana=False)
    with tempfile.TemporaryDirectory(prefix="tapwatch-pictures-") as folder:
        async with (
            running_pipeline(Path(folder), options, tell) as pipeline,
            serving_front_page(pipeline),
            aiohttp.ClientSession(raise_for_status=True) as session,
        ):
            observer = Observer(session, pipeline.ports)
            leak = pipeline.ports.url("campus", f"/dispensers/{DISPENSER}/faults/leak")
            await _wait(
                "Prometheus to read it", lambda: observer.query(f'dispenser_up{{dispenser="{DISPENSER}"}} == 1')
            )
            await (await session.post(leak)).read()
            await _wait("the message about the leak", lambda: _lines(observer, resolved=False))
            await photograph(browser, pipeline.ports.url("demo", "/"), DEMO)
            await (await session.delete(leak)).read()
            await _wait("the message about its end", lambda: _lines(observer, resolved=True))
            await photograph(browser, pipeline.ports.url("stand-in", "/"), CHAT)


async def _lines(observer: Observer, *, resolved: bool) -> list[str]:
    """The lines of all messages that tell of the dispenser, or of its recovery."""
    lines = [line for message in await observer.messages() for line in str(message["text"]).splitlines()]
    return [line for line in lines if DISPENSER in line and line.startswith(RESOLVED_MARK) == resolved]


async def _wait(what: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask each second until something comes back, and return it. Raises TapwatchError when nothing does."""
    for _ in range(_PATIENCE_SECONDS):
        if answer := await ask():
            return answer
        await asyncio.sleep(1)
    raise TapwatchError(f"waited {_PATIENCE_SECONDS} s for {what}")


@click.command()
@exit_on_faults
def main() -> None:
    """Make README's pictures again, in docs/pictures."""
    browser = find_browser()
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(make_pictures(browser))
    for file in (FOLDER / picture.name for picture in (DEMO, CHAT)):
        click.echo(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
