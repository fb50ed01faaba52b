"""Everything that Zabbix needs, in order: each step finds what those before it have made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alerting.zabbix.api import Api
from alerting.zabbix.provision import account, dashboard, hosts, media, template
from alerting.zabbix.provision.change import Change, Plan
from alerting.zabbix.settings import ProvisionSettings
from alerting.zabbix.subject import Subject


@dataclass(frozen=True)
class Provisioning:
    """One Zabbix and what it should have."""

    api: Api
    settings: ProvisionSettings
    subjects: Mapping[str, Subject]

    def run(self, report: Callable[[Change], None], *, dry: bool) -> int:
        """End every difference, or with `dry` only report them; how many there were. Raises DeliveryError."""
        changes = 0
        for change in self._changes():
            report(change)
            changes += 1
            if not dry:
                change.apply()
        return changes

    def _changes(self) -> Plan:
        api, settings = self.api, self.settings
        version = api.version_now()
        yield from template.plan(api, version, settings.nodata)
        yield from hosts.plan_groups(api, self.subjects)
        yield from hosts.plan_hosts(api, version, self.subjects)
        yield from media.plan_media_type(api, settings.webhook)
        yield from account.plan_user_group(api, version)
        for one in account.accounts(version):
            yield from account.plan_role(api, one)
            yield from account.plan_user(api, one)
        yield from account.plan_token(api, account.accounts(version)[0], settings.token_file)
        yield from media.plan_actions(api)
        yield from dashboard.plan(api, version)
