"""A real Zabbix: PostgreSQL on a unix socket, server, web API and agent, from Debian's packages. Needs root.

    with Zabbix.start(tmp_path) as zabbix:
        zabbix.api("host.get", output=["host"])   # as Admin
        zabbix.server.kill()                      # connections are refused
        zabbix.web.pause()                        # accepted, never answered

The programs and an initialised database are made once and kept in the user's cache:
`python -m laboratory.servers.zabbix` does it beforehand.
"""

import contextlib
import gzip
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import click

from laboratory.programs.debianroot import Packages, unpack
from laboratory.servers.confined import NOBODY, SESSION, ConfinedDaemon, confined, make_enterable
from laboratory.servers.daemon import free_port, stop_all
from laboratory.servers.waiting import comes_true
from tapwatch.cache import cached, digest, tell
from tapwatch.errors import TapwatchError

NEEDS_ROOT = "a real Zabbix runs in a root folder of its own, which needs root: sudo make test"

AGENT_HOST = "lab-node"
"""The name by which the agent knows itself."""

ADMIN_PASSWORD = "zabbix"
"""What every new Zabbix has."""

START_SECONDS = 120.0
"""Generous: a machine that also builds takes several times the usual 5 seconds."""

_TRIES = 12

_LARGEST_PORT = 32_767
"""What Zabbix accepts as its own."""

_UNWANTED = (
    r"libllvm.*|libz3-4",  # PostgreSQL's just-in-time compiler, which is off
    r"apache2.*|libapache2.*|libapr.*|media-types|ssl-cert",  # the API is served by PHP itself
    r"perl.*|libperl.*|.*-perl|libgdbm.*|libdb5.*|postgresql|postgresql-common.*",  # scripts that manage clusters
    r"libjs-.*|javascript-common|fonts-.*|fontconfig.*",  # for browsers
    r"adduser|debconf|ucf|passwd|login.*|init-system-helpers|dbconfig.*|lsb-.*|sensible-utils|mawk",  # installation
    r"procps|psmisc|locales|libc-l10n|openssl|pci.ids|libsnmp-base",
)

_EXTENSIONS = ("bcmath", "ctype", "gd", "gettext", "mbstring", "pgsql", "posix", "sockets", "dom", "xml", "xmlreader")


@dataclass(frozen=True)
class Release:
    """One Zabbix, and the Debian release that has it."""

    version: str
    suite: str
    postgresql: str
    php: str
    server_settings: str = ""
    """What only this version knows."""
    active: bool = field(default=False, repr=False)
    """Whether the agent sends what is wanted, and is not asked."""

    @property
    def packages(self) -> Packages:
        """What its root holds."""
        php = (f"php{self.php}-cli", f"php{self.php}-pgsql")
        programs = ("zabbix-server-pgsql", "zabbix-frontend-php", "zabbix-agent2")
        base = ("base-files", "base-passwd", "coreutils", "dash", "util-linux")
        return Packages(
            self.suite, (*programs, *php, f"postgresql-{self.postgresql}", *base), _UNWANTED, ("zabbix-proxy-sqlite3",)
        )

    @property
    def postgresql_programs(self) -> str:
        """Where initdb and postgres are inside the root."""
        return f"/usr/lib/postgresql/{self.postgresql}/bin"


ZABBIX_7_0 = Release(
    "7.0",
    "trixie",
    "17",
    "8.4",
    "StartHTTPAgentPollers=1\nStartAgentPollers=1\nStartSNMPPollers=0",
    active=True,  # its poller may leave an item that is due unasked for minutes
)
ZABBIX_6_0 = Release("6.0", "bookworm", "15", "8.2")
RELEASES = {release.version: release for release in (ZABBIX_7_0, ZABBIX_6_0)}

_WEB_SETTINGS = f"""<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '{SESSION}';
$DB['PORT'] = '0';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'nobody';
$DB['PASSWORD'] = '';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['DOUBLE_IEEE754'] = true;
$ZBX_SERVER = '127.0.0.1';
$ZBX_SERVER_PORT = getenv('ZBX_SERVER_PORT');
$ZBX_SERVER_NAME = 'Tapwatch tests';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
"""

