"""The demo's own pages, in a running demo: every link leads somewhere, every button breaks or mends a thing."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from tests.integration.demo.conftest import RunningDemo

PATIENCE_SECONDS = 60
SERVICES = ["Group chat", "Prometheus", "DingTalk bridge", "Dispenser exporter", "Cluster exporter"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Browser:
    """Opens pages, and posts as a page of some site does."""

    def __init__(self, session: aiohttp.ClientSession, front: str) -> None:
        self._session = session
        self.front = front.rstrip("/")

    async def get(self, url: str) -> tuple[int, str]:
        async with self._session.get(url if "://" in url else f"{self.front}{url}") as response:
            return response.status, await response.text()

    async def state(self) -> dict[str, Any]:
        async with self._session.get(f"{self.front}/state", raise_for_status=True) as response:
            state: dict[str, Any] = await response.json()
            return state

    async def post(self, path: str, **headers: str) -> tuple[int, str]:
        """As the page itself, unless told other headers."""
        own = {"Origin": self.front} | headers
        async with self._session.post(f"{self.front}{path}", headers=own) as response:
            return response.status, await response.text()

    async def until(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for _ in range(2 * PATIENCE_SECONDS):
            state = await self.state()
            if reached(state):
                return state
            await asyncio.sleep(0.5)
        raise AssertionError(f"it is never so: {state}")


@pytest.fixture
async def browser(demo: RunningDemo) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        yield Browser(session, demo.url("Open this first"))


def firing(name: str, about: str) -> Callable[[dict[str, Any]], bool]:
    return lambda state: any(
        (one["name"], one["about"], one["state"]) == (name, about, "firing") for one in state["alerts"]
    )


def quiet(state: dict[str, Any]) -> bool:
    return not any(one["state"] == "firing" for one in state["alerts"])


async def test_the_page_stands_first_and_every_printed_link_leads_to_a_page_for_people(
    demo: RunningDemo, browser: Browser
) -> None:
    printed = re.findall(r"^(\S.*?)  +(http://\S+)", demo.overview, re.MULTILINE)
    assert [name for name, _ in printed][:1] == ["Open this first"]
    assert {name for name, _ in printed} >= set(SERVICES)
    for name, url in printed:
        status, text = await browser.get(url.partition("#")[0])
        assert (status, "<html" in text.lower() or "<!doctype" in text.lower()) == (200, True), f"{name}: {url}"


async def test_the_page_loads_nothing_from_elsewhere_and_links_to_what_was_printed(
    demo: RunningDemo, browser: Browser
) -> None:
    _, text = await browser.get("/")
    for name in SERVICES:
        assert f'<a href="{demo.url(name)}">{name}</a>' in text
    loaded = re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', text)
    assert sorted(loaded) == ["/page.css", "/page.js"]
    for path in loaded:
        status, asset = await browser.get(path)
        assert status == 200
        assert "://" not in asset.replace("https?://", "")


async def test_a_leak_by_button_becomes_an_alert_with_a_page_and_a_message_and_is_mended(browser: Browser) -> None:
    name = (await browser.state())["dispensers"][0]["name"]
    assert await browser.post(f"/dispensers/{name}/faults/leak") == (200, "done\n")
    state = await browser.until(firing("DispenserLeak", name))
    (alert,) = [one for one in state["alerts"] if one["name"] == "DispenserLeak"]
    assert alert["runbook"] == f"{browser.front}/docs/runbooks/DispenserLeak.md"
    status, text = await browser.get(alert["runbook"])
    assert status == 200
    assert "<h1>DispenserLeak</h1>" in text
    state = await browser.until(lambda state: bool(state["delivered"]))
    (shown,) = [one for one in state["dispensers"] if one["name"] == name]
    assert (shown["health"], shown["faults"], shown["injected"]) == ("up", ["leak"], ["leak"])
    assert name in state["messages"][0]["title"]
    assert (await browser.post(f"/dispensers/{name}/clear"))[0] == 200
    await browser.until(quiet)


async def test_links_to_dashboards_say_that_there_are_none_and_why(browser: Browser) -> None:
    status, text = await browser.get("/d/tapwatch-fleet")
    assert status == 404
    assert "This demo has no dashboards. Grafana: left out, as you asked for." in text


@pytest.mark.parametrize("act", ["kill", "hang"])
async def test_an_api_server_is_broken_and_mended_by_buttons(browser: Browser, act: str) -> None:
    said = {"kill": "is dead", "hang": "hangs"}[act]
    assert [one["state"] for one in (await browser.state())["replicas"]] == ["runs"] * 3
    assert (await browser.post(f"/replicas/2/{act}"))[0] == 200
    assert [one["state"] for one in (await browser.state())["replicas"]] == ["runs", said, "runs"]
    assert (await browser.post("/replicas/2/mend"))[0] == 200
    assert [one["state"] for one in (await browser.state())["replicas"]] == ["runs"] * 3


async def test_everything_is_mended_at_once(browser: Browser) -> None:
    names = [one["name"] for one in (await browser.state())["dispensers"]][:2]
    for name in names:
        assert (await browser.post(f"/dispensers/{name}/faults/filter"))[0] == 200
    injected = [one["injected"] for one in (await browser.state())["dispensers"]]
    assert injected == [["filter"], ["filter"], *([[]] * (len(injected) - 2))]
    assert (await browser.post("/dispensers/clear"))[0] == 200
    assert not any(one["injected"] for one in (await browser.state())["dispensers"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://elsewhere.example:9812", "Host": "elsewhere.example:9812"},
    ],
    ids=["another site", "a file", "no page at all", "a name that leads to loopback"],
)
async def test_other_sites_break_nothing(browser: Browser, headers: dict[str, str]) -> None:
    name = (await browser.state())["dispensers"][0]["name"]
    for path in (f"/dispensers/{name}/faults/leak", "/dispensers/clear", "/replicas/1/kill"):
        status, text = await browser.post(path, **headers)
        assert (status, text) == (403, "only the demo's own page may do this; elsewhere: tapwatch simulate\n")
    state = await browser.state()
    assert state["dispensers"][0]["injected"] == []
    assert state["replicas"][0]["state"] == "runs"


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        (
            "/dispensers/lib-1f-eastt/faults/leak",
            404,
            "no dispenser is named 'lib-1f-eastt'; did you mean 'lib-1f-east'?",
        ),
        ("/dispensers/lib-1f-east/faults/leek", 400, "no fault is named 'leek'; did you mean 'leak'?"),
        ("/dispensers/%2e%2e%2ffaults/faults/leak", 404, "no dispenser is named '../faults'"),
        ("/replicas/4/kill", 404, "there is no simulated API server 4"),
    ],
)
async def test_what_there_is_not_is_told_with_what_there_is(
    browser: Browser, path: str, status: int, sentence: str
) -> None:
    found, text = await browser.post(path)
    assert (found, text.startswith(sentence)) == (status, True), text


@pytest.mark.parametrize(
    "path", ["/docs/none.md", "/docs/runbooks/..%2f..%2f..%2fREADME.md", "/docs/..%2fpyproject.toml", "/docs/runbooks"]
)
async def test_only_pages_of_the_documentation_are_shown(browser: Browser, path: str) -> None:
    status, text = await browser.get(path)
    assert status == 404
    assert "There is no page" in text


async def test_runbooks_have_this_demos_addresses_in_their_commands(demo: RunningDemo, browser: Browser) -> None:
    _, text = await browser.get("/docs/runbooks/DispenserLeak.md")
    prometheus = re.match(r"http://[^/]+", demo.url("Prometheus"))
    assert prometheus
    assert f"promtool query instant {prometheus[0]} " in text
