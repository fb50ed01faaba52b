"""`tapwatch zabbix provision` against a real Zabbix."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from laboratory.servers.zabbix import ZABBIX_7_0
from laboratory.servers.zabbixstage import DISPENSERS, Stage

pytestmark = [pytest.mark.timeout(300), pytest.mark.root]  # a busy machine takes several times as long

NOTHING = (0, "Nothing to change.\n", "")


@pytest.fixture
def fleet(zabbix_server: Stage) -> Iterator[Stage]:
    """Provisioned, whatever other tests left behind; the inventory may be changed and is mended afterwards."""
    zabbix_server.write_inventory(*DISPENSERS)
    zabbix_server.configure()
    asyncio.run(zabbix_server.provision())
    yield zabbix_server
    zabbix_server.write_inventory(*DISPENSERS)


async def test_a_second_run_changes_nothing(fleet: Stage) -> None:
    assert await fleet.provision() == NOTHING
    assert await fleet.provision("--dry-run") == NOTHING


async def test_a_dry_run_shows_the_difference_and_makes_none(fleet: Stage) -> None:
    newcomer = {"name": "gym-1f", "site": "gym", "building": "gym", "floor": "1", "address": "10.0.6.1:502/1"}
    fleet.write_inventory(*DISPENSERS, newcomer)
    status, out, _ = await fleet.provision("--dry-run")
    assert status == 1
    assert "create host 'tapwatch.site.gym', 'tapwatch.dispenser.gym-1f'" in out
    assert fleet.host("tapwatch.dispenser.gym-1f") is None
    assert (await fleet.provision())[0] == 0
    assert await fleet.provision() == NOTHING


async def test_a_dispenser_becomes_a_host_with_its_place(fleet: Stage) -> None:
    host = fleet.host("tapwatch.dispenser.lib-1f-east")
    assert host is not None
    assert host["name"] == "Dispenser lib-1f-east"
    assert host["inventory"]["location"] == "main-campus, library, floor 1"
    assert [group["name"] for group in host["hostgroups"]] == ["Tapwatch/sites/main-campus"]
    tags = {tag["tag"]: tag["value"] for tag in host["tags"]}
    assert tags["site"] == "main-campus"
    assert tags["floor"] == "1"


async def test_a_dispenser_that_left_is_disabled_and_enabled_when_it_is_back(fleet: Stage) -> None:
    fleet.write_inventory(DISPENSERS[0])
    _, out, _ = await fleet.provision()
    assert "disable host 'tapwatch.dispenser.lib-2f-west'" in out
    host = fleet.host("tapwatch.dispenser.lib-2f-west")
    assert host is not None
    assert host["status"] == "1"
    assert await fleet.provision() == NOTHING
    fleet.write_inventory(*DISPENSERS)
    await fleet.provision()
    host = fleet.host("tapwatch.dispenser.lib-2f-west")
    assert host is not None
    assert host["status"] == "0"
    assert await fleet.provision() == NOTHING


async def test_a_host_that_a_person_disabled_stays_disabled(fleet: Stage) -> None:
    host = fleet.host("tapwatch.dispenser.lib-2f-west")
    assert host is not None
    fleet.zabbix.api("host.update", hostid=host["hostid"], status=1)
    assert await fleet.provision() == NOTHING
    fleet.zabbix.api("host.update", hostid=host["hostid"], status=0)


async def test_a_dispenser_that_moved_and_a_template_that_was_changed_are_mended(fleet: Stage) -> None:
    fleet.write_inventory({**DISPENSERS[0], "floor": "4"}, DISPENSERS[1])
    template = fleet.zabbix.api("template.get", filter={"host": "Tapwatch alerts"}, output=["templateid"])[0]
    rule = fleet.zabbix.api("discoveryrule.get", hostids=template["templateid"], output=["itemid"])[0]
    fleet.zabbix.api("discoveryrule.update", itemid=rule["itemid"], name="Something else")
    _, out, _ = await fleet.provision()
    assert "update template" in out
    assert "update host 'tapwatch.dispenser.lib-1f-east': location, tags" in out
    assert await fleet.provision() == NOTHING
    host = fleet.host("tapwatch.dispenser.lib-1f-east")
    assert host is not None
    assert host["inventory"]["location"] == "main-campus, library, floor 4"


async def test_what_else_people_linked_to_a_host_stays(fleet: Stage) -> None:
    await fleet.provision()
    host = fleet.host("tapwatch.dispenser.lib-1f-east")
    assert host is not None
    other = fleet.zabbix.api("template.get", filter={"host": "ICMP Ping"}, output=["templateid"])[0]
    group = fleet.zabbix.api("hostgroup.create", name="Facilities")["groupids"][0]
    fleet.zabbix.api("host.massadd", hosts=[{"hostid": host["hostid"]}], templates=[other], groups=[{"groupid": group}])
    fleet.write_inventory({**DISPENSERS[0], "floor": "5"}, DISPENSERS[1])
    await fleet.provision()
    found = fleet.zabbix.api(
        "host.get", hostids=host["hostid"], selectParentTemplates=["host"], selectHostGroups=["name"]
    )
    assert {one["host"] for one in found[0]["parentTemplates"]} == {"Tapwatch alerts", "ICMP Ping"}
    assert {one["name"] for one in found[0]["hostgroups"]} == {"Tapwatch/sites/main-campus", "Facilities"}
    fleet.zabbix.api("host.update", hostid=host["hostid"], templates_clear=[other])


async def test_a_token_of_too_few_rights_is_told_what_it_lacks(fleet: Stage) -> None:
    status, _, err = await fleet.provision(token=fleet.folder / "bridge.token")
    assert status == 1
    assert err.startswith("error: Zabbix refuses configuration.importcompare: ")
    assert "No permissions" in err


async def test_a_wrong_token_is_told_so_and_never_shown(fleet: Stage) -> None:
    wrong = fleet.folder / "wrong.token"
    wrong.write_text("0123456789abcdef" * 4, encoding="utf-8")
    status, out, err = await fleet.provision(token=wrong)
    assert status == 1
    assert "Not authorized" in err
    assert "0123456789abcdef" not in out + err


async def test_every_fault_of_settings_inventory_and_token_is_told_at_once(fleet: Stage) -> None:
    fleet.config.write_text("api_url: ftp://zabbix\ntoken_file: ./x\nintervall: 5s\n", encoding="utf-8")
    status, _, err = await fleet.provision(token=fleet.folder / "no-such.token")
    assert status == 2
    assert "api_url: must be a URL such as" in err
    assert "intervall: unknown key; did you mean 'interval'?" in err
    assert "no-such.token cannot be read" in err
    assert "3 faults." in err
    fleet.configure()


async def test_the_bridges_token_is_readable_by_its_owner_only(fleet: Stage) -> None:
    assert (fleet.folder / "bridge.token").stat().st_mode & 0o777 == 0o600


async def test_zabbix_6_0_is_provisioned_likewise(old_zabbix_server: Stage) -> None:
    await old_zabbix_server.provision()  # another test may have named another bridge
    assert await old_zabbix_server.provision() == NOTHING
    host = old_zabbix_server.host("tapwatch.dispenser.lib-1f-east")
    assert host is not None
    assert host["inventory"]["location"] == "main-campus, library, floor 1"


async def test_the_webhooks_password_reaches_zabbix_and_nothing_that_people_read(fleet: Stage) -> None:
    password = "plover-7719-xyzzy"
    (fleet.folder / "webhook.password").write_text(password, encoding="utf-8")
    fleet.configure(webhook={"username": "zabbix", "password_file": "./webhook.password"})
    dry = await fleet.provision("--dry-run")
    wet = await fleet.provision()
    assert "update media type 'Tapwatch': parameters" in wet[1]
    assert await fleet.provision() == NOTHING
    (media,) = fleet.zabbix.api("mediatype.get", filter={"name": "Tapwatch"}, output="extend")
    assert {"name": "password", "value": password} in media["parameters"]
    assert password not in f"{dry} {wet}"


async def test_a_dry_run_on_a_zabbix_that_has_nothing_shows_everything(tmp_path: Path) -> None:
    with Stage.start(tmp_path, ZABBIX_7_0) as stage:
        status, out, err = await stage.provision("--dry-run")
        assert (status, err) == (1, "")
        kinds = [line.partition(" '")[0] for line in out.splitlines()]
        assert kinds == [
            "create template",
            "create host group",
            "create host",
            "create media type",
            "create user group",
            "create role",
            "create user",
            "create role",
            "create user",
            "create token",
            "create action",
            "create action",
            "create dashboard",
            "13 changes would be made.",
        ]
        assert stage.host("tapwatch.dispenser.lib-1f-east") is None
        assert not (tmp_path / "bridge.token").exists()
