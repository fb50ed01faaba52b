"""The hostile gateway is right where it means to be, wrong as told, and never the one that hangs."""

import asyncio
import random
import struct
from contextlib import suppress

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from laboratory.modbus.gateway import Framing, Gateway, Question, acting
from laboratory.modbus.hostile import TRICKS, UNDETECTABLE, Trick, any_of, hostile_gateway, mutated

ASKED = struct.pack(">HHHBBHH", 7, 0, 6, 17, 4, 10, 3)
RIGHT = bytes.fromhex("0007 0000 0009 11 04 06 000A 000B 000C")


def client_of(server: Gateway) -> AsyncModbusTcpClient:
    framer = FramerType.SOCKET if server.framing == "tcp" else FramerType.RTU
    return AsyncModbusTcpClient("127.0.0.1", port=server.port, framer=framer, timeout=0.3, retries=0, reconnect_delay=0)


async def heard(trick: Trick, seconds: float = 0.1) -> bytes:
    """What comes for one question over Modbus TCP."""
    async with hostile_gateway(trick) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(ASKED)
        got = b""
        try:
            async with asyncio.timeout(seconds):
                while more := await reader.read(65536):
                    got += more
        except TimeoutError:
            pass
        writer.close()
        assert server.questions == [Question("tcp", 7, 17, 4, 10, 3)]
    return got


@pytest.mark.parametrize("framing", ["tcp", "rtu+tcp"])
async def test_the_right_answer_is_one_to_another_library(framing: Framing) -> None:
    async with hostile_gateway(TRICKS["honest"], framing) as server, client_of(server) as client:
        assert (await client.read_input_registers(100, count=4, device_id=9)).registers == [100, 101, 102, 103]
        assert (await client.read_holding_registers(65535, count=1, device_id=9)).registers == [65535]
        assert (await client.read_coils(3, count=11, device_id=9)).bits[:11] == [True, False] * 5 + [True]
        server.behave = acting(TRICKS["refuses"])
        assert (await client.read_discrete_inputs(3, count=1, device_id=9)).exception_code == 4
        assert server.address == f"{'' if framing == 'tcp' else 'rtu+tcp://'}127.0.0.1:{server.port}"
        assert server.connections == 1


@pytest.mark.parametrize("framing", ["tcp", "rtu+tcp"])
@pytest.mark.parametrize("trick", [*TRICKS, *UNDETECTABLE])
async def test_the_gateway_is_honest_again_after_any_trick(trick: str, framing: Framing) -> None:
    async with hostile_gateway({**TRICKS, **UNDETECTABLE}[trick], framing) as server:
        async with client_of(server) as victim:
            with suppress(ModbusException):
                await victim.read_input_registers(0, count=2, device_id=1)
        server.behave = acting(TRICKS["honest"])
        async with client_of(server) as client:
            assert (await client.read_input_registers(0, count=2, device_id=1)).registers == [0, 1]


@pytest.mark.parametrize(
    ("trick", "sent"),
    [
        ("honest", RIGHT.hex()),
        ("twice", 2 * RIGHT.hex()),
        ("truncated", RIGHT[:-3].hex()),
        ("byte by byte", RIGHT.hex()),
        ("another protocol", "0007 0001 0009 11 04 06 000A 000B 000C"),
        ("length is 65535", "0007 0000 FFFF 11 04 06 000A 000B 000C"),
        ("length is too short", "0007 0000 0007 11 04 06 000A 000B 000C"),
        ("byte count 255", "0007 0000 0009 11 04 FF 000A 000B 000C"),
        ("another function", "0007 0000 0009 11 03 06 000A 000B 000C"),
        ("one register less", "0007 0000 0007 11 04 04 000A 000B"),
        ("function alone", "0007 0000 0002 11 04"),
        ("another unit", "0007 0000 0009 12 04 06 555F 5560 5561"),
        ("another transaction before", "0006" + RIGHT.hex()[4:] + RIGHT.hex()),
        ("refuses", "0007 0000 0003 11 84 04"),
        ("closes within", RIGHT[:7].hex()),
        ("silent", ""),
    ],
)
async def test_what_is_sent(trick: str, sent: str) -> None:
    assert await heard(TRICKS[trick]) == bytes.fromhex(sent)


async def test_an_endless_stream_goes_on_as_long_as_somebody_reads() -> None:
    assert len(await heard(TRICKS["endless"])) > 10 * 512


async def test_answers_of_several_questions_overlap() -> None:
    def behave(question: Question) -> list[tuple[float, bytes]]:
        return [(0.05 if question.start == 0 else 0.0, question.right)]

    async with hostile_gateway(behave) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(struct.pack(">HHHBBHH", 1, 0, 6, 1, 4, 0, 1) + struct.pack(">HHHBBHH", 2, 0, 6, 1, 4, 9, 1))
        assert [(await reader.readexactly(11))[1] for _ in range(2)] == [2, 1]
        writer.close()


def test_chance_is_repeatable() -> None:
    question = Question("tcp", 7, 17, 4, 10, 3)
    frames = [[list(mutated(random.Random(seed))(question)) for _ in range(3)] for seed in (1, 1, 2)]
    assert frames[0] == frames[1] != frames[2]
    drawn = [list(any_of([TRICKS["honest"], TRICKS["silent"]], random.Random(seed))(question)) for seed in range(20)]
    assert [(0, RIGHT)] in drawn
    assert [] in drawn
