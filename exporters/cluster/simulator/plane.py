"""Starts simulated API servers as processes of their own, writes what leads to them, and lets them fail on request."""

import asyncio
import json
import secrets
import signal
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import trustme
import yaml

from exporters.cluster.settings import Part
from exporters.cluster.simulator.forwarder import Forwarder
from exporters.cluster.simulator.server import HOST, ServerFiles
from tapwatch.errors import TapwatchError
from tapwatch.tls import verifying_context

NAME = "simulated"
"""The name of the cluster, its user and its context."""
PARTS: tuple[Part, ...] = ("write",)
"""What is simulated behind the endpoints. The exporter's other parts would ask for objects that there are none of."""

_READY_SECONDS = 20.0
_ANSWER_SECONDS = 5.0


class Replica:
    """One simulated API server: a process that can be killed, hung and started again at the same address."""

    def __init__(self, files: ServerFiles, number: int, trust: ssl.SSLContext) -> None:
        self._files = files
        self._trust = trust
        self._log = files.folder / f"replica-{number}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._hung = False
        # Bound and not listening, this keeps the port for the replica while that is dead, and connections are refused.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind((HOST, 0))

    @property
    def port(self) -> int:
        """Its port on loopback."""
        return int(self._reservation.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"https://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether its process exists; a hung one does."""
        return self._process is not None and self._process.returncode is None

    @property
    def hung(self) -> bool:
        """Whether its process exists and answers nothing."""
        return self.running and self._hung

    async def start(self) -> None:
        """Start it; `wait_until_ready` follows."""
        self._hung = False
        command = [sys.executable, "-m", "exporters.cluster.simulator", str(self._files.folder), str(self.port)]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def wait_until_ready(self) -> None:
        """Raises TapwatchError with its log when it does not get ready."""
        deadline = time.monotonic() + _READY_SECONDS
        while not await self._is_ready():
            if not self.running or time.monotonic() > deadline:
                text = self._log.read_text(encoding="utf-8", errors="replace")
                raise TapwatchError(f"the simulated API server at {self.url} did not start\n{text}")
            await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """`kill -9`: connections are refused from now on."""
        if self._process is not None:
            if self.running:
                self._process.kill()
            await self._process.wait()

    async def hang(self) -> None:
        """Stop it (SIGSTOP): the port accepts connections, and nothing answers."""
        self._send(signal.SIGSTOP)
        self._hung = True

    async def resume(self) -> None:
        """Go on after `hang`."""
        self._send(signal.SIGCONT)
        self._hung = False

    async def restart(self) -> None:
        """Start it again at its address, killed before if it runs, and wait until it is ready."""
        await self.kill()
        await self.start()
        await self.wait_until_ready()

    async def mend_process(self) -> None:
        """Let it serve again, whether it hangs or is dead; nothing happens to one that runs."""
        if not self.running:
            await self.restart()
        elif self._hung:
            await self.resume()

    async def fail(self, check: str) -> None:
        """Let a single check fail, such as `etcd`; raises TapwatchError when there is none of this name."""
        await self._turn(check, "fail")

    async def mend(self, check: str) -> None:
        """Let the check pass again."""
        await self._turn(check, "pass")

    async def close(self) -> None:
        """End it and give its port back."""
        await self.kill()
        self._reservation.close()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    async def _turn(self, check: str, verdict: str) -> None:
        if await self._ask("POST", f"/simulator/checks/{check}/{verdict}") != 200:  # noqa: PLR2004 - HTTP's own number
            raise TapwatchError(f"the simulated API server at {self.url} has no check {check!r}")

    async def _is_ready(self) -> bool:
        try:
            return await self._ask("GET", "/readyz/ping") == 200  # noqa: PLR2004 - HTTP's own number
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _ask(self, method: str, path: str) -> int:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_ANSWER_SECONDS)) as session,
            session.request(method, f"{self.url}{path}", ssl=self._trust) as response,
        ):
            return response.status


class SimulatedControlPlane:
    """Replicas behind one address; an asynchronous context that starts them and leaves nothing running.

    `kubeconfig` leads to the address. The replicas are listed in the EndpointSlices, where `list_only` can take some
    out, as the others do with one that died.
    """

    def __init__(self, folder: Path, replicas: int = 3) -> None:
        """Everything is kept in `folder`, which is made when it does not exist."""
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig.yaml"
        self.replicas: tuple[Replica, ...] = ()
        self._count = replicas
        self._files = ServerFiles(folder)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start all; raises TapwatchError, and then none runs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        authority, token = trustme.CA(organization_name=NAME), secrets.token_urlsafe(24)
        trust = verifying_context()
        authority.configure_trust(trust)
        self._write_server_files(authority, token)
        async with AsyncExitStack() as stack:
            replicas = [Replica(self._files, number + 1, trust) for number in range(self._count)]
            self.replicas = tuple(replicas)
            self.list_only(replicas)
            for replica in replicas:
                stack.push_async_callback(replica.close)
                await replica.start()
            for replica in replicas:
                await replica.wait_until_ready()
            port = await stack.enter_async_context(Forwarder([replica.port for replica in replicas]).running())
            self._write_kubeconfig(f"https://{HOST}:{port}", authority, token)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop all."""
        await self._stack.aclose()

    def list_only(self, replicas: Sequence[Replica]) -> None:
        """From now on the EndpointSlices list these replicas."""
        self._files.replicas.write_text(json.dumps([replica.port for replica in replicas]), encoding="utf-8")

    def _write_server_files(self, authority: trustme.CA, token: str) -> None:
        certificate = authority.issue_cert(HOST, "localhost", "kubernetes.default.svc")
        _write_secret(self._files.certificate, certificate.private_key_and_cert_chain_pem.bytes())
        _write_secret(self._files.token, token.encode())

    def _write_kubeconfig(self, server: str, authority: trustme.CA, token: str) -> None:
        authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": NAME, "cluster": {"server": server, "certificate-authority": "ca.pem"}}],
            "users": [{"name": NAME, "user": {"token": token}}],
            "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
            "current-context": NAME,
        }
        _write_secret(self.kubeconfig, yaml.safe_dump(content, sort_keys=False).encode())


def _write_secret(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, at no moment otherwise."""
    file.touch(mode=0o600)
    file.write_bytes(content)
