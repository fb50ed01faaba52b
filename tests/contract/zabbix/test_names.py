"""Names that users' Zabbix, rules and dashboards build on: spelled out on purpose."""

import json
import uuid

import pytest

from alerting.payload import Alert
from alerting.zabbix.discovery import alert_key, document, row
from alerting.zabbix.provision import account, template
from alerting.zabbix.settings import Severities
from laboratory.notifications import alert
from tapwatch.catalogue import CATALOGUE


def test_the_metrics_are_there() -> None:
    assert {name for name in CATALOGUE if name.startswith("tapwatch_zabbix_")} == {
        "tapwatch_zabbix_acknowledgements_total",
        "tapwatch_zabbix_alerts_total",
        "tapwatch_zabbix_comparisons_total",
        "tapwatch_zabbix_crashes_total",
        "tapwatch_zabbix_events_total",
        "tapwatch_zabbix_last_comparison_timestamp_seconds",
        "tapwatch_zabbix_last_delivery_timestamp_seconds",
        "tapwatch_zabbix_notification_duration_seconds",
        "tapwatch_zabbix_notifications_total",
        "tapwatch_zabbix_problems_forwarded",
        "tapwatch_zabbix_repairs_total",
        "tapwatch_zabbix_values_total",
    }


def test_what_the_discovery_rule_is_told() -> None:
    one = alert(fingerprint="1f2e", annotations={"dashboard_url": "https://grafana.example/d/x"}, team="facilities")
    (told,) = json.loads(document([row(Alert.model_validate(one), Severities())]))
    assert told == {
        "{#FINGERPRINT}": "1f2e",
        "{#ALERTNAME}": "DispenserLeak",
        "{#SUMMARY}": "A dispenser leaks",
        "{#DESCRIPTION}": "It reports water where there should be none.",
        "{#SEVERITY}": "4",
        "{#TEAM}": "facilities",
        "{#DASHBOARD}": "https://grafana.example/d/x",
        "{#RUNBOOK}": "https://example.org/runbooks/DispenserLeak.md",
        "{#SOURCE}": "http://prometheus.example/graph",
        "{#SITE}": "main-campus",
        "{#BUILDING}": "",
        "{#FLOOR}": "",
        "{#DISPENSER}": "lib-1f-east",
        "{#GATEWAY}": "",
        "{#CLUSTER}": "",
        "{#NODE}": "",
        "{#ENDPOINT}": "",
        "{#INSTANCE}": "",
    }
    assert alert_key("1f2e") == "tapwatch.alert[1f2e]"


@pytest.mark.parametrize("version", [(6, 0), (6, 4), (7, 0), (7, 2)])
def test_every_macro_of_the_template_is_told_and_every_part_has_an_id_of_its_own(version: tuple[int, int]) -> None:
    text = json.dumps(template.document(version, 180))
    told = row(Alert.model_validate(alert()), Severities())
    used = {f"{{#{part.partition('}')[0]}}}" for part in text.split("{#")[1:]}
    assert used <= set(told)
    ids = [part.partition('"')[0] for part in text.split('"uuid": "')[1:]]
    assert len(ids) == len(set(ids))
    assert all(uuid.UUID(one).version == 4 for one in ids)


def test_the_bridges_account_may_call_what_it_calls_and_no_more() -> None:
    bridge, recipient = account.accounts((7, 0))
    assert sorted(bridge.rules["api"]) == [
        "event.acknowledge",
        "event.get",
        "history.push",
        "host.create",
        "host.get",
        "hostgroup.get",
        "item.get",
        "problem.get",
        "template.get",
        "token.get",
    ]
    assert recipient.rules["api.access"] == 0
    assert "history.push" not in account.accounts((6, 0))[0].methods
