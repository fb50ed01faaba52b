"""The demo's ports: the usual ones, and free ones where those are taken."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tapwatch.web import free_port

HOST = "127.0.0.1"

USUAL: Mapping[str, int] = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "dispenser-exporter": 9802,
    "cluster-exporter": 9803,
    "dingtalk": 9804,
    "campus": 9810,
    "stand-in": 9811,
    "demo": 9812,
    "grafana": 3000,
}
"""What the files under `alerting/` name, by process."""


@dataclass(frozen=True)
class Ports:
    """Which port each process of this demo has."""

    by_process: Mapping[str, int]

    @classmethod
    @contextmanager
    def choose(cls, wanted: Mapping[str, int] = USUAL) -> Iterator["Ports"]:
        """Choose the wanted ports as far as they are free, else any free ones.

        While the context lasts no other demo chooses the same: it takes seconds until a process listens on its port.
        """
        with ExitStack() as claims:
            yield cls({name: port if _claim(port, claims) else free_port() for name, port in wanted.items()})

    def address(self, process: str) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self.by_process[process]}"

    def url(self, process: str, path: str = "") -> str:
        """The process' base URL, and a path on it."""
        return f"http://{self.address(process)}{path}"

    def translate(self, text: str) -> str:
        """A file's text with every usual address replaced by the one of this demo."""
        processes = {port: name for name, port in USUAL.items()}

        def replace(match: re.Match[str]) -> str:
            process = processes.get(int(match[1]))
            return self.address(process) if process else match[0]

        return re.sub(rf"(?:{re.escape(HOST)}|localhost):(\d+)", replace, text)


def _claim(port: int, claims: ExitStack) -> bool:
    """Whether the port is free, and claimed by no other demo; then it is ours until the claims end."""
    claim = claims.enter_context(socket.socket(socket.AF_UNIX))
    try:
        # An abstract name: no file, gone with this process however it ends, and as local to the network as ports are.
        claim.bind(f"\0tapwatch-demo-{port}")
    except OSError:
        return False
    return _is_free(port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