_PHP_SETTINGS = f"""
zend_extension=opcache
opcache.enable_cli=1
date.timezone=UTC
max_execution_time=300
max_input_time=300
memory_limit=1G
post_max_size=64M
session.save_path={SESSION}
""" + "".join(f"extension={name}\n" for name in _EXTENSIONS)

_POSTGRESQL_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": SESSION,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "shared_buffers": "128MB",
    "jit": "off",
    "autovacuum_naptime": "10s",
}


def ensure(release: Release = ZABBIX_7_0) -> Path:
    """The cache folder with `root/` and `database/`, made at first use. Raises TapwatchError."""
    if os.geteuid() != 0:
        raise TapwatchError(NEEDS_ROOT)
    recipe = (repr(release), repr(release.packages), _WEB_SETTINGS, _PHP_SETTINGS, repr(_POSTGRESQL_SETTINGS))
    key = digest(part.encode() for part in recipe)
    return cached(f"zabbix-{release.version}", key, lambda folder: _make(release, folder))


def _make(release: Release, folder: Path) -> None:
    started = time.monotonic()

    def note(text: str) -> None:
        tell(f"zabbix {release.version}: {text}, {time.monotonic() - started:.0f} s so far")

    note("fetching its packages, usually 40 s the first time")
    root, database = folder / "root", folder / "database"
    unpack(release.packages, root)
    make_enterable(root)
    (root / "etc/zabbix/zabbix.conf.php").write_text(_WEB_SETTINGS, encoding="utf-8")
    (root / "etc/php.ini").write_text(_PHP_SETTINGS, encoding="utf-8")
    note("making its database")
    database.mkdir()
    for one in (folder, database):
        shutil.chown(one, NOBODY, NOBODY)
    _make_database(release, root, database)
    note("ready")


