"""Many notifications in one message, by site and alert name, when DingTalk would not take one for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from alerting.dingtalk.markup import harmless, web_address
from alerting.dingtalk.message import (
    ANY_ID,
    MARKS,
    NOTHING_MORE,
    RESOLVED_MARK,
    Extras,
    Form,
    Message,
    Reader,
    Style,
    extra_values,
    most_that_fit,
    with_keyword,
)
from alerting.dingtalk.view import Room, thing_of, view
from alerting.payload import Alert, Notification

_THINGS = 5
"""Named of one kind; the rest is counted."""
_LINE_BYTES = 20
"""Less than the shortest line: more than so many need not be tried."""


@dataclass(frozen=True)
class Kind:
    """Alerts of one name at one place, as a line shows them."""

    place: str
    what: str
    severity: str
    firing: int
    resolved: int
    things: tuple[str, ...]
    unnamed: int
    """Firing things that the line does not name."""


@dataclass(frozen=True)
class Digest:
    """What is told together: untold alerts of several notifications, each thing in its latest state."""

    alerts: Sequence[Alert]
    """The worst first."""
    truncated: int
    external_url: str

    @classmethod
    def of(cls, parts: Iterable[tuple[Notification, int]]) -> "Digest":
        """Of notifications, the oldest first, each with the number of its worst alerts that were told before.

        What fired and resolved while it waited is told as resolved, once.
        """
        latest: dict[str, Alert] = {}
        truncated, url = 0, ""
        for notification, told in parts:
            latest |= {alert.fingerprint: alert for alert in notification.worst_first[told:]}
            truncated += notification.truncated_alerts
            url = notification.external_url or url
        return cls(sorted(latest.values(), key=lambda alert: alert.rank), truncated, url)


def write_digest(digest: Digest, reader: Reader, style: Style, extras: Extras = NOTHING_MORE) -> Message:
    """The message; kinds that have no room within `style.body_bytes` are counted."""
    kinds, page = _by_place_and_name(digest.alerts), _Page(digest, reader, style, extras)

    def with_kinds(shown: int) -> Message:
        return with_keyword(reader, lambda prefix: page.render(kinds, shown, prefix))

    if style.form is Form.BARE:
        return with_kinds(0)
    longest = min(len(kinds), style.body_bytes // _LINE_BYTES)
    return with_kinds(most_that_fit(longest, style.body_bytes, lambda shown: len(with_kinds(shown).encode(ANY_ID))))


def _by_place_and_name(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """The kind with the worst alert first; of equally bad ones the larger."""

    def kind(alert: Alert) -> tuple[str, str]:
        return _place(alert), alert.labels.get("alertname", "")

    kinds = [list(group) for _, group in groupby(sorted(alerts, key=lambda one: (kind(one), one.rank)), key=kind)]
    return sorted(kinds, key=lambda group: (group[0].rank[:2], -len(group), kind(group[0])))


def _place(alert: Alert) -> str:
    return alert.labels.get("site") or alert.labels.get("cluster", "")


def _line(alerts: Sequence[Alert], room: Room) -> Kind:
    worst, firing = alerts[0], [alert for alert in alerts if alert.firing]
    names = sorted({thing_of(alert) for alert in firing} - {""})
    summary = worst.annotations.get("summary") or worst.labels.get("alertname", "")
    return Kind(
        place=harmless(_place(worst), room.name),
        what=harmless(summary, room.name),
        severity=worst.severity,
        firing=len(firing),
        resolved=len(alerts) - len(firing),
        things=tuple(harmless(name, room.name) for name in names[:_THINGS]),
        unnamed=max(len(names) - _THINGS, 0),
    )


@dataclass(frozen=True)
class _Page:
    """What one message is made from."""

    digest: Digest
    reader: Reader
    style: Style
    extras: Extras

    def render(self, kinds: Sequence[Sequence[Alert]], shown: int, prefix: str) -> Message:
        """With so many of the kinds."""
        room, alerts, reader, form = Room(self.style.body_bytes), self.digest.alerts, self.reader, self.style.form
        title, text = reader.templates.render(
            "bare.j2" if form is Form.BARE else "digest.j2",
            {
                "language": reader.language,
                "form": form,
                "prefix": prefix,
                "marks": MARKS,
                "resolved_mark": RESOLVED_MARK,
                "worst": view(alerts[0], reader.time_zone, room),
                "groups": [_line(kind, room) for kind in kinds[:shown]],
                "kinds": len(kinds),
                "firing": sum(alert.firing for alert in alerts),
                "resolved": sum(not alert.firing for alert in alerts),
                "critical": sum(alert.firing and alert.severity == "critical" for alert in alerts),
                "left": sum(len(kind) for kind in kinds[shown:]),
                "truncated": self.digest.truncated,
                "all_url": web_address(self.digest.external_url, room.address),
                **extra_values(self.extras, reader, form),
            },
        )
        return Message(form, title, text, len(alerts), self.extras.mentions)
