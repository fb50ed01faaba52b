"""The line to one gateway: a queue, a kept connection, and the certainty whose answer an answer is."""

import asyncio
import heapq
import random
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import chain, count

from prometheus_client import CollectorRegistry

from exporters.dispenser.address import Gateway
from exporters.dispenser.connection import Connection, Listener, connect
from exporters.dispenser.framing import GarbledError, Question, RefusedError, RtuFraming, TcpFraming
from exporters.dispenser.ghosts import Ghosts
from exporters.dispenser.window import InFlight, Window
from tapwatch import catalogue
from tapwatch.errors import PollError, PollReason
from tapwatch.instruments import counter, gauge

_STALE_SECONDS = 1.0
"""A connection that was silent so long may be dead without our knowing."""
_QUIET_SECONDS = 0.03
"""RTU: the pause before a question that could take the last answer's double for its own, as any can a refusal's."""
_DOUBLE_SECONDS = 5.0
"""RTU: how long after an answer its double may come, as when the gateway has asked a slow unit again."""
_FADING = 0.99
"""By each answer, so that one slow moment is forgotten after some hundred."""
_LARGEST_NOISE = 4096
"""Bytes without an answer among them after which a gateway is not listened to any longer."""
_MOST_REFUSALS = 3
_NUMBERS = 1 << 16

Turn = tuple[int, int]
"""Who comes first: 0 for the living and 1 for a unit that was silent lately, then the order of arrival."""


class LineMetrics:
    """What all lines of a process count together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.connections = counter(catalogue.GATEWAY_CONNECTIONS, registry)
        self.connected = gauge(catalogue.GATEWAY_CONNECTED, registry)
        self.requests = counter(catalogue.MODBUS_REQUESTS, registry)
        self.strays = counter(catalogue.MODBUS_STRAYS, registry)


@dataclass(frozen=True)
class Terms:
    """What a question may cost: all in seconds."""

    turn: Turn
    deadline: float
    """By the event loop's clock."""
    patience: float
    """How long the answer is waited for, where the last question was answered."""
    limit: float
    """The same after one that was not: the gateway may still be waiting for that one's unit."""
    rest: float = 0.0
    """How long the gateway is left alone before."""
    lull: float = 0.0
    """How long nobody must have been asked anything, since this question came."""
    in_flight: InFlight = 1


@dataclass(order=True, slots=True)
class _Ask:
    """A question, from the queue to its answer."""

    turn: Turn
    arrival: int
    question: Question = field(compare=False)
    terms: Terms = field(compare=False)
    answer: "asyncio.Future[tuple[bytes, float]]" = field(compare=False)
    sentinel: Question | None = field(default=None, compare=False)
    """Asked first, where an older answer could be taken for this one's."""
    cleared: bool = field(default=False, compare=False)
    """The sentinel was answered: nothing older is on the way, and its own double is of another length."""
    timer: asyncio.TimerHandle | None = field(default=None, compare=False)
    queued: float = field(default=0.0, compare=False)
    sent: float = field(default=0.0, compare=False)
    repeated: bool = field(default=False, compare=False)
    refusals: int = field(default=0, compare=False)
    """Of sentinels."""
    overlapped: bool = field(default=False, compare=False)
    """Another question was under way at the same time."""

    @property
    def now_asking(self) -> Question:
        return self.sentinel or self.question

    def fail(self, error: PollError) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if not self.answer.done():
            self.answer.set_exception(error)


