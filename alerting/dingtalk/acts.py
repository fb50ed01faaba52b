"""The page behind a button: shows what will happen, asks who and whether, and does it once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import aiohttp
import structlog
import yaml
from aiohttp import web

from alerting.dingtalk import alertmanager, buttons
from alerting.dingtalk.buttons import Deed, Link, Signer
from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.markup import harmless
from alerting.dingtalk.notice import Notice, write_notice
from alerting.dingtalk.pages import page
from alerting.dingtalk.people import People
from alerting.dingtalk.reception import Reception
from alerting.dingtalk.settings import Language
from alerting.dingtalk.store import incident
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.store.incident import Incident
from alerting.dingtalk.view import local_time
from alerting.payload import Alert
from tapwatch.errors import PollError, StoreError

log = structlog.get_logger()

DURATIONS: Mapping[str, timedelta] = {
    "30m": timedelta(minutes=30),
    "2h": timedelta(hours=2),
    "8h": timedelta(hours=8),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
}
LONGEST_NAME = 50
_SHOWN = 10
"""Alerts that the page lists."""

_WORDS: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    files("alerting.dingtalk.pages").joinpath("words.yaml").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Office:
    """What acting needs."""

    signer: Signer
    database: Database
    reception: Reception
    session: aiohttp.ClientSession
    alertmanagers: Sequence[str]
    people: People
    clocks: Clocks
    reader_of: Callable[[str], tuple[Language, ZoneInfo]]
    """By channel, how its people read."""

    async def show(self, request: web.Request) -> web.Response:
        """GET /act/TOKEN: never does anything, as previews of links open them too."""
        return await self._guarded(request, self._show)

    async def act(self, request: web.Request) -> web.Response:
        """POST /act/TOKEN with `person`, and `duration` of a silence: does it once."""
        return await self._guarded(request, self._act)

    async def _guarded(
        self, request: web.Request, handle: Callable[["Case", web.Request], Awaitable[web.Response]]
    ) -> web.Response:
        """What is wrong with the link is said before anything else."""
        try:
            link = self.signer.read(request.match_info["token"], self.clocks.unix())
        except ValueError as error:
            return _say("en", str(error), 410 if str(error) == "expired" else 404)
        try:
            found = await self.database.run(lambda store: incident.find(store, link.incident))
            used = await self.database.run(lambda store: incident.deed_by(store, buttons.digest(link)))
            if found is None:
                return _say("en", "forged", 404)
            language, zone = self.reader_of(found.channel)
            if used is not None:
                at = local_time(datetime.fromtimestamp(used.at, UTC), zone)
                return _say(language, "used", 409, person=used.person, at=at)
            if found.closed:
                return _say(language, "over", 409)
            return await handle(Case(link, found, language, zone), request)
        except StoreError:
            return _say("en", "no_store", 503)

    async def _show(self, case: "Case", _request: web.Request) -> web.Response:
        return case.ask(self.people)

    async def _act(self, case: "Case", request: web.Request) -> web.Response:
        form = await request.post()
        person = " ".join(harmless(str(form.get("person", "")), LONGEST_NAME).split())
        if not person:
            return case.ask(self.people, problem="no_name", status=400)
        length = DURATIONS.get(str(form.get("duration", "")), DURATIONS["2h"])
        until = datetime.fromtimestamp(self.clocks.unix(), UTC) + length
        details = until.isoformat() if case.link.deed is Deed.SILENCE else ""
        deed = incident.Deed(buttons.digest(case.link), case.found.number, case.link.deed, person, details)
        now = self.clocks.unix()
        if not await self.database.run(lambda store: incident.record(store, deed, now)):
            return await self.show(request)  # somebody else was faster
        if case.link.deed is Deed.SILENCE:
            try:
                await self._silence(case, person, until)
            except PollError as error:
                await self.database.run(lambda store: incident.withdraw(store, deed.link))
                return _say(case.language, "failed", 503, reason=error.reason)
        log.info("deed.done", deed=case.link.deed, incident=case.found.number, person=person)
        await self._tell_the_group(case, person, until, now)
        return _say(case.language, "done", 200)

    async def _silence(self, case: "Case", person: str, until: datetime) -> None:
        period = (datetime.fromtimestamp(self.clocks.unix(), UTC), until)
        comment = f"By a button in DingTalk: {case.summary}"
        await alertmanager.silence(self.session, self.alertmanagers, case.matchers, period, (person, comment))

    async def _tell_the_group(self, case: "Case", person: str, until: datetime, now: float) -> None:
        silenced = case.link.deed is Deed.SILENCE
        moment = local_time(until, case.zone)
        notice = Notice(
            name="Silenced" if silenced else "Acknowledged",
            about=buttons.digest(case.link),
            severity="info",
            starts_at=now,
            summary=("silenced", person, moment, case.summary) if silenced else ("acknowledged", person, case.summary),
            labels={name: case.matchers[name] for name in _PLACES if name in case.matchers},
        )
        await self.reception.announce(case.found.channel, lambda language: write_notice(notice, language))


_PLACES = ("site", "cluster", "building", "floor", "dispenser", "endpoint", "gateway")


@dataclass(frozen=True)
class Case:
    """A link that can be used, and what it is about."""

    link: Link
    found: Incident
    language: Language
    zone: ZoneInfo

    @property
    def alerts(self) -> list[Alert]:
        """What fires, the worst first."""
        return [alert for alert in self.found.notification.worst_first if alert.firing]

    @property
    def summary(self) -> str:
        """Of the worst."""
        worst = self.alerts[0]
        return worst.annotations.get("summary") or worst.labels.get("alertname", "")

    @property
    def matchers(self) -> dict[str, str]:
        """The labels that all firing alerts have in common."""
        first, *others = (alert.labels for alert in self.alerts)
        return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}

    def ask(self, people: People, problem: str = "", status: int = 200) -> web.Response:
        """The page that asks."""
        words = _WORDS[self.language]
        return page(
            "act.html",
            status=status,
            language=self.language,
            words=words,
            problem=words[problem] if problem else "",
            title=words[self.link.deed],
            means=words[f"{self.link.deed}_means"],
            summary=self.summary,
            alerts=[
                {"summary": alert.annotations.get("summary", ""), "labels": " · ".join(alert.labels.values())}
                for alert in self.alerts[:_SHOWN]
            ],
            more=max(len(self.alerts) - _SHOWN, 0),
            silences=self.link.deed is Deed.SILENCE,
            matchers=self.matchers,
            durations=list(DURATIONS),
            names=sorted(person.name for person in people.people.values()),
        )


def _say(language: Language, word: str, status: int, **values: str) -> web.Response:
    """A page with one sentence."""
    return page("said.html", status=status, text=_WORDS[language][word].format(**values), language=language)
