"""README's "Your own dispensers" and the way to a map in docs/register-maps.md, typed word for word.

The commands are taken from the pages, and their addresses replaced by those of real Modbus servers on loopback, which
are dispensers of another make than the default map is for.
"""

import asyncio
import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
import yaml

from laboratory.modbus.pymodbus_server import pymodbus_server
from tapwatch.web import free_port
from tests.integration.dispenser.acme import REGISTERS, UNIT

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text("utf-8").partition("## Your own dispensers\n")[2].partition("\n## ")[0]
PAGE = (ROOT / "docs" / "register-maps.md").read_text("utf-8")
EXAMPLES = ROOT / "examples" / "dispensers"
PROGRAMS = Path(sys.executable).parent

TCP, RTU = "10.0.5.7:502", "rtu+tcp://10.0.5.8:4001"
SERIAL = "serial:///dev/ttyUSB0?baudrate=9600&parity=N"
PORT = "127.0.0.1:9802"
INSTALLS = "make install"
"""Proven elsewhere, on machines that have nothing yet."""


def blocks(language: str, page: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """A newcomer's shell, in a folder with what the page takes from a clone, and with the addresses of this test."""

    folder: Path
    addresses: Mapping[str, str]
    finds_tapwatch: bool = False
    """Whether it runs `tapwatch` without a path."""

    def here(self, text: str) -> str:
        for written, real in self.addresses.items():
            text = text.replace(written, real)
        return text

    def there(self, text: str) -> str:
        """The reverse, as the page has it."""
        for written, real in self.addresses.items():
            text = text.replace(real, written)
        return text

    async def start(self, command: str) -> asyncio.subprocess.Process:
        elsewhere = [one for one in os.environ["PATH"].split(os.pathsep) if not (Path(one) / "tapwatch").exists()]
        searched = [str(PROGRAMS), *elsewhere] if self.finds_tapwatch else elsewhere
        return await asyncio.create_subprocess_shell(
            self.here(command),
            cwd=self.folder,
            env={**os.environ, "PATH": os.pathsep.join(searched)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, command: str) -> Ended:
        process = await self.start(command)
        out, err = await process.communicate()
        if command.startswith("cp "):
            self.move_in()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    def move_in(self) -> None:
        """The dispensers of the copied files are those of this test."""
        for file in (self.folder / "my-dispensers").glob("*.yaml"):
            file.write_text(self.here(file.read_text("utf-8")), encoding="utf-8")

    @asynccontextmanager
    async def serving(self, command: str) -> AsyncIterator[None]:
        """The exporter, on a port that is free here."""
        process = await self.start(f"exec {command} --web.listen-address={self.addresses[PORT]}")
        try:
            yield
        finally:
            process.terminate()
            await process.communicate()

    async def curl(self, command: str) -> str:
        (url,) = [word for word in shlex.split(self.here(command), comments=True) if word.startswith("http")]
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(url) as answer:
                        assert answer.status == 200, await answer.text()
                        return await answer.text()
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)  # it starts


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(PROGRAMS)
    async with AsyncExitStack() as stack:
        tcp = await stack.enter_async_context(pymodbus_server({UNIT: REGISTERS}))
        rtu = await stack.enter_async_context(pymodbus_server({3: REGISTERS}, "rtu+tcp"))
        serial = await stack.enter_async_context(pymodbus_server({3: REGISTERS}, "serial"))
        addresses = {SERIAL: str(serial), RTU: str(rtu), TCP: str(tcp), PORT: f"127.0.0.1:{free_port()}"}
        yield Shell(tmp_path, addresses)


def lines(page: str) -> list[str]:
    return [line for block in blocks("sh", page) for line in block.splitlines() if line]


def is_serving(command: str) -> bool:
    return "dispenser-exporter" in command and "--config.check" not in command


async def serve_and_ask(shell: Shell, serving: str, asking: str) -> None:
    """The exporter reads the dispenser of another make by its map."""
    assert is_serving(serving)
    async with shell.serving(shlex.join(shlex.split(serving, comments=True))):
        page = await shell.curl(asking)
    assert 'dispenser_water_temperature_celsius{outlet="hot"} 95.3' in page
    assert "dispenser_up 1.0" in page


async def test_every_command_of_readme_runs_on_a_device_of_another_make(shell: Shell) -> None:
    install, *commands, serving, asking = lines(README)
    assert install == INSTALLS
    by_default = [one for one in commands if " read " in one and "--" not in one.partition(" #")[0]]
    assert len(by_default) == 3
    for command in commands:
        ended = await shell.run(command)
        if command not in by_default:
            assert (ended.status, ended.err) == (0, ""), (command, ended)
            continue
        assert ended.status == 1, command
        refusal, _, advice = ended.err.partition("\n")
        assert "cannot be read (exception)" in refusal
        following = await shell.run(advice.splitlines()[-1].strip())
        assert following.status == 0, (advice, following)
        assert re.search(r"^h10 +03b9 +953 ", following.out, re.MULTILINE)
    await serve_and_ask(shell, serving, asking)


async def test_the_next_command_of_readme_is_the_one_that_the_message_advises(shell: Shell) -> None:
    first = next(line for line in lines(README) if TCP in line)
    following = next(line for line in lines(README) if "--registers" in line)
    ended = await shell.run(first)
    assert following.partition("--registers")[0] in shell.there(ended.err)


def test_the_files_that_readme_shows_are_those_of_the_examples() -> None:
    shown = blocks("yaml", README)
    assert [block.splitlines()[0] for block in shown] == [
        "# my-dispensers/dispensers.yaml",
        "# my-dispensers/settings.yaml",
    ]
    for block in shown:
        name = block.splitlines()[0].removeprefix("# my-dispensers/")
        assert yaml.safe_load(block) == yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


def test_the_map_on_the_page_is_that_of_the_examples() -> None:
    example = (EXAMPLES / "maps" / "acme-a1.yaml").read_text("utf-8")
    shown = blocks("yaml", PAGE)[0]
    assert shown.startswith("description: ")
    assert example.endswith(shown)


@dataclass(frozen=True)
class Typed:
    """A command of the page, and what the page shows below it."""

    command: str
    output: Sequence[str]


def transcript() -> Iterator[Typed]:
    for block in blocks("sh", PAGE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = part.rstrip("\n").splitlines()
            yield Typed(command, output)


async def outputs(shell: Shell) -> AsyncIterator[tuple[Typed, list[str]]]:
    """Each command of the page with what it prints here."""
    shell = replace(shell, finds_tapwatch=True)
    for block in blocks("yaml", PAGE):
        name = re.match(r"# (\w+\.yaml)\n", block)
        if name:
            (shell.folder / name[1]).write_text(block, encoding="utf-8")
    for typed in transcript():
        ended = await shell.run(typed.command)
        text = re.sub(r"in \d+ ms", "in 9 ms", shell.there(ended.out + ended.err))
        yield typed, [line.rstrip() for line in text.splitlines()]


async def test_the_way_to_a_map_prints_what_the_page_shows(shell: Shell) -> None:
    seen = [(typed.command, list(typed.output), output) async for typed, output in outputs(shell)]
    assert len(seen) == 6
    for command, shown, output in seen:
        assert output == shown, command


async def test_the_way_to_a_map_ends_in_an_exporter_that_reads_the_device(shell: Shell) -> None:
    shell = replace(shell, finds_tapwatch=True)
    assert (await shell.run("cp -r examples/dispensers my-dispensers")).status == 0
    checking, serving, asking = blocks("sh", PAGE)[-1].splitlines()
    assert (await shell.run(checking)) == Ended(0, "my-dispensers/settings.yaml: good\n", "")
    await serve_and_ask(shell, serving, asking)
