"""The only module that talks to the database: every transaction runs in one thread, beside the event loop."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
import sqlalchemy
import structlog
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.exc import SQLAlchemyError

from alerting.dingtalk.store.schema import metadata
from tapwatch.errors import StoreError

log = structlog.get_logger()

DEADLINE_SECONDS = 3.0
"""For one transaction: Alertmanager is waiting, and there is still time to deliver directly."""
REST_SECONDS = 2.0
"""How long a store that failed is not asked, so that not every notification waits for the deadline."""
_LOCK_SECONDS = 2.5

Result = TypeVar("Result")
Work = Callable[[Connection], Result]


class Database:
    """The store as coroutines; one transaction at a time."""

    def __init__(self, url: URL, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back. Nothing is opened yet."""
        self._engine = _engine(url)
        self._clock = clock
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._wire: Any = None
        event.listen(self._engine, "connect", self._note_wire)
        self._prepared = False
        self._broken_until = 0.0
        self.up: bool | None = None
        """How the last transaction went; None before the first."""

    async def run(self, work: Work[Result]) -> Result:
        """What `work` returns, committed; raises StoreError, and then nothing is stored.

        The one exception is a connection that breaks in the middle of the commit: nobody can know what became of that.
        """
        async with self._turn:  # waiting in line is no fault of the store's
            if self._clock() < self._broken_until:
                raise StoreError("the store failed a moment ago")
            given_up = threading.Event()
            working = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, given_up)
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    result = await working
            except TimeoutError:
                _cut(self._wire)
                raise self._failure(StoreError(f"no answer within {DEADLINE_SECONDS:g} s")) from None
            except StoreError as error:
                raise self._failure(error) from None
            finally:
                given_up.set()
            self._note(up=True)
            return result

    async def close(self) -> None:
        """Wait for the last transaction, as far as it ends in time."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        closing = threading.Thread(target=self._thread.shutdown, daemon=True)
        closing.start()
        closing.join(DEADLINE_SECONDS)
        self._engine.dispose()

    def _failure(self, error: StoreError) -> StoreError:
        self._broken_until = self._clock() + REST_SECONDS
        self._note(up=False, error=str(error))
        return error

    def _note_wire(self, connection: object, _record: object) -> None:
        self._wire = connection

    def _note(self, *, up: bool, **details: str) -> None:
        if self.up != up and (not up or self.up is False):
            event_name = "store.works_again" if up else "store.failed"
            (log.info if up else log.error)(event_name, **details)
        self.up = up

    def _transact(self, work: Work[Result], given_up: threading.Event) -> Result:
        try:
            self._prepare()
            with self._engine.begin() as connection:
                result = work(connection)
                if given_up.is_set():
                    raise StoreError("nobody waits for it any more")  # rolls back: the caller has found another way
                return result
        except SQLAlchemyError as error:
            raise StoreError(_described(error)) from None  # the library's own words repeat statement and parameters

    def _prepare(self) -> None:
        if not self._prepared:
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # Replicas that start together would make the same tables at once.
                    connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(hashtext('tapwatch outbox'))"))
                metadata.create_all(connection)
            self._prepared = True


def _engine(url: URL) -> Engine:
    """One connection, which is tried before use, so that a restarted server is not noticed."""
    if url.get_backend_name() == "sqlite":
        engine = sqlalchemy.create_engine(url, connect_args={"timeout": _LOCK_SECONDS})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_at_once)
        return engine
    milliseconds = int(_LOCK_SECONDS * 1000)
    arguments = {
        "connect_timeout": 2,
        "tcp_user_timeout": milliseconds,
        "options": f"-c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout=10000",
    }
    return sqlalchemy.create_engine(url, connect_args=arguments, pool_pre_ping=True, pool_size=1, max_overflow=0)


def _cut(connection: Any) -> None:  # noqa: ANN401 - the driver's own
    """End the connection to a server that hangs, so that the thread which waits for it is free for the next."""
    if not isinstance(connection, psycopg.Connection) or connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own
    connection.isolation_level = None  # else the driver begins transactions by itself, too late
    for setting in (
        "journal_mode=WAL",  # readers never wait for the writer
        "synchronous=FULL",  # a commit is on the disk: 200 is a promise that also holds when the power fails
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_at_once(connection: Connection) -> None:
    """A transaction that reads first and writes later could not wait for another writer."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _described(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None)
    lines = str(cause or type(error).__name__).strip().splitlines()
    return f"{type(cause or error).__name__}: {lines[0] if lines else ''}"
