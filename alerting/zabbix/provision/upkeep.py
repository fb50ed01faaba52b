"""Objects with a name: made when missing, mended when they differ."""

from collections.abc import Mapping
from typing import Any

from alerting.zabbix.api import Api
from alerting.zabbix.provision.change import Change, Plan, differing

Kind = tuple[str, str, str]
"""What people call it, its id's field, its API's name."""

_FIXED = frozenset({"eventsource", "passwd"})
"""What is said only once."""


def make_or_mend(
    api: Api,
    kind: Kind,
    question: Mapping[str, Any],
    wanted: Mapping[str, Any],
    checked: Mapping[str, Any] | None = None,
) -> Plan:
    """Create what the question does not find, update what differs; in `checked`, where Zabbix does not tell all."""
    title, id_field, noun = kind
    name = str(wanted.get("username") or wanted["name"])
    found = api.call_now(f"{noun}.get", question)
    if not found:
        yield Change("create", title, (name,), lambda: api.call_now(f"{noun}.create", wanted))
        return
    fields = differing(found[0], wanted if checked is None else checked)
    if fields:
        update = {id_field: found[0][id_field], **{key: value for key, value in wanted.items() if key not in _FIXED}}
        yield Change("update", title, (name,), lambda: api.call_now(f"{noun}.update", update), ", ".join(fields))
