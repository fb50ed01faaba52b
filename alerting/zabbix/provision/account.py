"""Two accounts of few rights: the bridge's own, with its token, and the one that Zabbix' actions send to."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerting.zabbix.api import Api, Version
from alerting.zabbix.provision.change import Change, Plan
from alerting.zabbix.provision.media import MEDIA_TYPE, RECIPIENT
from alerting.zabbix.provision.template import TEMPLATE_GROUP
from alerting.zabbix.provision.upkeep import make_or_mend
from alerting.zabbix.subject import ROOT_GROUP

USER_GROUP = "Tapwatch bridge"
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

_ADMIN, _SUPER_ADMIN, _ALLOW_LIST, _READ, _READ_WRITE = 2, 3, 1, 2, 3


@dataclass(frozen=True)
class Account:
    """A role and its only user."""

    role: str
    role_type: int
    user: str
    methods: tuple[str, ...] = ()
    """What it may call of the API; nothing when there is none."""
    media_type: str | None = None

    @property
    def rules(self) -> dict[str, Any]:
        """Every role must see at least one page; nobody knows the password that would open it."""
        api = {"api.mode": _ALLOW_LIST, "api": sorted(self.methods)} if self.methods else {}
        page = {"ui": [{"name": "monitoring.problems", "status": 1}], "ui.default_access": 0}
        return {**page, "api.access": int(bool(self.methods)), **api}


def accounts(version: Version) -> tuple[Account, Account]:
    """Who calls Zabbix, and whom Zabbix calls.

    The recipient may do nothing, but has to be of the type that sees everybody: Zabbix hides from all others who
    acknowledged.
    """
    methods = (*METHODS, "history.push") if version >= (7, 0) else METHODS
    return (
        Account("Tapwatch bridge", _ADMIN, "tapwatch", methods),
        Account("Tapwatch recipient", _SUPER_ADMIN, RECIPIENT, media_type=MEDIA_TYPE),
    )


def plan_role(api: Api, account: Account) -> Plan:
    """The account's role."""
    wanted = {"name": account.role, "type": account.role_type, "rules": account.rules}
    question = {"output": "extend", "selectRules": "extend", "filter": {"name": account.role}}
    told = {name: value for name, value in account.rules.items() if name.startswith("api")}
    yield from make_or_mend(
        api, ("role", "roleid", "role"), question, wanted, {"type": account.role_type, "rules": told}
    )


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


def plan_user(api: Api, account: Account) -> Plan:
    """The account's user."""
    media = {"output": ["mediatypeid"], "filter": {"name": account.media_type}}
    medias = api.call_now("mediatype.get", media) if account.media_type else []
    role = api.call_now("role.get", {"output": ["roleid"], "filter": {"name": account.role}})
    group = api.call_now("usergroup.get", {"output": ["usrgrpid"], "filter": {"name": USER_GROUP}})
    checked = {
        "username": account.user,
        "name": "Tapwatch",
        "roleid": role[0]["roleid"] if role else "",
        "usrgrps": [{"usrgrpid": one["usrgrpid"]} for one in group],
        "medias": [{"mediatypeid": one["mediatypeid"], "sendto": account.user} for one in medias],
    }
    question = {
        "output": ["userid", "username", "name", "roleid"],
        "selectUsrgrps": ["usrgrpid"],
        "selectMedias": ["mediatypeid", "sendto"],
        "filter": {"username": account.user},
    }
    password = secrets.token_urlsafe(24)  # nobody ever uses it
    yield from make_or_mend(api, ("user", "userid", "user"), question, {**checked, "passwd": password}, checked)


def plan_token(api: Api, account: Account, file: Path) -> Plan:
    """A token in `file` when there is none yet; only its owner may read it."""
    if file.exists():
        return

    def apply() -> None:
        user = api.call_now("user.get", {"output": ["userid"], "filter": {"username": account.user}})[0]["userid"]
        old = api.call_now("token.get", {"output": ["tokenid"], "userids": user, "filter": {"name": TOKEN}})
        ids = [one["tokenid"] for one in old]
        if not ids:
            ids = api.call_now("token.create", [{"name": TOKEN, "userid": user}])["tokenids"]
        token = api.call_now("token.generate", ids)[0]["token"]
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as output:
            output.write(f"{token}\n")

    yield Change("create", "token", (TOKEN,), apply, f"into {file}")
