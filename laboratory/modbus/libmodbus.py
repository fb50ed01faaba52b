"""A Modbus server not written here: libmodbus, from Debian's packages, behind the small program `libmodbus.c`."""

import asyncio
import shutil
import subprocess
import sysconfig
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo.packages import unpacked
from exporters.dispenser.address import Gateway, SerialSettings
from laboratory.modbus.libmodbus_terminals import joined_terminals
from laboratory.programs.compiling import require_compiling
from tapwatch.cache import cached, digest, tell
from tapwatch.errors import TapwatchError

SOURCE = Path(__file__).with_suffix(".c")

Framing = Literal["tcp", "rtu+tcp"]

Registers = Mapping[int, Mapping[str, Sequence[int | None]]]
"""By unit and first place (`i0`, `h10`, `c3`, `d0`) what follows each other from there; None is a hole."""

_PACKAGE = "libmodbus-dev"
"""The headers, and a link to the library, which therefore comes along."""
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
_STEP_SECONDS = 10.0


@dataclass(frozen=True)
class LibmodbusServer:
    """The running server."""

    gateway: Gateway
    """Where clients reach it."""
    process: asyncio.subprocess.Process

    def address(self, unit: int) -> str:
        """One unit's."""
        return f"{self.gateway}/{unit}"

    async def hold(self, registers: Registers) -> None:
        """Its units hold these, besides what they have held, before this returns."""
        await _tell(self.process, registers)


def ensure() -> Path:
    """The program, built when the cache does not have it. Raises TapwatchError with what is missing."""
    require_compiling("libmodbus' server")
    key = digest([SOURCE.read_bytes(), " ".join(_FLAGS).encode(), sysconfig.get_platform().encode()])
    return cached("libmodbus", key, _build) / "libmodbus-server"


@asynccontextmanager
async def libmodbus_server(
    registers: Registers, serial: str | None = None, framing: Framing = "tcp"
) -> AsyncIterator[LibmodbusServer]:
    """A server on a free port of loopback, or on the device `serial`, while the context lasts."""
    arguments = [framing] if serial is None else ["serial", serial]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(await asyncio.to_thread(ensure), *arguments, stdin=pipe, stdout=pipe)
    try:
        port = await _tell(process, registers)
        gateway = _line(serial) if serial is not None else Gateway(framing, "127.0.0.1", port)
        yield LibmodbusServer(gateway, process)
    finally:
        await _end(process)


@asynccontextmanager
async def libmodbus_on_a_line(registers: Registers) -> AsyncIterator[LibmodbusServer]:
    """A server at the far end of a serial line, of which clients open the near one."""
    with joined_terminals() as (near, far):
        async with libmodbus_server(registers, serial=far) as server:
            yield LibmodbusServer(_line(near), server.process)


def _line(device: str) -> Gateway:
    """Pseudo-terminals have no speed and no parity; this is what clients may set."""
    return Gateway("serial", device, 0, SerialSettings(115200, "N", 2))


async def _tell(process: asyncio.subprocess.Process, registers: Registers) -> int:
    """What the units hold, and the port that the program answers with when it has taken it all."""
    assert process.stdin is not None
    assert process.stdout is not None
    for unit, runs in registers.items():
        for place, values in runs.items():
            words = ("-" if value is None else str(value) for value in values)
            process.stdin.write(f"{unit} {place} {' '.join(words)}\n".encode())
    process.stdin.write(b"\n")
    async with asyncio.timeout(_STEP_SECONDS):
        with suppress(ConnectionError):  # it has ended, and the answer says so
            await process.stdin.drain()
        line = await process.stdout.readline()
    if not line:
        raise TapwatchError(f"libmodbus' server ended with status {await process.wait()}")
    return int(line)


async def _end(process: asyncio.subprocess.Process) -> None:
    """It ends with its input."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STEP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _build(folder: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise TapwatchError("libmodbus' server cannot be built without cc: install a C compiler")
    root = unpacked(_PACKAGE) / "root"
    library = next(root.rglob("libmodbus.so.5"))
    shutil.copy(library, folder)
    headers = root / "usr" / "include" / "modbus"
    output: list[str | Path] = ["-o", folder / "libmodbus-server", folder / library.name, "-Wl,-rpath,$ORIGIN"]
    tell("libmodbus: compiling the server")
    command = [compiler, *_FLAGS, "-I", headers, SOURCE, *output]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise TapwatchError(f"libmodbus' server was not built\n{result.stderr}")
