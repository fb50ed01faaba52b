"""Charts for messages: asked of Prometheus, drawn by the easel, kept under names that nobody guesses."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import aiohttp
import structlog

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.easel import Easel, Picture
from alerting.dingtalk.expression import read_expression
from alerting.dingtalk.prometheus import Line, query_range
from alerting.dingtalk.settings import PictureSettings
from alerting.dingtalk.store import picture
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.view import thing_of
from alerting.payload import Alert, Notification
from tapwatch.errors import PollError, StoreError

log = structlog.get_logger()

MOST_LINES = 5
NOTHING: tuple[str, Mapping[str, float]] = ("", {})


@dataclass(frozen=True)
class Darkroom:
    """Where charts are made and kept."""

    easel: Easel
    database: Database
    clocks: Clocks
    public_url: str


class Charts:
    """Pictures and values for notifications."""

    def __init__(self, settings: PictureSettings, darkroom: Darkroom, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._darkroom = darkroom
        self._session = session

    async def show(self, notification: Notification, time_zone: str) -> tuple[str, Mapping[str, float]]:
        """The address of a chart of the worst alert's expression, and what it gives now, by fingerprint.

        What is not there by the deadline is left out.
        """
        worst = notification.worst_first[0]
        expression = read_expression(worst.generator_url)
        if expression is None or not worst.firing:
            return NOTHING
        values: dict[str, float] = {}
        try:
            async with asyncio.timeout(self._settings.deadline):
                now = self._darkroom.clocks.unix()
                period = (now - self._settings.hours * 3600, now)
                lines = await query_range(self._session, self._settings.prometheus, expression.measured, period)
                values |= values_now(notification.alerts, lines, expression.measured)
                chosen = concerned(notification.alerts, lines)
                if not chosen:
                    return "", values
                fired_at = worst.starts_at.timestamp()
                content = await self._darkroom.easel.draw(Picture(chosen, expression.threshold, fired_at, time_zone))
                return await self._keep(content, now), values
        except (TimeoutError, PollError, StoreError, BrokenProcessPool) as error:
            log.info("picture.left_out", reason=type(error).__name__)
            return "", values

    async def _keep(self, content: bytes, now: float) -> str:
        name = secrets.token_hex(16)
        await self._darkroom.database.run(lambda store: picture.keep(store, name, content, now))
        return f"{self._darkroom.public_url}/picture/{name}.png"


def concerned(alerts: Sequence[Alert], lines: Sequence[Line]) -> list[tuple[str, Sequence[tuple[float, float]]]]:
    """The lines that belong to the alerts, the worst alert's first; a few of them."""
    found = []
    for alert in alerts:
        for line in lines:
            if _belongs(line, alert) and (entry := (thing_of(alert), line.points)) not in found:
                found.append(entry)
    return found[:MOST_LINES]


def values_now(alerts: Sequence[Alert], lines: Sequence[Line], expression: str) -> dict[str, float]:
    """By fingerprint, the last value of the firing alert's line; alerts of other expressions have none."""
    found = {}
    for alert in alerts:
        read = read_expression(alert.generator_url)
        if not alert.firing or read is None or read.measured != expression:
            continue
        own = [line for line in lines if _belongs(line, alert) and line.points]
        if len(own) == 1:
            found[alert.fingerprint] = own[0].points[-1][1]
    return found


def _belongs(line: Line, alert: Alert) -> bool:
    """An alert has the labels of its series, and more."""
    return all(alert.labels.get(name) == value for name, value in line.labels.items() if name != "__name__")
