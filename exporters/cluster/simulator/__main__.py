"""One simulated API server as a process: what the simulated control plane starts for each replica."""

import asyncio
import ctypes
import signal
from pathlib import Path

import click
from aiohttp import web

from exporters.cluster.simulator.server import HOST, ApiServer, ServerFiles
from tapwatch.tls import serving_context

_PR_SET_PDEATHSIG = 1  # prctl(2)


async def serve(files: ServerFiles, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    context = serving_context()
    context.load_cert_chain(files.certificate)
    runner = web.AppRunner(ApiServer(files).application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port, ssl_context=context, reuse_address=True).start()
        await stop.wait()
    finally:
        await runner.cleanup()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("port", type=int)
def main(folder: Path, port: int) -> None:
    """Serve one simulated API server on loopback, with the files in FOLDER, until SIGTERM."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with its parent, even while it is stopped
    asyncio.run(serve(ServerFiles(folder), port))


if __name__ == "__main__":
    main()
