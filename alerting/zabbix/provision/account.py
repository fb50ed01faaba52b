"""The bridge's account: a role of few rights, a user group that may read, a user, and its token."""

import os
import secrets
from pathlib import Path
from typing import Any

from alerting.zabbix.api import Api, Version
from alerting.zabbix.provision.change import Change, Plan
from alerting.zabbix.provision.media import MEDIA_TYPE
from alerting.zabbix.provision.template import TEMPLATE_GROUP
from alerting.zabbix.provision.upkeep import make_or_mend
from alerting.zabbix.subject import ROOT_GROUP

ROLE = USER_GROUP = "Tapwatch bridge"
USER = "tapwatch"
TOKEN = "tapwatch zabbix"  # noqa: S105 - its name

METHODS = (
    "event.acknowledge",
    "event.get",
    "host.create",
    "host.get",
    "hostgroup.get",
    "item.get",
    "problem.get",
    "template.get",
    "token.get",
)
"""All that the bridge calls."""

_ADMIN, _ALLOW_LIST, _READ, _READ_WRITE = 2, 1, 2, 3


def plan_role(api: Api, version: Version) -> Plan:
    """A role that may call what the bridge calls, and see one page."""
    methods = [*METHODS, "history.push"] if version >= (7, 0) else list(METHODS)
    rules = {
        "ui": [{"name": "monitoring.problems", "status": 1}],
        "ui.default_access": 0,
        "api.access": 1,
        "api.mode": _ALLOW_LIST,
        "api": sorted(methods),
    }
    wanted = {"name": ROLE, "type": _ADMIN, "rules": rules}
    question = {"output": "extend", "selectRules": "extend", "filter": {"name": ROLE}}
    checked = {"type": _ADMIN, "rules": {name: rules[name] for name in ("api.access", "api.mode", "api")}}
    yield from make_or_mend(api, ("role", "roleid", "role"), question, wanted, checked)


def plan_user_group(api: Api, version: Version) -> Plan:
    """A group that may write where Tapwatch's hosts are, and read everywhere, as its problems are forwarded."""
    split = version >= (6, 2)
    select = (
        {"selectHostGroupRights": "extend", "selectTemplateGroupRights": "extend"}
        if split
        else {"selectRights": "extend"}
    )
    groups = api.call_now("hostgroup.get", {"output": ["groupid", "name"]})
    rights = [{"id": one["groupid"], "permission": _permission(one["name"])} for one in groups]
    wanted: dict[str, Any] = {"name": USER_GROUP}
    if split:
        own = api.call_now("templategroup.get", {"output": ["groupid"], "filter": {"name": TEMPLATE_GROUP}})
        wanted["hostgroup_rights"] = rights
        wanted["templategroup_rights"] = [{"id": one["groupid"], "permission": _READ} for one in own]
    else:
        wanted["rights"] = rights
    question = {"output": ["usrgrpid", "name"], "filter": {"name": USER_GROUP}, **select}
    yield from make_or_mend(api, ("user group", "usrgrpid", "usergroup"), question, wanted)


def _permission(group: str) -> int:
    ours = group == ROOT_GROUP or group.startswith(f"{ROOT_GROUP}/")
    return _READ_WRITE if ours else _READ


def plan_user(api: Api) -> Plan:
    """The user whose token the bridge has, and to whom Zabbix' actions send."""
    media = api.call_now("mediatype.get", {"output": ["mediatypeid"], "filter": {"name": MEDIA_TYPE}})
    role = api.call_now("role.get", {"output": ["roleid"], "filter": {"name": ROLE}})
    group = api.call_now("usergroup.get", {"output": ["usrgrpid"], "filter": {"name": USER_GROUP}})
    checked = {
        "username": USER,
        "name": "Tapwatch",
        "surname": "bridge",
        "roleid": role[0]["roleid"] if role else "",
        "usrgrps": [{"usrgrpid": one["usrgrpid"]} for one in group],
        "medias": [{"mediatypeid": one["mediatypeid"], "sendto": USER} for one in media],
    }
    question = {
        "output": ["userid", "username", "name", "surname", "roleid"],
        "selectUsrgrps": ["usrgrpid"],
        "selectMedias": ["mediatypeid", "sendto"],
        "filter": {"username": USER},
    }
    password = secrets.token_urlsafe(24)  # nobody ever uses it
    yield from make_or_mend(api, ("user", "userid", "user"), question, {**checked, "passwd": password}, checked)


def plan_token(api: Api, file: Path) -> Plan:
    """A token in `file` when there is none yet; only its owner may read it."""
    if file.exists():
        return

    def apply() -> None:
        user = api.call_now("user.get", {"output": ["userid"], "filter": {"username": USER}})[0]["userid"]
        old = api.call_now("token.get", {"output": ["tokenid"], "userids": user, "filter": {"name": TOKEN}})
        ids = [one["tokenid"] for one in old]
        if not ids:
            ids = api.call_now("token.create", [{"name": TOKEN, "userid": user}])["tokenids"]
        token = api.call_now("token.generate", ids)[0]["token"]
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
            output.write(f"{token}\n")

    yield Change("create", "token", (TOKEN,), apply, f"into {file}")
