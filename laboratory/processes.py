"""Our own commands as processes: started on a free port, waited for, stopped."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tapwatch.web import Address, Server, Service, free_port
from tapwatch.webconfig import WebGate


@dataclass(frozen=True)
class Serving:
    """Something that serves HTTP."""

    url: str

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
            session.get(f"{self.url}{path}", headers=headers) as response,
        ):
            return response.status, await response.text()

    async def post(self, path: str, **options: object) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
            session.post(f"{self.url}{path}", **options) as response,  # type: ignore[arg-type]  # passed through
        ):
            return response.status, await response.text()

    async def metrics(self) -> str:
        return (await self.get("/metrics"))[1]


@dataclass(frozen=True)
class Running(Serving):
    """A process that serves HTTP."""

    process: asyncio.subprocess.Process
    log: Path


@asynccontextmanager
async def running(folder: Path, *arguments: str, port: int | None = None) -> AsyncIterator[Running]:
    """`tapwatch ARGUMENTS` on this or a free port of loopback; logs as JSON to a file in `folder`."""
    port = port or free_port()
    log = folder / f"{arguments[0]}-{port}.log"
    command = [sys.executable, "-m", "tapwatch", *arguments, f"--web.listen-address=127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    found = Running(f"http://127.0.0.1:{port}", process, log)
    try:
        await _wait_until_it_listens(found)
        yield found
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 30)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    """A service inside the test's own process, for tests that look into it; yields its URL."""
    async with Server(service, WebGate(None)).running(Address("127.0.0.1", 0)) as address:
        yield f"http://{address}"


async def _wait_until_it_listens(found: Running) -> None:
    for _ in range(300):
        if found.process.returncode is not None:
            break
        try:
            await found.get("/-/healthy")
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"it does not listen:\n{found.log.read_text(encoding='utf-8')}")


async def run_to_end(*arguments: str, seconds: float = 60) -> tuple[int, str, str]:
    """`tapwatch ARGUMENTS` until it ends: status, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tapwatch", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), seconds)
    return process.returncode or 0, out.decode(), err.decode()
