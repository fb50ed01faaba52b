"""What the two sides disagree on for too long: alerts without a problem, problems without an alert."""

from collections.abc import Callable, Collection, Hashable, Mapping

from alerting.payload import Alert
from alerting.zabbix.alertmanager import ActiveAlert
from alerting.zabbix.forward import SOURCE_LABEL


class Differences:
    """Remembers since when each difference has stood."""

    def __init__(self, settle: float, clock: Callable[[], float]) -> None:
        self._settle = settle
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def settled(self, present: Collection[str]) -> list[str]:
        """Of the differences present now, those that have stood for `settle` seconds without a break."""
        now = self._clock()
        self._since = {one: self._since.get(one, now) for one in present}
        return [one for one in present if now - self._since[one] >= self._settle]


def missing(alerts: Collection[ActiveAlert], receiver: str, problems: Collection[str]) -> dict[str, Alert]:
    """Alerts that our receiver should have told, by fingerprint, without a problem in Zabbix."""
    return {
        one.fingerprint: _as_told(one)
        for one in alerts
        if one.status.state == "active"
        and one.fingerprint not in problems
        and SOURCE_LABEL not in one.labels.items()
        and any(told.name == receiver for told in one.receivers)
    }


def orphans(alerts: Collection[ActiveAlert], problems: Collection[str]) -> list[str]:
    """Fingerprints of problems whose alert is gone."""
    return sorted(set(problems) - {one.fingerprint for one in alerts})


def _as_told(alert: ActiveAlert) -> Alert:
    fields: Mapping[str, object] = {
        "status": "firing",
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }
    return Alert.model_validate(fields)
