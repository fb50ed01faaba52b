"""`tapwatch read` on devices that are not what the map is for: what it says, and what it says to do next."""

import shlex
import struct
from pathlib import Path

import pytest

from exporters.dispenser.simulator.campus import Campus
from exporters.dispenser.simulator.layout import Layout
from laboratory.modbus.gateway import Peer, Question, serving
from laboratory.modbus.pymodbus_server import pymodbus_server
from laboratory.processes import run_to_end
from tests.integration.dispenser.acme import REGISTERS, UNIT

NEXT = " read {address} --registers h0-h19"


async def be_another_model(question: Question, peer: Peer) -> None:
    peer.write(question.answer(*range(7, 7 + question.count)))


async def have_no_values(question: Question, peer: Peer) -> None:
    """Of the default map's model, with a number that stands for no value everywhere else."""
    peer.write(question.answer(*(0x5744 if not number else 0xFFFF for number in range(question.count))))


async def say_nothing(_question: Question, _peer: Peer) -> None:
    """To what it does not have."""


async def fail(question: Question, peer: Peer) -> None:
    peer.write(question.refuse(4))


async def test_a_device_of_another_model_is_to_show_its_registers() -> None:
    async with serving(be_another_model) as gateway:
        status, _, err = await run_to_end("read", f"{gateway.address}/1")
    assert status == 1
    assert "cannot be read (identity): register i0 holds 7" in err
    assert "may be of another model than the map default is for" in err
    assert err.endswith(NEXT.format(address=f"{gateway.address}/1") + "\n")


async def test_a_silent_unit_may_be_one_that_knows_other_registers() -> None:
    async with serving(say_nothing) as gateway:
        status, _, err = await run_to_end("read", f"{gateway.address}/9", "--timeout=300ms")
    assert (status, "Unit number and wiring are right? Then it may be of another model" in err) == (1, True)
    assert err.endswith(NEXT.format(address=f"{gateway.address}/9") + "\n")


async def test_a_device_without_any_value_of_the_map_is_no_success(tmp_path: Path) -> None:
    own = tmp_path / "acme.yaml"
    own.write_text(
        "not_available: {u16: 0xFFFF}\nregisters: [{at: h1, type: u16, metric: dispenser_error_code}]\n", "utf-8"
    )
    async with serving(have_no_values) as gateway:
        status, _, err = await run_to_end("read", f"{gateway.address}/1", f"--map={own}")
        assert status == 0, err  # h1 is asked for alone, and is no 0xFFFF then
        own.write_text(own.read_text("utf-8").replace("at: h1,", "at: h1, not_available: 0x5744,"), "utf-8")
        status, out, err = await run_to_end("read", f"{gateway.address}/1", f"--map={own}")
    assert (status, "not_available" in out) == (1, True)
    assert f"error: {gateway.address}/1 answers, and holds no value of the map acme\n" in err
    assert err.endswith(NEXT.format(address=f"{gateway.address}/1") + "\n")


async def test_a_device_that_has_failed_is_not_taken_for_another_model() -> None:
    async with serving(fail) as gateway:
        status, _, err = await run_to_end("read", f"{gateway.address}/1")
    assert (status, len(err.splitlines())) == (1, 1)
    assert "exception 4 (device failure)" in err


async def test_values_that_the_device_refuses_are_named(tmp_path: Path) -> None:
    own = tmp_path / "acme.yaml"
    rows = "".join(f"  - {{at: h{at}, type: u16, metric: acme_word, labels: {{at: h{at}}}}}\n" for at in (0, 3, 10))
    own.write_text(f"metrics: {{acme_word: {{type: gauge, help: A word.}}}}\nregisters:\n{rows}", encoding="utf-8")
    async with pymodbus_server({UNIT: REGISTERS}) as gateway:
        status, out, _ = await run_to_end("read", f"{gateway}/{UNIT}", f"--map={own}")
    assert status == 0
    assert "The device refuses 1 of the map's values: h3\n" in out


