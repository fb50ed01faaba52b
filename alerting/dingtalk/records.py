"""The record page: every notification, what became of it and its messages, searchable. Numbers of people are masked."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from alerting.dingtalk.errcode import advice_for
from alerting.dingtalk.markup import without_mobiles
from alerting.dingtalk.metrics import DELIVERED
from alerting.dingtalk.pages import page
from alerting.dingtalk.store import records
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.store.records import AT_ONCE, AnyRow, Search
from alerting.dingtalk.store.schema import NotificationState
from alerting.payload import Alert
from tapwatch.errors import DeliveryReason, StoreError

_LARGEST_NUMBER = 2**62


@dataclass(frozen=True)
class RobotState:
    """How a robot's last call by this process went."""

    name: str
    result: str
    """`delivered`, a reason, or nothing before the first call."""

    @property
    def called(self) -> bool:
        """Whether there was a call."""
        return bool(self.result)

    @property
    def reason(self) -> str:
        """Of a failure."""
        return "" if self.result in {"", DELIVERED} else self.result

    @property
    def advice(self) -> str:
        """What mends it."""
        return advice_for(DeliveryReason(self.reason)) if self.reason else ""


async def show_records(request: web.Request, database: Database, robots: Iterable[RobotState]) -> web.Response:
    """GET /records[?q=WORDS&robot=NAME&state=STATE&before=NUMBER]."""
    robots = list(robots)
    query = request.query
    search = Search(
        query.get("q", "")[:200], query.get("robot", ""), query.get("state", ""), _number(query.get("before", ""))
    )
    try:
        rows = await database.run(lambda store: records.find(store, search))
    except StoreError as error:
        return web.Response(status=503, text=f"the store does not answer: {error}\n")
    older = {**query, "before": str(rows[AT_ONCE - 1].id)} if len(rows) > AT_ONCE else {}
    return page(
        "records.html",
        search=search,
        channels=sorted(one.name for one in robots),
        states=list(NotificationState),
        robots=robots,
        rows=[_summary(row) | {"alerts": row.alerts, "messages": row.messages} for row in rows[:AT_ONCE]],
        older=f"/records?{urlencode(older)}" if older else "",
    )


async def show_record(request: web.Request, database: Database) -> web.Response:
    """GET /records/NUMBER."""
    number = _number(request.match_info["number"])
    try:
        found = None if number is None else await database.run(lambda store: records.read(store, number))
    except StoreError as error:
        return web.Response(status=503, text=f"the store does not answer: {error}\n")
    if found is None:
        return web.Response(status=404, text="no notification has this number\n")
    times = {"confirmed": found.row.confirmed_at, "ended": found.row.ended_at}
    return page(
        "record.html",
        one=_summary(found.row) | {name: _moment(at) for name, at in times.items()} | {"turn": found.row.turn},
        alerts=[_alert(alert) for alert in found.notification.worst_first],
        messages=[_message(message) for message in found.messages],
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) < _LARGEST_NUMBER else None


def _moment(unix: float | None) -> str:
    return "" if unix is None else datetime.fromtimestamp(unix, UTC).isoformat(" ", "seconds")


def _summary(row: AnyRow) -> dict[str, object]:
    return {
        "number": row.id,
        "came": _moment(row.received_at),
        "channel": row.channel,
        "state": row.state,
        "reason": row.reason or "",
        "status": row.status,
        "severity": row.severity,
        "group": without_mobiles(row.group_key),
    }


def _alert(alert: Alert) -> Mapping[str, str]:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(alert.labels.items()))
    return {"status": alert.status, "labels": without_mobiles(labels), "began": alert.starts_at.isoformat(" ")}


def _message(row: AnyRow) -> Mapping[str, object]:
    content: dict[str, Any] = json.loads(row.body)
    content = content[content["msgtype"]]
    return {
        "state": row.state,
        "robot": row.robot,
        "form": row.form,
        "digest": row.digest,
        "tries": row.tries,
        "sent": _moment(row.created_at),
        "reason": row.reason or "",
        "text": without_mobiles(content.get("text") or content.get("content", "")),
    }
