"""Nothing is ever written to a device: what can be sent, and that there is one way to send it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exporters.dispenser
from exporters.dispenser.framing import FUNCTIONS, Question, RtuFraming, TcpFraming
from exporters.dispenser.registermap import Space

FOLDER = Path(next(iter(exporters.dispenser.__path__)))
MODULES = {file.stem: ast.parse(file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.py")}
"""Of the exporter; the simulator, which plays the devices, is a folder of its own."""

READING = {1: "coils", 2: "discrete inputs", 3: "holding registers", 4: "input registers"}
"""Modbus Application Protocol V1.1b3, sections 6.1 to 6.4. All functions that write have other numbers."""

numbers = st.integers(0, 0xFFFF)


def calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Those of a function or method of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if name == (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)):
                yield node


def places(name: str) -> dict[str, list[str]]:
    """By module, each such call as it is written."""
    found = {stem: [ast.unparse(one) for one in calls(tree, name)] for stem, tree in MODULES.items()}
    return {stem: written for stem, written in found.items() if written}


def test_each_space_has_a_function_that_reads() -> None:
    assert set(FUNCTIONS) == set(get_args(Space))
    assert set(FUNCTIONS.values()) == set(READING)


@given(st.sampled_from(get_args(Space)), st.integers(0, 255), numbers, numbers, numbers)
def test_a_frame_is_a_question_to_read_and_nothing_more(
    space: Space, unit: int, start: int, count: int, number: int
) -> None:
    question = Question(unit, FUNCTIONS[space], start, count)
    tcp, rtu = TcpFraming.encode(number, question), RtuFraming.encode(number, question)
    assert (len(tcp), len(rtu)) == (12, 8), "no room for anything to be written"
    assert tcp[4:6] == b"\0\6", "one question in a frame"
    assert tcp[7] == rtu[1] == FUNCTIONS[space]
    assert tcp[6:] == rtu[:-2]


def test_questions_are_made_from_spaces_only() -> None:
    """The others are made from these by another count."""
    (made,) = places("Question").values()
    assert made == ["Question(device.unit, FUNCTIONS[read.start.space], read.start.number, read.count)"]
    changed = [one for written in places("replace").values() for one in written if "function" in one]
    assert changed == []


def test_bytes_go_to_a_gateway_from_one_place_and_are_an_encoded_question() -> None:
    writes = places("write")
    assert set(writes) <= {"line", "connection"}
    assert writes["line"] == ["connection.write(self._framing.encode(number, question))"]
    assert set(writes["connection"]) == {"self._transport.write(data)", "self._port.write(data)"}
    for name in ("writelines", "sendall", "sendto", "sendmsg", "sock_sendall", "drain", "sendfile"):
        assert places(name) == {}


@pytest.mark.parametrize("library", ["pymodbus", "socket", "serial"])
def test_no_other_module_has_a_way_to_devices(library: str) -> None:
    importing = {
        stem
        for stem, tree in MODULES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(one.name.partition(".")[0] == library for one in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == library)
    }
    assert importing == ({"connection"} if library != "pymodbus" else set())
