"""The stores that every test of the outbox runs on."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from laboratory.servers.postgresql import PostgreSQL


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """One server for all tests; each has a database of its own."""
    with PostgreSQL.start(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store's address, as settings files have it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/outbox.db"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create_database(f"t{uuid.uuid4().hex[:12]}")
