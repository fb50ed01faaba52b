"""Targets and parameters that nobody should send: a 400 with a sentence, and nothing is connected to."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from exporters.dispenser.exporter import Exporter
from laboratory.modbus.gateway import Gateway, Peer, Question, serving
from laboratory.processes import serving as serving_exporter

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@dataclass(frozen=True)
class Scene:
    """An exporter, the one gateway that it may ask, and one that it may not."""

    url: str
    own: Gateway
    canary: Gateway

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(URL(f"{self.url}{path}", encoded=True), headers=headers) as response,
        ):
            assert response.content_type == "text/plain", "nothing that a browser would run"
            return response.status, await response.text()


async def never_asked(_question: Question, _peer: Peer) -> None:
    raise AssertionError("what the settings do not allow was asked")


async def zeros(question: Question, peer: Peer) -> None:
    numbers = [0x5744 if number == 0 else 0 for number in range(question.start, question.start + question.count)]
    peer.write(question.answer(*numbers))


@asynccontextmanager
async def scene(folder: Path, targets: str = "inventory") -> AsyncIterator[Scene]:
    async with serving(zeros) as own, serving(never_asked) as canary:
        rows = [{"name": "own", "site": "main", "address": f"{own.address}/1"}]
        (folder / "dispensers.yaml").write_text(json.dumps({"dispensers": rows}), encoding="utf-8")
        file = folder / "settings.yaml"
        file.write_text(f"inventory: [./dispensers.yaml]\ntargets: {targets}\ntimeout: 300ms\n", encoding="utf-8")
        async with serving_exporter(Exporter(file).service) as url:
            found = Scene(url, own, canary)
            yield found
            status, text = await found.get(f"/probe?target={own.address}/1")
            assert (status, "dispenser_up 1.0\n" in text) == (200, True), "it goes on serving"
            assert canary.connections == 0


REFUSED = re.compile(r"the inventory|does not appear to be an IPv4 or IPv6 address")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]"],
)
@pytest.mark.parametrize("targets", ["inventory", "[10.0.0.0/8, 'fd00::/8']"])
async def test_no_spelling_of_an_address_gets_past_the_settings(host: str, targets: str, tmp_path: Path) -> None:
    async with scene(tmp_path, targets) as found:
        for scheme in ("", "tls://", "rtu+tcp://"):
            target = f"{scheme}{host}:{found.canary.port}"
            status, text = await found.get(f"/probe?target={quote(f'{target}/1', safe='')}")
            assert (status, REFUSED.search(text) is not None) == (400, True), text
            status, text = await found.get(f"/gateway?target={quote(target, safe='')}")
            assert (status, REFUSED.search(text) is not None) == (400, True), text


BAD_TARGETS = {
    "a user and a password": "admin:secret@127.0.0.1:502/1",
    "a user with a scheme": "tls://admin@127.0.0.1:502/1",
    "an IPv6 zone": "[fe80::1%25lo]:502/1",
    "an IPv6 zone with an address's end": "[::1%127.0.0.1]:502/1",
    "IPv6 without brackets": "::1:502/1",
    "an open bracket": "[::1:502/1",
    "a NUL": "127.0.0.1\0:502/1",
    "a NUL behind the unit": "127.0.0.1:502/1\0",
    "a line feed": "127.0.0.1:502/1\n",
    "a header": "127.0.0.1:502/1\r\nX-Evil: 1",
    "blanks": " 127.0.0.1:502/1 ",
    "a path": "127.0.0.1:502/../1",
    "a file": "/etc/passwd",
    "a file's URL": "file:///etc/passwd",
    "a file as a serial line": "serial:///etc/passwd/1",
    "a device that is no line": "serial:///dev/watchdog/1",
    "a climbing path": "serial:///dev/serial/by-id/../../mem/1",
    "a website": "http://127.0.0.1/1",
    "another scheme": "gopher://127.0.0.1:70/1",
    "a query": "127.0.0.1:502/1?unit=2",
    "a fragment": "127.0.0.1:502/1#2",
    "port 0": "127.0.0.1:0/1",
    "port 65536": "127.0.0.1:65536/1",
    "port -1": "127.0.0.1:-1/1",
    "a port that is a word": "127.0.0.1:modbus/1",
    "unit 256": "127.0.0.1:502/256",
    "unit -1": "127.0.0.1:502/-1",
    "a unit in hexadecimal": "127.0.0.1:502/0x1",
    "a unit in another script": "127.0.0.1:502/１",
    "full-width digits": "１２７.０.０.１:502/1",
    "a full-width dot": "127。0。0。1:502/1",
    "a name in another script": "δοκιμή.example:502/1",
    "a byte order mark": "\ufeff127.0.0.1:502/1",
    "a right-to-left mark": "127.0.0.1\u202e:502/1",
    "a long name": "a" * 4000 + ".example:502/1",
    "a long port": f"127.0.0.1:{'5' * 4000}/1",
    "a long unit": f"127.0.0.1:502/{'1' * 4000}",
    "many options": f"serial:///dev/ttyS0?{'baudrate=9600&' * 200}/1",
    "a template": "${jndi:ldap://127.0.0.1/a}/1",
    "markup": "<script>alert(1)</script>/1",
    "nothing but a unit": "/1",
}


@pytest.mark.parametrize("kind", BAD_TARGETS)
async def test_a_target_that_is_no_dispensers_is_refused_with_a_sentence(kind: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        status, text = await found.get(f"/probe?target={quote(BAD_TARGETS[kind], safe='')}")
        assert status == 400
        assert text.endswith("\n")
        assert text.count("\n") == 1, "one sentence, and no line of the target's own"
        assert "Traceback" not in text
        assert "\0" not in text
        assert (await found.get(f"/gateway?target={quote(BAD_TARGETS[kind], safe='')}"))[0] == 400


@pytest.mark.parametrize("module", ["../../etc/passwd", "default.yaml", "DEFAULT", "\0", "a" * 4000, "${x}", "默认"])
async def test_a_module_that_is_not_there_is_refused_with_those_that_are(module: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        status, text = await found.get(f"/probe?target={found.own.address}/1&module={quote(module, safe='')}")
        assert status == 400
        assert text.startswith("unknown module ")
        assert text.endswith("; the register maps are: caleffi-legiomix, default, sunspec-meter, watts-lync-uv\n")


@pytest.mark.parametrize(
    "seconds", ["0", "-1", "nan", "inf", "-inf", "1e999", "ten", "1,5", "", "0x10", "1s", "9" * 400]
)
async def test_a_timeout_that_is_no_time_is_refused(seconds: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        status, text = await found.get(f"/probe?target={found.own.address}/1", **{TIMEOUT_HEADER: seconds})
        assert (status, text) == (400, f"{TIMEOUT_HEADER} is {seconds!r}, which is no number of seconds above 0\n")


@pytest.mark.parametrize("seconds", ["1e-300", "1e300"])
async def test_a_timeout_may_be_tiny_or_huge(seconds: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        status, text = await found.get(f"/probe?target={found.own.address}/1", **{TIMEOUT_HEADER: seconds})
        assert status == 200
        assert ("dispenser_up 1.0\n" in text) == (seconds == "1e300")


@pytest.mark.parametrize("path", ["/probe?target=", "/gateway?target="])
async def test_a_request_line_that_is_too_long_is_refused(path: str, tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        assert (await found.get(f"{path}{'a' * 100_000}"))[0] == 400


async def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        for target in ("%ff%fe", "%c0%af", "%ed%a0%80", "%", "%zz"):
            assert (await found.get(f"/probe?target={target}/1"))[0] == 400


async def test_only_the_first_of_two_targets_counts(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        status, text = await found.get(f"/probe?target={found.own.address}/1&target={found.canary.address}/1")
        assert (status, "dispenser_up 1.0\n" in text) == (200, True)
        status, _ = await found.get(f"/probe?target={found.canary.address}/1&target={found.own.address}/1")
        assert status == 400


async def test_other_methods_do_not_probe(tmp_path: Path) -> None:
    async with scene(tmp_path) as found, aiohttp.ClientSession() as session:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            url = f"{found.url}/probe?target={found.own.address}/1"
            async with session.request(method, url) as response:
                assert response.status == 405
        assert found.own.questions == []


async def test_any_text_is_answered_and_reaches_no_stranger(tmp_path: Path) -> None:
    text = st.text(max_size=60)
    near_miss = st.from_regex(r"(tls://|rtu\+tcp://|serial://)?[a-z0-9.:/?=&%\[\]@#-]{0,40}/[0-9]{1,4}", fullmatch=True)

    async with scene(tmp_path) as found:
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
        @given(target=text | near_miss, module=text, debug=text)
        def answered(target: str, module: str, debug: str) -> None:
            query = "&".join(
                f"{name}={quote(one.encode(errors='replace'), safe='')}"
                for name, one in (("target", target), ("module", module), ("debug", debug))
            )
            status, _ = asyncio.run_coroutine_threadsafe(found.get(f"/probe?{query}"), loop).result(30)
            assert status == 400

        await asyncio.to_thread(answered)
