"""etcd's members, asked directly: health, leader, members, database, alarms.

etcd's documentation, "gRPC gateway": its API as JSON over HTTP, in which 64-bit numbers are strings.
"""

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec
import structlog

from exporters.cluster.failure import CAUGHT, StatusError, poll_error
from exporters.cluster.sample import Sample
from exporters.cluster.settings import EtcdSettings, Timing
from exporters.cluster.thread import Resolver
from tapwatch import catalogue
from tapwatch.errors import PollError, PollReason
from tapwatch.tls import verifying_context

log = structlog.get_logger()

LARGEST_ANSWER_BYTES = 65536
_PAUSE_SECONDS = 0.5
"""Between two questions of a round there is less, between two rounds more."""


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """Keys as in etcd's own protocol files."""


class _Health(_Answer, frozen=True):
    health: str = ""
    reason: str = ""


class _Header(_Answer, frozen=True):
    member_id: int = 0


class _Status(_Answer, frozen=True):
    header: _Header = _Header()
    version: str = ""
    db_size: int = msgspec.field(default=0, name="dbSize")
    in_use: int = msgspec.field(default=0, name="dbSizeInUse")
    leader: int = 0
    raft_term: int = msgspec.field(default=0, name="raftTerm")
    raft_index: int = msgspec.field(default=0, name="raftIndex")


class _Member(_Answer, frozen=True):
    name: str = ""


class _Members(_Answer, frozen=True):
    members: list[_Member] = []


class _Alarm(_Answer, frozen=True):
    alarm: str = "NONE"


class _Alarms(_Answer, frozen=True):
    alarms: list[_Alarm] = []


@dataclass(frozen=True)
class Member:
    """What a member said when it was last asked; of what it did not say there is nothing."""

    seconds: float
    """Until /health answered, or was given up."""
    failure: PollError | None
    status: _Status | None = None
    members: int | None = None
    """How many the cluster has; None without a quorum."""
    alarms: tuple[str, ...] = ()


Kind = TypeVar("Kind")


