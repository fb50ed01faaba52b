"""What a message says of an alert, apart from language and markup: pure functions over Alertmanager's payload."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerting.dingtalk.expression import read_expression
from alerting.dingtalk.markup import harmless, web_address
from alerting.payload import Alert

_PLACE_LABELS = ("site", "building", "cluster")
_THING_LABELS = ("dispenser", "endpoint", "gateway", "robot", "instance")
_PLAIN = 1000
_LINKS = {"what_to_do": "runbook_url", "dashboard": "dashboard_url"}
_UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


@dataclass(frozen=True)
class Room:
    """How long others' words may be, in characters, in a message of so many bytes of request body.

    A character takes at most four bytes, so that one alert always fits.
    """

    body_bytes: int

    @property
    def name(self) -> int:
        """A label's value."""
        return self.body_bytes // 200

    @property
    def summary(self) -> int:
        """What broke."""
        return self.body_bytes // 100

    @property
    def description(self) -> int:
        """More on it."""
        return self.body_bytes // 25

    @property
    def address(self) -> int:
        """A link's target; a longer one is left out, since a part of it leads nowhere."""
        return self.body_bytes // 16


@dataclass(frozen=True)
class AlertView:
    """One alert, ready to be put into words; whatever others wrote is harmless."""

    severity: str
    firing: bool
    summary: str
    thing: str
    """The dispenser, endpoint or whatever else is concerned; empty when no label says."""
    place: tuple[str, ...]
    floor: str
    since: str
    lasted: tuple[tuple[int, str], ...]
    """Of a resolved alert: numbers with their units, the largest first."""
    value: str
    """What is measured now; empty when nobody says."""
    threshold: str
    """With the comparison, as `> 300`; empty when there is none."""
    description: str
    links: tuple[tuple[str, str], ...]
    """Kind and address."""


def view(alert: Alert, time_zone: ZoneInfo, room: Room, value: float | None = None) -> AlertView:
    """What a reader in `time_zone` is told of the alert, of which `value` is what Prometheus measures now."""
    labels, notes = alert.labels, alert.annotations
    place = tuple(harmless(labels[name], room.name) for name in _PLACE_LABELS if labels.get(name))
    links = ((kind, web_address(notes.get(name, ""), room.address)) for kind, name in _LINKS.items())
    return AlertView(
        severity=alert.severity,
        firing=alert.firing,
        summary=harmless(notes.get("summary") or labels.get("alertname", ""), room.summary),
        thing=harmless(thing_of(alert), room.name),
        place=place,
        floor=harmless(labels.get("floor", ""), room.name),
        since=local_time(alert.starts_at, time_zone),
        lasted=() if alert.firing else duration(alert.ends_at - alert.starts_at),
        value=harmless(notes.get("value", "") or ("" if value is None else number(value)), room.name),
        threshold=harmless(notes.get("threshold", "") or _threshold(alert), room.name),
        description=harmless(notes.get("description", ""), room.description),
        links=tuple((kind, address) for kind, address in links if address),
    )


def _threshold(alert: Alert) -> str:
    """A comparison with 0 or 1 says no more than that the alert fires."""
    found = read_expression(alert.generator_url)
    if found is None or found.threshold in {None, 0.0, 1.0}:
        return ""
    return f"{found.operator} {number(found.threshold or 0.0)}"


def number(value: float) -> str:
    """With as many digits as a person reads: 0.0312, 87.3, 1234.5."""
    return f"{value:.4g}" if abs(value) < _PLAIN else f"{value:.1f}".removesuffix(".0")


def thing_of(alert: Alert) -> str:
    """The label's value that names what the alert is about; empty when no label says."""
    return next((alert.labels[name] for name in _THING_LABELS if alert.labels.get(name)), "")


def local_time(moment: datetime, time_zone: ZoneInfo) -> str:
    """`2026-11-21 18:31:17 +08:00`, in the reader's time zone; abbreviations as CST have several meanings."""
    text = moment.astimezone(time_zone).isoformat(" ", "seconds")
    offset = len("2026-11-21 18:31:17")
    return f"{text[:offset]} {text[offset:]}"


def duration(length: timedelta) -> tuple[tuple[int, str], ...]:
    """The two largest units: 7500 s are 2 hours and 5 minutes. Empty for no time at all."""
    rest = max(int(length.total_seconds()), 0)
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        number, rest = divmod(rest, size)
        if number or parts:
            parts.append((number, unit))
    return tuple((number, unit) for number, unit in parts[:2] if number)
