"""One Zabbix for all tests of a session; each test uses dispensers of its own name."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.integration.zabbix.stage import Stage
from tests.servers.zabbix import ZABBIX_6_0, ZABBIX_7_0, Release


def _provisioned(factory: pytest.TempPathFactory, release: Release) -> Iterator[Stage]:
    with Stage.start(factory.mktemp("zabbix"), release) as stage:
        status, out, err = asyncio.run(stage.provision())
        assert status == 0, f"{out}\n{err}"
        yield stage


@pytest.fixture(scope="session")
def zabbix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Zabbix 7.0, provisioned."""
    yield from _provisioned(tmp_path_factory, ZABBIX_7_0)


@pytest.fixture(scope="session")
def old_zabbix_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Zabbix 6.0, provisioned."""
    yield from _provisioned(tmp_path_factory, ZABBIX_6_0)
