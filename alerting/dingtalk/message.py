"""A notification as a message for people: what broke, where, since when, how bad, what to do. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from alerting.dingtalk.payload import Alert, Notification
from alerting.dingtalk.phrases import PHRASES, Phrases
from alerting.dingtalk.settings import RobotSettings

BODY_BYTES = 20_000
"""DingTalk's limit for the whole request body."""
TEXT_BYTES = 16_000
"""For the text inside it: what JSON adds by escaping line breaks and quotes fits into the rest."""
_ALERT_BYTES = 2_000
_TITLE_BYTES = 200

_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
RESOLVED_MARK = "✅"
_PLACE_LABELS = ("site", "building", "cluster")
_THING_LABELS = ("dispenser", "endpoint", "gateway", "robot", "instance")

# Markdown, HTML and mentions are made of these: their full-width look-alikes (Unicode, U+FF01 on) trick no renderer.
_HARMLESS = str.maketrans({mark: chr(ord(mark) + 0xFEE0) for mark in "[]<>*`@|#"})


@dataclass(frozen=True)
class Message:
    """A markdown message; the title shows in the phone's notification."""

    title: str
    text: str


@dataclass(frozen=True)
class Reader:
    """For whom a message is written."""

    phrases: Phrases
    time_zone: ZoneInfo
    keywords: Sequence[str]

    @classmethod
    def of(cls, settings: RobotSettings) -> "Reader":
        """The people behind a robot."""
        return cls(PHRASES[settings.language], ZoneInfo(settings.time_zone), settings.keywords)


def render(notification: Notification, reader: Reader, text_bytes: int = TEXT_BYTES) -> Message:
    """The message for a notification: the worst alerts first, within `text_bytes` of UTF-8; the rest is counted."""
    alerts = sorted(notification.alerts, key=lambda alert: alert.rank)
    title = _title(alerts, reader)
    text = f"### {title}"
    closing = _closing(len(alerts) + notification.truncated_alerts, notification, reader)
    shown = 0
    for alert in alerts:
        block = "\n\n" + cut(_alert(alert, reader), _ALERT_BYTES)
        if len((text + block + closing).encode()) > text_bytes:
            break
        text += block
        shown += 1
    left = len(alerts) - shown + notification.truncated_alerts
    return Message(title, text + (_closing(left, notification, reader) if left else ""))


def cut(text: str, size: int) -> str:
    """`text` within `size` bytes of UTF-8, with an ellipsis where it was cut, never inside a character."""
    raw = text.encode()
    if len(raw) <= size:
        return text
    return raw[: size - len("…".encode())].decode(errors="ignore") + "…"


def harmless(text: str) -> str:
    """A label or annotation on one line, unable to be read as markdown, HTML or a mention."""
    return " ".join(text.split()).translate(_HARMLESS)


def _title(alerts: Sequence[Alert], reader: Reader) -> str:
    """The worst alert's mark and summary; a keyword in front where none stands in it."""
    worst = alerts[0]
    summary = harmless(worst.annotations.get("summary") or worst.labels.get("alertname", ""))
    count = sum(alert.status == worst.status for alert in alerts)
    times = f" x{count}" if count > 1 else ""
    if worst.status == "resolved":
        title = f"{RESOLVED_MARK} {reader.phrases.resolved}: {summary}{times}"
    else:
        title = f"{_MARKS[worst.severity]} {reader.phrases.severities[worst.severity]}: {summary}{times}"
    title = cut(title, _TITLE_BYTES)
    if reader.keywords and not any(keyword in title for keyword in reader.keywords):
        title = f"{reader.keywords[0]} {title}"
    return title


def _alert(alert: Alert, reader: Reader) -> str:
    """One alert as a few lines."""
    thing = next((alert.labels[name] for name in _THING_LABELS if name in alert.labels), "")
    place = [alert.labels[name] for name in _PLACE_LABELS if name in alert.labels]
    if floor := alert.labels.get("floor"):
        place.append(reader.phrases.floor.format(floor))
    mark = RESOLVED_MARK if alert.status == "resolved" else _MARKS[alert.severity]
    heading = " · ".join(
        part for part in (f"**{harmless(thing)}**" if thing else "", harmless(", ".join(place))) if part
    )
    lines = [
        f"{mark} {heading or harmless(alert.labels.get('alertname', ''))}",
        harmless(alert.annotations.get("description", "")),
        _when(alert, reader),
        _links(alert, reader.phrases),
    ]
    return "  \n".join(line for line in lines if line)


def _when(alert: Alert, reader: Reader) -> str:
    start = local_time(alert.starts_at, reader.time_zone)
    if alert.status == "resolved" and alert.ends_at > alert.starts_at:
        return reader.phrases.lasted.format(duration(alert.ends_at - alert.starts_at, reader.phrases), start)
    return reader.phrases.since.format(start)


def local_time(moment: datetime, time_zone: ZoneInfo) -> str:
    """`2026-11-21 10:31 CST`, in the reader's time zone."""
    return f"{moment.astimezone(time_zone):%Y-%m-%d %H:%M:%S %Z}"


def duration(length: timedelta, phrases: Phrases) -> str:
    """The two largest units: `2 h 5 min`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = ((days, phrases.days), (hours, phrases.hours), (minutes, phrases.minutes), (seconds, phrases.seconds))
    first = next((at for at, (number, _) in enumerate(units) if number), len(units) - 1)
    return " ".join(
        unit.format(number) for number, unit in units[first : first + 2] if number or first == len(units) - 1
    )


def _links(alert: Alert, phrases: Phrases) -> str:
    targets = (
        (phrases.what_to_do, alert.annotations.get("runbook_url", "")),
        (phrases.dashboard, alert.annotations.get("dashboard_url", "")),
        (phrases.graph, alert.generator_url),
    )
    return " · ".join(link(text, url) for text, url in targets if is_web_address(url))


def link(text: str, url: str) -> str:
    """A markdown link whose address cannot end early."""
    return f"[{text}]({quote(url, safe=':/?#@!$&*+,;=%~-._')})"


def is_web_address(url: str) -> bool:
    """Whether a person may follow it: http or https with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _closing(left: int, notification: Notification, reader: Reader) -> str:
    more = reader.phrases.more.format(left)
    if not is_web_address(notification.external_url):
        return f"\n\n{more}"
    return f"\n\n{more}: {link(reader.phrases.alertmanager, notification.external_url)}"
