"""Every trick of a hostile gateway against the exporter, over HTTP: the right numbers or none, always with a reason."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporters.dispenser.exporter import Exporter
from laboratory.modbus.gateway import Framing, Gateway, acting
from laboratory.modbus.hostile import TRICKS, UNDETECTABLE, Trick, any_of, hostile_gateway, mutated
from laboratory.processes import serving
from tapwatch.errors import PollReason

FRAMINGS: tuple[Framing, ...] = ("tcp", "rtu+tcp")
READING_FUNCTIONS = {1, 2, 3, 4}

RUNS = {"h": (100, 104), "i": (500, 504), "c": (9, 26), "d": (900, 909)}
"""The registers that are read, by space. One bit more or less takes another byte: otherwise nothing would tell."""

NUMBERS = {
    f"{space}{number}": number if space in "hi" else number & 1 for space, run in RUNS.items() for number in range(*run)
}
"""What each register of the hostile gateway holds."""

READ_AS_IF_HONEST: Mapping[Framing, Collection[str]] = {
    "tcp": ("honest", "byte by byte", "in two halves", "twice", "late", "another transaction before"),
    "rtu+tcp": ("honest", "byte by byte", "in two halves", "twice", "late", "another unit before", "noise before"),
}
"""Tricks that only look bad: the right answer is there, and can be told from the rest."""


@dataclass(frozen=True)
class Page:
    """What a probe said."""

    up: bool
    reason: str | None
    numbers: Mapping[str, float]


@asynccontextmanager
async def exporter(folder: Path, *lines: str) -> AsyncIterator[str]:
    """The exporter with a map of the registers; yields its URL."""
    entries = [
        {"at": at, "type": "bit" if at[0] in "cd" else "u16", "metric": "hostile_number", "labels": {"at": at}}
        for at in NUMBERS
    ]
    metrics = {"hostile_number": {"type": "gauge", "help": "What a register held."}}
    register_map = {"metrics": metrics, "registers": entries, "holes": "forbid"}
    (folder / "hostile.yaml").write_text(yaml.safe_dump(register_map), encoding="utf-8")
    (folder / "settings.yaml").write_text("\n".join(["maps: [./hostile.yaml]", *lines]), encoding="utf-8")
    async with serving(Exporter(folder / "settings.yaml").service) as url:
        yield url


async def probe(url: str, address: str, session: aiohttp.ClientSession) -> Page:
    query = {"target": address, "module": "hostile"}
    async with session.get(f"{url}/probe", params=query) as response:
        text = await response.text()
        assert response.status == 200, text
    found = [one for family in text_string_to_metric_families(text) for one in family.samples]
    reasons = [one.labels["reason"] for one in found if one.name == "dispenser_probe_failure_info"]
    (up,) = (one.value for one in found if one.name == "dispenser_up")
    assert len(reasons) == (not up), "a reason beside every failure, and none without"
    assert set(reasons) <= set(PollReason)
    numbers = {one.labels["at"]: one.value for one in found if one.name == "hostile_number"}
    return Page(bool(up), reasons[0] if reasons else None, numbers)


def check(page: Page) -> None:
    """Nothing but right numbers; all of them, when the device is said to be up."""
    assert page.numbers == {at: NUMBERS[at] for at in page.numbers}, page
    if page.up:
        assert page.numbers == NUMBERS


async def read_again(url: str, address: str, session: aiohttp.ClientSession, *, unchecked: bool = False) -> None:
    """Ask until everything is read: at once, or when the suspension is over of a unit that has neighbours."""
    async with asyncio.timeout(90):
        while True:
            page = await probe(url, address, session)
            if not unchecked:
                check(page)
            if page.up and page.numbers == NUMBERS:
                return
            await asyncio.sleep(0.05)


def only_reads(server: Gateway) -> bool:
    return {question.function for question in server.questions} <= READING_FUNCTIONS


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("trick", TRICKS)
async def test_a_trick_gives_right_numbers_or_a_reason_and_is_forgotten(
    trick: str, framing: Framing, tmp_path: Path
) -> None:
    is_read = trick in READ_AS_IF_HONEST[framing]
    async with (
        exporter(tmp_path, f"timeout: {'5s' if is_read else '150ms'}") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(TRICKS[trick], framing) as server,
    ):
        address = f"{server.address}/17"
        for _ in range(3):
            page = await probe(url, address, session)
            check(page)
            assert page.up or not is_read, page
        server.behave = acting(TRICKS["honest"])
        await read_again(url, address, session)
        assert only_reads(server)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("trick", TRICKS)
async def test_a_trick_played_after_good_answers_gives_right_numbers_or_a_reason(
    trick: str, framing: Framing, tmp_path: Path
) -> None:
    """What was learned of an honest gateway, a kept connection and a speed, is no reason to believe it later."""
    async with (
        exporter(tmp_path, "timeout: 150ms") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(TRICKS["honest"], framing) as server,
    ):
        address = f"{server.address}/17"
        await read_again(url, address, session)
        for played in (trick, "honest", trick):
            server.behave = acting(TRICKS[played])
            check(await probe(url, address, session))
        server.behave = acting(TRICKS["honest"])
        await read_again(url, address, session)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("seed", range(2))
async def test_a_storm_of_tricks_on_several_units_never_gives_a_wrong_number(
    seed: int, framing: Framing, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    trick = any_of([*TRICKS.values(), *[TRICKS["honest"]] * 60], chance)
    async with (
        exporter(tmp_path, "timeout: 200ms") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(trick, framing) as server,
    ):
        for _ in range(6):
            for page in await asyncio.gather(*(probe(url, f"{server.address}/{unit}", session) for unit in (1, 2, 3))):
                check(page)
        server.behave = acting(TRICKS["honest"])
        for unit in (1, 2, 3):
            await read_again(url, f"{server.address}/{unit}", session)
        assert only_reads(server)


@pytest.mark.parametrize("seed", range(2))
async def test_changed_bytes_are_found_by_the_checksum_of_rtu_frames(seed: int, tmp_path: Path) -> None:
    async with (
        exporter(tmp_path, "timeout: 100ms") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(mutated(random.Random(seed)), "rtu+tcp") as server,
    ):
        for _ in range(20):
            check(await probe(url, f"{server.address}/5", session))
        server.behave = acting(TRICKS["honest"])
        await read_again(url, f"{server.address}/5", session)


TOLD_APART: Mapping[Framing, Mapping[str, Trick]] = {
    # Its second answers have transaction numbers that nobody waits for.
    "tcp": {name: UNDETECTABLE[name] for name in ("twice, later", "endless answers")},
    # Its checksum does not fit what a frame takes from the next one.
    "rtu+tcp": {name: UNDETECTABLE[name] for name in ("truncated, then right",)},
}
"""Tricks that only the other framing falls for."""


@pytest.mark.parametrize(
    ("framing", "trick"), [(framing, trick) for framing, tricks in TOLD_APART.items() for trick in tricks]
)
async def test_what_one_framing_cannot_tell_the_other_can(framing: Framing, trick: str, tmp_path: Path) -> None:
    async with (
        exporter(tmp_path, "timeout: 150ms") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(UNDETECTABLE[trick], framing) as server,
    ):
        for _ in range(3):
            check(await probe(url, f"{server.address}/17", session))
        server.behave = acting(TRICKS["honest"])
        await read_again(url, f"{server.address}/17", session)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("trick", UNDETECTABLE)
async def test_a_gateway_whose_lies_cannot_be_told_is_read_again_when_it_is_honest(
    trick: str, framing: Framing, tmp_path: Path
) -> None:
    """What the lies say is not checked: a right frame with other registers' numbers looks like the right answer."""
    async with (
        exporter(tmp_path, "timeout: 150ms") as url,
        aiohttp.ClientSession() as session,
        hostile_gateway(UNDETECTABLE[trick], framing) as server,
    ):
        for _ in range(3):
            await probe(url, f"{server.address}/17", session)
        server.behave = acting(TRICKS["honest"])
        await read_again(url, f"{server.address}/17", session, unchecked=True)
        for _ in range(3):
            check(await probe(url, f"{server.address}/17", session))