class Etcd:
    """The members of one cluster's etcd."""

    def __init__(self, session: aiohttp.ClientSession, settings: EtcdSettings, timing: Timing) -> None:
        self._session = session
        self._settings = settings
        self._timing = timing
        self._members: dict[str, Member] = {}

    async def step(self, url: str) -> float:
        """Ask one member; the seconds until it is asked again. Never raises for what it does."""
        member = await self._probe(url)
        before = self._members.get(url)
        old = before.failure if before is not None else None
        if member.failure is not None and (old is None or old.reason != member.failure.reason):
            log.warning("etcd.down", endpoint=url, reason=member.failure.reason.value, error=str(member.failure))
        elif member.failure is None and old is not None:
            log.info("etcd.up", endpoint=url)
        self._members[url] = member
        return self._timing.interval

    def samples(self) -> Iterator[Sample]:
        """What each member said."""
        for url, member in sorted(self._members.items()):
            yield Sample(catalogue.CONTROLPLANE_ETCD_UP, (url,), float(member.failure is None))
            yield Sample(catalogue.CONTROLPLANE_ETCD_SECONDS, (url,), member.seconds)
            if member.failure is not None:
                yield Sample(catalogue.CONTROLPLANE_ETCD_FAILURE, (url, member.failure.reason), 1)
            if member.members is not None:
                yield Sample(catalogue.CONTROLPLANE_ETCD_MEMBERS, (url,), member.members)
            for alarm in member.alarms:
                yield Sample(catalogue.CONTROLPLANE_ETCD_ALARM, (url, alarm), 1)
            if member.status is not None:
                yield from _status_samples(url, member.status)

    async def _probe(self, url: str) -> Member:
        """One connection for all questions; health comes first."""
        started = time.perf_counter()
        try:
            tls = _trust(self._settings)
        except OSError as error:  # ssl.SSLError is one
            message = "the certificates for etcd cannot be used: no file, no PEM, or key and certificate differ"
            failure = PollError(PollReason.CREDENTIALS, message)
            failure.__cause__ = error
            return Member(0.0, failure)
        member = await self._health(url, tls, started)
        if member.failure is not None and member.failure.reason != PollReason.UNHEALTHY:
            return member  # nobody there who could tell more
        status = await self._told(url, tls, "/v3/maintenance/status", {}, _Status)
        members = await self._told(url, tls, "/v3/cluster/member/list", {}, _Members)
        alarms = await self._told(url, tls, "/v3/maintenance/alarm", {"action": "GET"}, _Alarms)
        return replace(
            member,
            status=status,
            members=len(members.members) if members is not None else None,
            alarms=tuple(sorted({each.alarm for each in alarms.alarms})) if alarms is not None else (),
        )

    async def _health(self, url: str, tls: ssl.SSLContext, started: float) -> Member:
        failure = None
        try:
            answer = await self._ask("GET", f"{url}/health", tls, _Health)
            if answer.health != "true":
                failure = PollError(PollReason.UNHEALTHY, f"/health says: {answer.reason or answer.health}")
        except PollError as error:
            failure = error
        return Member(time.perf_counter() - started, failure)

    async def _told(
        self, url: str, tls: ssl.SSLContext, path: str, body: dict[str, str], kind: type[Kind]
    ) -> Kind | None:
        """None when it is not told: /health says why."""
        try:
            return await self._ask("POST", f"{url}{path}", tls, kind, body)
        except PollError:
            return None

    async def _ask(
        self, method: str, url: str, tls: ssl.SSLContext, kind: type[Kind], body: dict[str, str] | None = None
    ) -> Kind:
        """Raises PollError."""
        try:
            async with self._session.request(method, url, json=body, ssl=tls, allow_redirects=False) as response:
                content = await response.content.read(LARGEST_ANSWER_BYTES)
                if response.status != HTTPStatus.OK:
                    raise StatusError(response.status, f"etcd answered {response.status}")
                return msgspec.json.decode(content, type=kind, strict=False)
        except msgspec.DecodeError as error:
            raise PollError(PollReason.GARBLED, f"what answers is no etcd: {error}") from error
        except CAUGHT as error:
            raise poll_error(error, self._timing.connect_timeout, self._timing.timeout) from error


def _status_samples(url: str, status: _Status) -> Iterator[Sample]:
    yield Sample(catalogue.CONTROLPLANE_ETCD_VERSION, (url, status.version), 1)
    yield Sample(catalogue.CONTROLPLANE_ETCD_HAS_LEADER, (url,), float(status.leader != 0))
    yield Sample(catalogue.CONTROLPLANE_ETCD_IS_LEADER, (url,), float(status.leader == status.header.member_id))
    yield Sample(catalogue.CONTROLPLANE_ETCD_TERM, (url,), status.raft_term)
    yield Sample(catalogue.CONTROLPLANE_ETCD_INDEX, (url,), status.raft_index)
    yield Sample(catalogue.CONTROLPLANE_ETCD_DATABASE, (url,), status.db_size)
    yield Sample(catalogue.CONTROLPLANE_ETCD_IN_USE, (url,), status.in_use)


def _trust(settings: EtcdSettings) -> ssl.SSLContext:
    """Read again each time, as certificates are renewed; raises OSError."""
    context = verifying_context(settings.ca_file)
    if settings.certificate_file is not None:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as for API servers
    return context


@asynccontextmanager
async def open_etcd(settings: EtcdSettings, timing: Timing) -> AsyncIterator[Etcd]:
    """Etcd while the context lasts; each round has a connection of its own, as a kept one hides that new ones fail."""
    timeout = aiohttp.ClientTimeout(total=timing.timeout, connect=timing.connect_timeout, ceil_threshold=float("inf"))
    kept = min(_PAUSE_SECONDS, timing.interval / 2)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=kept, use_dns_cache=False, resolver=Resolver())
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Etcd(session, settings, timing)
