"""A real PostgreSQL: Debian's server, unpacked into the user's cache, as a child process on loopback.

It refuses to run as root, so root starts it in a user namespace, in which the same files belong to an ordinary user.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from demo.debian import Program
from demo.packages import unpacked
from laboratory.servers.daemon import Daemon, free_port, until_stopped
from tapwatch.errors import TapwatchError

USER = "tapwatch"
_READY_SECONDS = 30.0
_QUICK = ("fsync=off", "full_page_writes=off", "jit=off", "max_connections=50")


@dataclass
class PostgreSQL:
    """One server; everything of it is in a folder, and ends with it."""

    daemon: Daemon
    port: int

    @classmethod
    @contextmanager
    def start(cls, folder: Path) -> Iterator["PostgreSQL"]:
        """Running while the context lasts, with a superuser `tapwatch` who needs no password."""
        programs, data = _programs(), folder / "data"
        options = ["--username", USER, "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]
        made = subprocess.run(
            [*_no_root(), programs / "initdb", "-D", data, *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise TapwatchError(f"initdb failed: {made.stderr}")
        port = free_port()
        settings = [part for one in (*_QUICK, f"port={port}", "listen_addresses=127.0.0.1") for part in ("-c", one)]
        command = [*_no_root(), programs / "postgres", "-D", data, "-k", "", *settings]
        server = cls(Daemon("postgresql", command, folder / "postgresql.log"), port)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.daemon.kill()

    def url(self, database: str) -> str:
        """The address as settings files have it."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A connection for the test itself."""
        return psycopg.connect(host="127.0.0.1", port=self.port, user=USER, dbname=database, autocommit=True)

    def create_database(self, name: str) -> str:
        """An empty database; its address."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def pause(self) -> None:
        """It hangs, its sessions included: connections are still accepted by the kernel, nothing answers."""
        self._send(signal.SIGSTOP)
        until_stopped(one.pid for one in self._processes())

    def resume(self) -> None:
        """Go on after a pause."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # a session that has ended meanwhile
                process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        """The server and its sessions, which are groups of their own."""
        server = psutil.Process(self.daemon.pid)
        return [server, *server.children(recursive=True)]

    def wait_until_ready(self) -> None:
        """Return when it takes connections; raises TapwatchError with its log when it does not."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if not self.daemon.running or time.monotonic() > deadline:
                raise TapwatchError(f"PostgreSQL does not start:\n{self.daemon.log_end()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _programs() -> Path:
    """The folder with initdb and postgres."""
    return unpacked("postgresql", (Program("initdb"), Program("postgres"))) / "bin"


def _no_root() -> list[str | Path]:
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []
