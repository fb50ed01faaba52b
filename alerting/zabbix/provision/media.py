"""The way back: a webhook media type that calls the bridge, and the actions that use it."""

from typing import Any

from alerting.zabbix.api import Api
from alerting.zabbix.discovery import SOURCE_TAG
from alerting.zabbix.provision.change import Plan
from alerting.zabbix.provision.upkeep import make_or_mend
from alerting.zabbix.settings import WebhookSettings

MEDIA_TYPE = "Tapwatch"
RECIPIENT = "tapwatch-recipient"
"""The user that the actions send to."""
PROBLEMS_ACTION = "Tapwatch: problems to Alertmanager"
UPDATES_ACTION = "Tapwatch: acknowledgements to Alertmanager"

_WEBHOOK, _TAG_VALUE, _EQUAL, _NOT_EQUAL, _SEND_MESSAGE, _TRIGGERS = 4, 26, 0, 1, 0, 0
_ENABLED = 0

SCRIPT = """\
var wanted = JSON.parse(value);
var request = new HttpRequest();
request.addHeader('Content-Type: application/json');
if (wanted.username) {
    request.addHeader('Authorization: Basic ' + btoa(wanted.username + ':' + wanted.password));
}
var news = JSON.stringify({event_id: wanted.event_id, person: wanted.person});
var answer = request.post(wanted.url + '/zabbix/events', news);
if (request.getStatus() !== 200) {
    throw 'tapwatch zabbix answers ' + request.getStatus() + ': ' + answer;
}
return 'taken';
"""


def plan_media_type(api: Api, webhook: WebhookSettings) -> Plan:
    """A webhook that tells the bridge of an event, and tries again when it is not taken."""
    parameters = {"url": webhook.url, "event_id": "{EVENT.ID}", "person": "{USER.FULLNAME}"}
    parameters["username"] = webhook.username
    parameters["password"] = webhook.password.get_secret_value() if webhook.password else ""
    wanted: dict[str, Any] = {
        "name": MEDIA_TYPE,
        "type": _WEBHOOK,
        "status": _ENABLED,
        "script": SCRIPT,
        "parameters": [{"name": name, "value": value} for name, value in sorted(parameters.items())],
        "maxsessions": 0,
        "maxattempts": 10,
        "attempt_interval": "10s",
        "timeout": "30s",
        "message_templates": [
            {"eventsource": _TRIGGERS, "recovery": kind, "subject": "{EVENT.NAME}", "message": "{EVENT.ID}"}
            for kind in range(3)
        ],
    }
    question = {"output": "extend", "selectMessageTemplates": "extend", "filter": {"name": MEDIA_TYPE}}
    yield from make_or_mend(api, ("media type", "mediatypeid", "mediatype"), question, wanted)


def plan_actions(api: Api) -> Plan:
    """Problems of its own as they open and close; of those from Alertmanager, what people do about them."""
    users = api.call_now("user.get", {"output": ["userid"], "filter": {"username": RECIPIENT}})
    media = api.call_now("mediatype.get", {"output": ["mediatypeid"], "filter": {"name": MEDIA_TYPE}})
    ids = (users[0]["userid"] if users else "", media[0]["mediatypeid"] if media else "")
    send = _operation(*ids)
    forward = {"operations": [send], "recovery_operations": [send], "update_operations": [send]}
    yield from _plan_action(api, PROBLEMS_ACTION, _NOT_EQUAL, forward)
    yield from _plan_action(api, UPDATES_ACTION, _EQUAL, {"update_operations": [send]})


def _operation(user_id: str, media_type_id: str) -> dict[str, Any]:
    return {
        "operationtype": _SEND_MESSAGE,
        "opmessage": {"default_msg": 1, "mediatypeid": media_type_id},
        "opmessage_usr": [{"userid": user_id}],
    }


def _plan_action(api: Api, name: str, operator: int, operations: dict[str, Any]) -> Plan:
    tag, value = SOURCE_TAG
    condition = {"conditiontype": _TAG_VALUE, "operator": operator, "value": value, "value2": tag}
    wanted: dict[str, Any] = {
        "name": name,
        "eventsource": _TRIGGERS,
        "status": _ENABLED,
        "filter": {"evaltype": 0, "conditions": [condition]},
        **operations,
    }
    selected = {
        f"select{part}": "extend" for part in ("Operations", "RecoveryOperations", "UpdateOperations", "Filter")
    }
    question = {"output": "extend", **selected, "filter": {"name": name}}
    yield from make_or_mend(api, ("action", "actionid", "action"), question, wanted)