class Line:
    """The queue and the kept connection of one gateway.

    On RTU framing an answer is known by its unit, function and length alone. So a question that looks like the unit's
    last one, whose answer may come twice, or like one whose answer is still outstanding, is preceded by a question of
    another length: devices answer in order, so when that one is answered, nothing older is on the way.
    """

    def __init__(self, gateway: Gateway, connect_seconds: float, tls: ssl.SSLContext, metrics: LineMetrics) -> None:
        self.gateway = gateway
        self.requests = 0
        """Sent since the line exists."""
        self.window = Window()
        self.slowest = 0.0
        """About how many seconds the slowest unit takes to answer; 0 before the first answer."""
        self._connect_seconds = connect_seconds
        self._tls = tls
        self._metrics = metrics
        self._framing: TcpFraming | RtuFraming = TcpFraming()
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connecting_since = 0.0
        self._queue: list[_Ask] = []
        self._arrivals = count()
        self._number = random.randrange(_NUMBERS)  # noqa: S311 - so that a restart does not repeat the last numbers
        self._outstanding: dict[int, _Ask] = {}
        self._ghosts = Ghosts()
        self._doubtful = False
        self._heard = 0.0
        self._heard_bytes = 0
        self._refused_last = False
        self._answered: dict[int, tuple[Question, float]] = {}
        """RTU: by unit, what it answered last, and when."""
        self._longest: dict[int, Question] = {}
        """RTU: by unit, the longest question that it has answered; a shorter part of it is a good sentinel."""
        self._pump_timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._outstanding or self._queue)

    async def ask(self, question: Question, terms: Terms) -> tuple[bytes, float]:
        """The answer's data, two bytes for each register, coil or discrete input, and how many seconds it took.

        Raises PollError.
        """
        loop = asyncio.get_running_loop()
        ask = _Ask(terms.turn, next(self._arrivals), question, terms, loop.create_future(), queued=loop.time())
        heapq.heappush(self._queue, ask)
        self._pump()
        if not ask.sent and not ask.answer.done():
            ask.timer = loop.call_at(terms.deadline, self._give_up, ask)
        return await ask.answer

    def use(self, connect_seconds: float, tls: ssl.SSLContext) -> None:
        """Open the next connections so; one that is open stays."""
        self._connect_seconds, self._tls = connect_seconds, tls

    def close(self) -> None:
        """Close the connection; whoever still waits is told so."""
        if self._connecting is not None:
            self._connecting.cancel()
        self._drop_connection()
        for ask in (*self._outstanding.values(), *self._queue):
            ask.fail(PollError(PollReason.DISCONNECT, "the line was closed"))
        self._outstanding.clear()
        self._queue.clear()

    # The queue.

    def _pump(self) -> None:
        """Send whatever may be sent now."""
        while self._queue:
            ask = self._queue[0]
            if ask.answer.done():  # given up, or called off
                heapq.heappop(self._queue)
                continue
            if self._connection is None:
                self._start_connecting()
                return
            if self._outstanding and not self._may_overlap(ask):
                return
            wait = self._rest_before(ask) - asyncio.get_running_loop().time()
            if wait > 0:
                self._pump_later(wait)
                return
            heapq.heappop(self._queue)
            self._send(ask, self._connection)

    def _may_overlap(self, ask: _Ask) -> bool:
        """Whether a question may be sent before the last one's answer; to learn it, one of another length goes first.

        A gateway that mixes up overlapping questions could give one unit's data for another's, so it has to prove that
        it does not by answers that cannot be taken for each other.
        """
        if not self._framing.numbered or ask.repeated or any(one.repeated for one in self._outstanding.values()):
            return False
        if len(self._outstanding) < self.window.size(ask.terms.in_flight):
            return True
        if ask.terms.in_flight != "learn" or not self.window.wants_proof or len(self._outstanding) > 1:
            return False
        other = next(iter(self._outstanding.values()))
        if other.sentinel is None and ask.sentinel is None:
            ask.sentinel = _of_other_length(ask.question, {other.question.data_bytes})
            return True
        return False

    def _pump_later(self, seconds: float) -> None:
        if self._pump_timer is not None:
            self._pump_timer.cancel()
        self._pump_timer = asyncio.get_running_loop().call_later(seconds, self._pump)

    def _rest_before(self, ask: _Ask) -> float:
        """When the line has had its rest."""
        rest = ask.terms.rest
        if self.gateway.serial is not None:
            rest = max(rest, self.gateway.serial.silence_seconds)
        if not self._framing.numbered and (self._refused_last or self._looks_like_the_last(ask.question)):
            rest = max(rest, _QUIET_SECONDS)
        return max(self._heard + rest, max(self._heard, ask.queued) + ask.terms.lull)

    def _send(self, ask: _Ask, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        if not self._framing.numbered:
            ghosts = self._ghosts.lengths(ask.question.unit, loop.time())
            if self._may_be_mistaken(ask, ghosts):
                longest = self._longest.get(ask.question.unit)
                ask.sentinel, ask.cleared = _of_other_length(ask.question, ghosts, longest), False
        for one in self._outstanding.values():
            one.overlapped = ask.overlapped = True
        question = ask.now_asking
        self._number = number = (self._number + 1) % _NUMBERS if self._framing.numbered else 0
        if isinstance(self._framing, RtuFraming):
            self._framing.expect(question)
        self.requests += 1
        self._metrics.requests.inc()
        self._heard_bytes = 0
        self._refused_last = False
        ask.sent = loop.time()
        if ask.timer is not None:
            ask.timer.cancel()
            ask.timer = None
        self._outstanding[number] = ask
        connection.write(self._framing.encode(number, question))
        self._watch_oldest()

    def _may_be_mistaken(self, ask: _Ask, ghosts: Collection[int]) -> bool:
        """RTU: whether an older answer can come that would pass for this question's.

        After the sentinel's own answer only what was lost since, while others were asked, still can.
        """
        if ask.cleared:
            return ask.question.data_bytes in ghosts
        return bool(ghosts) or self._looks_like_the_last(ask.question)

    def _looks_like_the_last(self, question: Question) -> bool:
        """Whether the double of the unit's last answer would pass for this question's, with other registers' values."""
        last, when = self._answered.get(question.unit, (question, 0.0))
        is_recent = asyncio.get_running_loop().time() - when < _DOUBLE_SECONDS
        return is_recent and last.shape == question.shape and last.start != question.start

    def _watch_oldest(self) -> None:
        """The gateway answers in order, so only the oldest question's time runs."""
        ask = next(iter(self._outstanding.values()), None)
        if ask is None or ask.timer is not None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        patience = ask.terms.limit if self._doubtful else ask.terms.patience
        ask.timer = loop.call_at(min(now + patience, ask.terms.deadline), self._expire, ask)

    # What can happen to a question.

    def _received(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        self._heard_bytes += len(data)
        if self._heard_bytes > _LARGEST_NOISE:
            self._fail_outstanding(GarbledError(f"{self._heard_bytes} bytes came, and no valid answer among them"))
            self._drop_connection()
            self._pump()
            return
        try:
            for number, unit, pdu in self._framing.feed(data):
                self._take(number, unit, pdu)
        except GarbledError as error:
            self._fail_outstanding(error)
            self._drop_connection()
        self._pump()

    def _take(self, number: int, unit: int, pdu: bytes) -> None:
        """One whole answer has come: find its question."""
        ask = self._outstanding.get(number)
        if ask is None or (not self._framing.numbered and not _fits(ask.now_asking, unit, pdu)):
            self._metrics.strays.inc()
            if not self._framing.numbered:
                self._ghosts.note_stray(unit, len(pdu) - 2, self._heard)
            return
        del self._outstanding[number]
        self._doubtful = False
        self._heard_bytes = 0
        if ask.timer is not None:
            ask.timer.cancel()
            ask.timer = None
        if ask.sentinel is not None:
            self._take_sentinel(ask, unit, pdu)
            return
        try:
            data = ask.question.data(unit, pdu)
        except RefusedError as error:
            self._refused_last = True
            ask.fail(error)
        except GarbledError as error:
            self._fail_all_for(error, ask)
        else:
            self._note_answered(ask.question)
            if ask.repeated and ask.overlapped:  # lost among others, answered alone
                self.window.shrink()
            self.window.note_answer()
            seconds = self._heard - ask.sent
            self.slowest = max(seconds, _FADING * self.slowest)
            if not ask.answer.done():
                ask.answer.set_result((data, seconds))
        self._watch_oldest()

    def _take_sentinel(self, ask: _Ask, unit: int, pdu: bytes) -> None:
        """What was asked first is answered: nothing older is on the way, and the question itself can be asked.

        A refusal proves nothing, as all look the same: it can be an older question's.
        """
        sentinel = ask.now_asking
        try:
            sentinel.data(unit, pdu)
        except GarbledError as error:
            self._fail_all_for(error, ask)
            return
        except RefusedError as error:
            if not self._framing.numbered:
                self._take_refused_sentinel(ask, error)
                return
        self._ghosts.forget(unit)
        self._note_answered(sentinel)
        self.window.note_proof()
        ask.sentinel, ask.cleared = None, True
        self._queue_until_deadline(ask)

    def _note_answered(self, question: Question) -> None:
        self._answered[question.unit] = question, self._heard
        longest = self._longest.get(question.unit)
        if longest is None or longest.data_bytes < question.data_bytes:
            self._longest[question.unit] = question

    def _take_refused_sentinel(self, ask: _Ask, error: RefusedError) -> None:
        """Try another one; its own answer can still come, so the next is of another length again."""
        self._ghosts.note_lost(ask.question.unit, ask.now_asking.data_bytes, self._heard)
        ask.refusals += 1
        self._longest.pop(ask.question.unit, None)
        if ask.refusals < _MOST_REFUSALS:
            ask.sentinel = None
            self._queue_until_deadline(ask)
        else:
            ask.fail(GarbledError(f"an older answer may still be on the way, and to find out is refused: {error}"))

    def _fail_all_for(self, error: GarbledError, ask: _Ask) -> None:
        """An answer was wrong beyond doubt: nothing that comes over this connection can be trusted."""
        self.window.shrink()
        ask.fail(error)
        self._fail_outstanding(error)
        self._drop_connection()

    def _expire(self, ask: _Ask) -> None:
        """The oldest question was not answered in time. What comes now can be anybody's, so the connection goes."""
        others = [one for one in self._outstanding.values() if one is not ask]
        stale = self._heard > 0 and ask.sent - self._heard >= _STALE_SECONDS and not self._heard_bytes
        self._outstanding.clear()
        self._doubtful = True
        if not self._framing.numbered:
            self._ghosts.note_lost(ask.question.unit, ask.now_asking.data_bytes, asyncio.get_running_loop().time())
        if self.gateway.serial is None:
            self._drop_connection()
        if not ((ask.overlapped or (stale and self.gateway.serial is None)) and self._repeat(ask)):
            ask.fail(self._timed_out(ask))
        for one in others:
            if not self._repeat(one):
                one.fail(PollError(PollReason.DISCONNECT, "the connection was closed after another unit's silence"))
        self._pump()

    def _timed_out(self, ask: _Ask) -> PollError:
        waited = asyncio.get_running_loop().time() - ask.sent
        if waited < ask.terms.patience and waited < ask.sent - ask.queued:
            return self._too_busy()
        if self._heard_bytes:
            return PollError(PollReason.GARBLED, f"{self._heard_bytes} bytes came, but no valid answer to the question")
        return PollError(PollReason.TIMEOUT, "no answer in time")

    def _give_up(self, ask: _Ask) -> None:
        """The deadline came before the question's turn."""
        now = asyncio.get_running_loop().time()
        if self._connecting is not None and now - self._connecting_since > (now - ask.queued) / 2:
            ask.fail(PollError(PollReason.CONNECT, f"{self.gateway} did not accept a connection in time"))
        else:
            ask.fail(self._too_busy())

    def _too_busy(self) -> PollError:
        return PollError(PollReason.QUEUE, f"{self.gateway} was busy with other units until the deadline")

    def _repeat(self, ask: _Ask) -> bool:
        """Ask once more, over a new connection; False when that was tried already, or is too late."""
        if ask.repeated or asyncio.get_running_loop().time() >= ask.terms.deadline:
            return False
        ask.repeated, ask.sentinel, ask.cleared = True, None, False
        self._queue_until_deadline(ask)
        return True

    def _queue_until_deadline(self, ask: _Ask) -> None:
        if ask.timer is not None:
            ask.timer.cancel()
        ask.timer = asyncio.get_running_loop().call_at(ask.terms.deadline, self._give_up, ask)
        heapq.heappush(self._queue, ask)

    def _fail_outstanding(self, error: GarbledError) -> None:
        for ask in self._outstanding.values():
            ask.fail(GarbledError(str(error)))
        self._outstanding.clear()

    # The connection.

    def _start_connecting(self) -> None:
        if self._connecting is None:
            loop = asyncio.get_running_loop()
            self._connecting, self._connecting_since = loop.create_task(self._connect()), loop.time()

    async def _connect(self) -> None:
        error: PollError | None = None
        listener = Listener(self._received, self._lost)
        try:
            async with asyncio.timeout(self._connect_seconds):
                self._connection = await connect(self.gateway, listener, self._tls)
        except TimeoutError:
            error = PollError(PollReason.CONNECT, f"{self.gateway} did not accept a connection in time")
        except PollError as failure:
            error = failure
        finally:
            self._connecting = None
        if error is not None:
            waiting, self._queue = self._queue, []
            for ask in waiting:
                ask.fail(PollError(error.reason, str(error)))
            return
        self._framing = TcpFraming() if self.gateway.transport in {"tcp", "tls"} else RtuFraming()
        self._heard = 0.0
        self._metrics.connections.inc()
        self._metrics.connected.inc()
        self._pump()

    def _lost(self, error: Exception | None) -> None:
        """The gateway closed the connection, or it broke."""
        heard, waiting = self._heard_bytes, list(self._outstanding.values())
        kept = self._heard > 0
        self._outstanding.clear()
        self._forget_connection()
        for ask in waiting:
            if not (kept and not heard and self._repeat(ask)):
                ask.fail(PollError(PollReason.DISCONNECT, f"the gateway closed the connection{_because(error)}"))
        self._pump()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._forget_connection()

    def _forget_connection(self) -> None:
        self._connection = None
        self._metrics.connected.dec()


def _of_other_length(question: Question, lengths: Collection[int], known: Question | None = None) -> Question:
    """The shortest question to the same unit whose answer is of none of these lengths, nor of the question's own.

    A part of `known`, which the unit has answered, is preferred: others may reach into a hole, and be refused.
    """
    parts = (replace(known, count=size + 1) for size in range(known.count)) if known is not None else ()
    counts = (replace(question, count=size) for size in count(1))
    return next(one for one in chain(parts, counts) if one.data_bytes not in {*lengths, question.data_bytes})


def _fits(question: Question, unit: int, pdu: bytes) -> bool:
    """Whether an RTU answer can be the question's: an exception always can, data only of the right length."""
    try:
        question.data(unit, pdu)
    except GarbledError:
        return False
    except RefusedError:
        return True
    return True


def _because(error: Exception | None) -> str:
    return f": {error}" if error is not None else ""