def _make_database(release: Release, root: Path, session: Path) -> None:
    """A cluster in `session/data` with Zabbix' own schema and data, as its documentation says."""
    programs = release.postgresql_programs
    initdb = [f"{programs}/initdb", "-D", f"{SESSION}/data", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-N"]
    _run(confined(root, session, [*initdb, "--wal-segsize=4"]), session / "initdb.log")
    settings = "".join(f"{name} = '{value}'\n" for name, value in _POSTGRESQL_SETTINGS.items())
    with (session / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(settings)
    postgresql = _start_postgresql(release, root, session)
    try:
        programs = release.postgresql_programs
        _run(confined(root, session, [f"{programs}/createdb", "-h", SESSION, "zabbix"]), session / "createdb.log")
        psql = [f"{programs}/psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", SESSION, "zabbix"]
        for name in ("schema", "images", "data"):
            script = gzip.decompress((root / f"usr/share/zabbix-server-pgsql/{name}.sql.gz").read_bytes())
            _run(confined(root, session, psql), session / f"{name}.log", script)
        _run(confined(root, session, psql), session / "checkpoint.log", b"VACUUM ANALYZE; CHECKPOINT;")
    finally:
        postgresql.interrupt(START_SECONDS)


def _start_postgresql(release: Release, root: Path, session: Path) -> ConfinedDaemon:
    """PostgreSQL on the data in `session`, which takes connections when this returns."""
    command = [f"{release.postgresql_programs}/postgres", "-D", f"{SESSION}/data"]
    (session / "data/postmaster.pid").unlink(missing_ok=True)
    daemon = ConfinedDaemon("postgresql", confined(root, session, command), session / "postgresql.log")
    _wait(daemon, lambda: "ready" in (session / "data/postmaster.pid").read_text().splitlines()[-1])
    return daemon


def _wait(daemon: ConfinedDaemon, ready: Callable[[], bool]) -> None:
    """Until it is ready; a question that fails is asked again. Raises TapwatchError with the end of its log."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.running:
        with contextlib.suppress(OSError, IndexError, http.client.HTTPException):
            if ready():
                return
        time.sleep(0.05)
    why = "is not ready" if daemon.running else "ended"
    daemon.kill()
    raise TapwatchError(f"{daemon.name} {why}:\n{daemon.log_end()}")


def new_port() -> int:
    """A free port that Zabbix accepts in its settings: below those that the kernel gives away."""
    while True:
        port = random.randrange(20_000, _LARGEST_PORT)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def _run(command: list[str], log: Path, given: bytes | None = None) -> None:
    result = subprocess.run(command, input=given, capture_output=True, check=False)
    log.write_bytes(result.stdout + result.stderr)
    if result.returncode != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise TapwatchError(f"{log.stem} ended with {result.returncode}:\n{end}")


class ZabbixApiError(TapwatchError):
    """The API's refusal, in its own words."""


@dataclass
class Zabbix:
    """A running Zabbix of one session."""

    release: Release
    folder: Path
    root: Path
    api_port: int
    server_port: int
    agent_port: int
    token: str = ""
    """Admin's API token."""

    @classmethod
    @contextmanager
    def start(cls, folder: Path, release: Release = ZABBIX_7_0, **settings: object) -> Iterator[Self]:
        """All parts on a fresh database in `folder`; `settings` are the server's, as CacheUpdateFrequency=10."""
        prepared = ensure(release)
        session = folder / f"zabbix-{release.version}"
        session.mkdir()
        shutil.chown(session, NOBODY, NOBODY)
        _run(["cp", "-a", "--reflink=auto", f"{prepared}/database/data", f"{session}/data"], session / "cp.log")
        zabbix = cls(release, session, prepared / "root", free_port(), new_port(), new_port())
        with contextlib.ExitStack() as stack:
            zabbix._start(stack, settings)
            yield zabbix

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.api_port}/api_jsonrpc.php"

    @property
    def trapper(self) -> str:
        """The server's address for values."""
        return f"127.0.0.1:{self.server_port}"

    def api(self, method: str, *, token: str | None = None, **params: object) -> Any:  # noqa: ANN401 - JSON
        """One call of the API, as Admin unless another token is given; raises ZabbixApiError."""
        return self._call(method, params, self.token if token is None else token)

    def _call(self, method: str, params: object, token: str) -> Any:  # noqa: ANN401 - JSON
        question: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        headers = {"Content-Type": "application/json-rpc"}
        if token and self.release.version < "6.4":
            question["auth"] = token
        elif token:
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=START_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", "/api_jsonrpc.php", json.dumps(question), headers)
            answer = json.loads(connection.getresponse().read())
        if "error" in answer:
            raise ZabbixApiError(f"{method}: {answer['error']['message']} {answer['error']['data']}")
        return answer["result"]

    def delete(self, kind: str, *ids: str) -> None:
        """Remove objects of the API, as Admin."""
        self._call(f"{kind}.delete", list(ids), self.token)

    def confined_daemon(self, name: str, *command: str, **environment: str) -> ConfinedDaemon:
        """One more program of the root, with the session's folder at /session."""
        line = confined(self.root, self.folder, command, **environment)
        return ConfinedDaemon(name, line, self.folder / f"{name}.log")

    def write_settings(self, name: str, text: str) -> str:
        """A settings file in the session's folder; its path as the confined programs see it."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return f"{SESSION}/{name}"

    def restart_server(self) -> None:
        """Start the server after it was killed, and wait until it takes values."""
        self.server.start()
        _wait(self.server, lambda: _listens(self.server_port))

    def until_given(self, item: str) -> None:
        """Wait until the agent has given a value for an item that is new. Raises TapwatchError when it does not."""
        for _ in range(_TRIES):
            if self.release.active:  # while the server does not know its host it asks once a minute, but at its start
                self.agent.kill()
                self.agent.start()
            if comes_true(lambda: self.api("item.get", itemids=item, output=["lastclock"])[0]["lastclock"] != "0", 5):
                return
        raise TapwatchError(f"{self.agent.name} gives no value:\n{self.agent.log_end()}")

    def _start(self, stack: contextlib.ExitStack, settings: dict[str, object]) -> None:
        self.postgresql = _start_postgresql(self.release, self.root, self.folder)
        stack.callback(stop_all, [self.postgresql])
        server = self.write_settings("server.conf", self._server_settings(settings))
        agent = self.write_settings("agent.conf", self._agent_settings())
        php = [f"php{self.release.php}", "-n", "-c", "/etc/php.ini", "-S", f"127.0.0.1:{self.api_port}"]
        web = {"PHP_CLI_SERVER_WORKERS": "4", "ZBX_SERVER_PORT": str(self.server_port)}
        self.server = self.confined_daemon("zabbix_server", "zabbix_server", "-f", "-c", server)
        stack.callback(stop_all, [self.server])
        self.web = self.confined_daemon("php", *php, "-t", "/usr/share/zabbix", **web)
        stack.callback(stop_all, [self.web])
        self.agent = self.confined_daemon("zabbix_agent2", "zabbix_agent2", "-f", "-c", agent)
        stack.callback(stop_all, [self.agent])
        _wait(self.web, lambda: bool(self._call("apiinfo.version", [], "")))
        _wait(self.server, lambda: _listens(self.server_port))
        _wait(self.agent, lambda: _listens(self.agent_port))
        session = self._call("user.login", {"username": "Admin", "password": ADMIN_PASSWORD}, "")
        self.token = self.new_token(session, "tests", "1")
        own_host = self.api("host.get", filter={"host": "Zabbix server"}, output=["hostid"])[0]["hostid"]
        # It has no agent here, and after three minutes a problem of that.
        self.api("host.update", hostid=own_host, status=1)

    def new_token(self, as_token: str, name: str, user_id: str) -> str:
        """A fresh API token of a user."""
        made = self._call("token.create", [{"name": name, "userid": user_id}], as_token)
        return str(self._call("token.generate", made["tokenids"], as_token)[0]["token"])

    def _server_settings(self, settings: dict[str, object]) -> str:
        known: dict[str, object] = {
            "ListenIP": "127.0.0.1",
            "ListenPort": self.server_port,
            "DBHost": SESSION,
            "DBName": "zabbix",
            "DBUser": "nobody",
            "LogType": "console",
            "PidFile": f"{SESSION}/server.pid",
            "SocketDir": SESSION,
            "AllowUnsupportedDBVersions": 1,
            "CacheUpdateFrequency": 1,
            "CacheSize": "64M",
            "HistoryCacheSize": "16M",
            "StartPollers": 1,
            "StartPollersUnreachable": 1,
            "StartTrappers": 3,
            "StartPreprocessors": 1,
            "StartLLDProcessors": 2,
            "StartDBSyncers": 2,
            "StartAlerters": 3,
            "StartDiscoverers": 0,
            "StartHTTPPollers": 0,
            "StartPingers": 0,
            "StartIPMIPollers": 0,
            "HousekeepingFrequency": 0,
            "UnreachableDelay": 1,  # an agent that was slow once, as all are on a busy machine, is asked again soon
        }
        return "".join(f"{name}={value}\n" for name, value in (known | settings).items()) + self.release.server_settings

    def _agent_settings(self) -> str:
        return (
            f"Server=127.0.0.1\nListenIP=127.0.0.1\nListenPort={self.agent_port}\nHostname={AGENT_HOST}\n"
            + (f"ServerActive={self.trapper}\nRefreshActiveChecks=1\nBufferSend=1\n" if self.release.active else "")
            + f"LogType=console\nPidFile={SESSION}/agent.pid\nControlSocket={SESSION}/agent.sock\n"
            f"PluginSocket={SESSION}/agent.plugin.sock\n"
        )


@click.command()
@click.argument("versions", nargs=-1, type=click.Choice(list(RELEASES)))
def main(versions: tuple[str, ...]) -> None:
    """Make Zabbix ready, and print where it is; 7.0 when no version is named."""
    try:
        for version in versions or ["7.0"]:
            click.echo(ensure(RELEASES[version]))
    except TapwatchError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