async def test_the_advice_holds_what_a_gateway_with_tls_needs(tmp_path: Path) -> None:
    authority = tmp_path / "our ca.pem"
    async with Campus.start(Layout(dispensers=1, rtu_share=0, tls_share=1)) as campus:
        assert campus.authority is not None
        campus.authority.write(authority)
        address = f"{campus.gateways[0].gateway}/1"
        arguments = ("read", address, "--tls-ca-file", str(authority), "--map=watts-lync-uv")
        status, _, err = await run_to_end(*arguments)
        assert (status, "(exception)" in err) == (1, True), err
        advised = shlex.split(err.splitlines()[-1])
        assert advised[-5:] == [address, "--registers", "h0-h19", "--tls-ca-file", str(authority)]


async def test_registers_that_stand_after_many_that_are_missing_are_found() -> None:
    """The first answer comes after more refusals than a scrape would bear."""
    async with pymodbus_server({UNIT: {**REGISTERS, "h0": [None], "h499": [953]}}) as gateway:
        status, out, err = await run_to_end("read", f"{gateway}/{UNIT}", "--registers=h32-h511")
    assert (status, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines()[1:4]] == [
        ["h32-h498", "refused"],
        ["h499", "03b9", "953"],
        ["h500-h511", "refused"],
    ]


async def test_holes_do_not_end_a_reading_over_rtu_framing() -> None:
    """Answers to questions of one length could be taken for each other there, and what tells them apart is no hole."""
    async with pymodbus_server({UNIT: REGISTERS}, "rtu+tcp") as gateway:
        status, out, err = await run_to_end("read", f"{gateway}/{UNIT}", "--registers=h0-h31", "--timeout=20s")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:-1] if "refused" not in line] == [
        *("h0", "h1", "h10", "h11", "h20", "h21", "h24", "h25", "h30", "h31")
    ]


async def test_only_the_registers_that_were_named_are_asked_for() -> None:
    async with serving(be_another_model) as gateway:
        status, out, _ = await run_to_end("read", f"{gateway.address}/1", "--registers=h4-h6,h9,i2")
    asked = {(one.function, one.start + offset) for one in gateway.questions for offset in range(one.count)}
    assert (status, asked) == (0, {(3, 4), (3, 5), (3, 6), (3, 9), (4, 2)})
    assert "To make metrics of registers, write a map: docs/register-maps.md" in out


async def test_a_device_without_any_of_the_registers_says_so() -> None:
    async with pymodbus_server({UNIT: REGISTERS}) as gateway:
        status, out, err = await run_to_end("read", f"{gateway}/{UNIT}", "--registers=i0-i3")
    assert (status, out) == (1, "")
    assert f"error: {gateway}/{UNIT} has none of these registers: the device refused function 4 for " in err


async def test_what_was_read_until_the_device_failed_is_shown() -> None:
    async def fail_later(question: Question, peer: Peer) -> None:
        peer.write(question.answer(1) if question.start == 0 else struct.pack(">H", 0))
        if question.start:
            peer.close()

    async with serving(fail_later) as gateway:
        status, out, err = await run_to_end("read", f"{gateway.address}/1", "--registers=h0,h5")
    assert (status, [line.split()[:2] for line in out.splitlines()[1:]]) == (1, [["h0", "0001"], ["h5", "not"]])
    assert "cannot be read (" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--registers=h0", "--map=default"], "--registers shows registers as they are, and --map what a map makes"),
        (["--swapped"], "--swapped is for --registers; a map has `order` for it"),
        (["--registers=x"], "Invalid value for --registers: 'x' is not a span of registers; right would be one, as h5"),
    ],
)
async def test_options_that_do_not_go_together_are_told(arguments: list[str], sentence: str) -> None:
    status, _, err = await run_to_end("read", "127.0.0.1:1/1", *arguments)
    assert (status, sentence in err) == (2, True), err
