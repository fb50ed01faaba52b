"""A device: one unit behind a gateway, read by one module. Probing it never raises."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from prometheus_client import CollectorRegistry

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.cost import CostModel, cost_model
from exporters.dispenser.decode import Discarded, ReadDecoder
from exporters.dispenser.framing import FUNCTIONS, GarbledError, Question, RefusedError
from exporters.dispenser.learned import Learned, halves
from exporters.dispenser.line import Line, LineMetrics, Terms
from exporters.dispenser.module import Module, Plan
from exporters.dispenser.plan import Limits, Read, joined, spans_of
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Refresh, Span
from exporters.dispenser.unit import LEAST_PATIENCE, Breaker, Patience
from tapwatch.errors import PollError, PollReason

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_STILL_WORKING, _BUSY, _TARGET_SILENT = 5, 6, 11
_BUSY_PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds until a busy device is asked again; others are asked meanwhile."""
_MOST_REFUSALS = 8
"""A device that refused so many requests and answered none is not asked further in a probe."""
_SILENT = frozenset((PollReason.TIMEOUT, PollReason.GARBLED))

_TRIAL_SECONDS = 5.0
"""How long a trial waits for a moment when nobody else asks, and then for its turn among the others."""
_LULL_SECONDS = 0.5
"""A pause after the neighbours' answers that makes it likely that they will not ask for a while."""
_ALWAYS: frozenset[Refresh] = frozenset({"always"})

_arrivals = count()


class Device:
    """What is known of one device between probes."""

    def __init__(self, unit: int, module: Module, line: Line, timeout: float) -> None:
        """`timeout` is the longest wait for one answer in seconds, where the module's map says no other."""
        traits = module.map.traits
        self.unit = unit
        self.module = module
        self.line = line
        self.cost: CostModel = cost_model(line.gateway.serial, traits)
        self.limit = traits.timeout or timeout
        self.patience = Patience()
        self.breaker = Breaker()
        self.learned = Learned(traits, now)
        self.used = 0.0
        """When somebody asked for it last, by the event loop's clock."""
        self._last = Probe(module, module.decoder.reading())
        self._last_at = float("-inf")
        self._read_at: dict[Refresh, float] = {}
        self._under_way: asyncio.Task[Probe] | None = None
        self._trial: asyncio.Task[None] | None = None
        self._plan: tuple[Limits, frozenset[Refresh], Plan] | None = None

    async def probe(self, budget: float, *, reuse: float = 0.0, has_neighbours: bool = False) -> tuple[Probe, bool]:
        """Read it within `budget` seconds, waiting in line included; and whether the reading is shared.

        Probes that come while another is under way share its result, and so do those that come at most `reuse` seconds
        after it ended. A unit that was silent lately is not asked each time when it `has_neighbours`, which would wait.
        """
        if self._under_way is None:
            if now() - self._last_at < reuse:
                return self._last, True
            self._under_way = asyncio.create_task(self._probe(budget, has_neighbours=has_neighbours))
            self._under_way.add_done_callback(self._note_end)
            return await asyncio.shield(self._under_way), False
        try:
            async with asyncio.timeout(budget):
                return await asyncio.shield(self._under_way), True
        except TimeoutError:
            error = PollError(PollReason.QUEUE, "an earlier probe of the same device was still under way")
            return Probe(self.module, self.module.decoder.reading(), error), True

    async def explain(self, budget: float, most_refusals: int = _MOST_REFUSALS) -> Probe:
        """Read it for people: what was asked and answered, and what each register held.

        A device that refused `most_refusals` requests and answered none is not asked further.
        """
        return await _Attempt(self, budget, explains=True, most_refusals=most_refusals).run()

    def plan(self) -> Plan:
        """The requests for what has to be read again now."""
        limits, due = self.learned.limits, self._due()
        if self._plan is None or self._plan[0] is not limits or self._plan[1] != due:
            self._plan = limits, due, self.module.plan(self.cost, limits, due)
        return self._plan[2]

    def _due(self) -> frozenset[Refresh]:
        if self.module.refreshes == _ALWAYS:
            return _ALWAYS
        ages, never = self.module.map.max_age, float("-inf")
        return frozenset(
            one
            for one in self.module.refreshes
            if one == "always" or now() - self._read_at.get(one, never) >= ages[one]
        )

    def note_reading(self, result: Probe, fresh: frozenset[Refresh]) -> None:
        """Keep a good reading; values that were not read again are taken from the last one."""
        slow = self.module.refreshes - fresh
        if slow:
            result.cached = self.module.keep(self._last.reading.texts, result.reading.texts, slow)
        self._last = result
        self._read_at.update(dict.fromkeys(fresh, now()))

    async def _probe(self, budget: float, *, has_neighbours: bool) -> Probe:
        if has_neighbours and self.breaker.error is not None and self.breaker.on_trial:
            self._start_trial()
            return Probe(self.module, self.module.decoder.reading(), self.breaker.error, suspended=True)
        return await _Attempt(self, budget, explains=False).run()

    def _start_trial(self) -> None:
        """Ask a suspended unit whether it is back, when its time has come; no scrape waits for it."""
        if self._trial is None and not self.breaker.is_open(now()):
            self._trial = asyncio.create_task(self._try_again())
            self._trial.add_done_callback(lambda _: setattr(self, "_trial", None))

    async def _try_again(self) -> None:
        for lull in (_LULL_SECONDS, 0.0):  # on a line that never rests the unit has to be heard, too
            with suppress(PollError):
                await _Attempt(self, self.limit + _TRIAL_SECONDS, explains=False).knock(lull)
            if self.breaker.is_open(now()) or not self.breaker.on_trial:
                return

    @property
    def trial_patience(self) -> float:
        """How long a unit on trial is waited for: as its neighbours' answers take, and now and then as long as any."""
        if self.breaker.wants_patience or not self.line.slowest:
            return self.limit
        return min(self.limit, max(LEAST_PATIENCE, 4 * self.line.slowest, 2 * self.patience.slowest))

    def _note_end(self, task: "asyncio.Task[Probe]") -> None:
        self._under_way = None
        if not task.cancelled() and task.result().error is None:
            self._last_at = now()


async def read_once(
    address: DeviceAddress,
    module: Module,
    seconds: float,
    tls: ssl.SSLContext,
    most_refusals: int = _MOST_REFUSALS,
) -> Probe:
    """Read a device for people, over a connection of its own; `most_refusals` as for `Device.explain`."""
    line = Line(address.gateway, seconds, tls, LineMetrics(CollectorRegistry()))
    try:
        return await Device(address.unit, module, line, seconds).explain(seconds, most_refusals)
    finally:
        line.close()


class _Attempt:
    """One probe, from its plan to its reading."""

    def __init__(self, device: Device, budget: float, *, explains: bool, most_refusals: int = _MOST_REFUSALS) -> None:
        self._device = device
        self._started = now()
        self._deadline = self._started + budget
        self._turn = int(device.breaker.on_trial), next(_arrivals)
        self._explains = explains
        self._most_refusals = most_refusals
        self._answers: list[tuple[ReadDecoder, bytes]] = []
        self._refusal: RefusedError | None = None
        self._refusals = 0
        self._result = Probe(device.module, device.module.decoder.reading())

    async def run(self) -> Probe:
        device, result = self._device, self._result
        plan = self._plan()
        try:
            if device.breaker.on_trial:
                await self._knock(plan)
            await self._read_all(plan.reads)
        except PollError as error:
            result.error = error
            if _is_silence(error) and not self._turn[0]:  # a trial's end is noted already
                device.breaker.note_silence(error, now())
        if result.error is None and not self._answers:
            result.error = self._refusal
        if self._refusal is not None and not self._answers:
            device.learned.forget()  # a device that starts up refuses everything, too
        elif device.learned.is_unsettled:
            device.learned.settle(self._pieces(None), device.cost)
        self._decode()
        if result.error is None:
            device.breaker.note_success()
            if self._refusal is not None:  # something more was learned by it
                plan = device.module.plan(device.cost, device.learned.limits, plan.fresh)
            result.reading.discarded |= dict.fromkeys(plan.missing, Discarded.REFUSED)
            device.note_reading(result, plan.fresh)
        result.seconds = now() - self._started
        return result

    async def knock(self, lull: float) -> None:
        """Only find out whether the unit answers again, or raise PollError.

        Without a `lull` it takes its turn among the others; else it waits for so many seconds without a question.
        """
        self._turn = int(lull > 0), self._turn[1]
        await self._knock(self._plan(), lull)

    async def _knock(self, plan: Plan, lull: float = 0.0) -> None:
        """Ask a silent unit a short question. Raises PollError unless it answers."""
        breaker, first = self._device.breaker, plan.reads[0].read.start
        try:
            await self._ask_once(Read(first, 1, ()), self._device.trial_patience, lull)
        except RefusedError as error:
            if error.code == _TARGET_SILENT:
                breaker.note_silence(_silent_behind_its_gateway(error), now())
                raise
        except PollError as error:
            if _is_silence(error):
                breaker.note_silence(error, now())
            raise
        self._turn = 0, self._turn[1]
        breaker.note_success()

    def _plan(self) -> Plan:
        device = self._device
        plan = device.plan()
        if not plan.reads:  # everything was refused before; perhaps it is another device now
            device.learned.forget()
            plan = device.plan()
        return plan

    async def _read_all(self, reads: Sequence[ReadDecoder]) -> None:
        """The first one alone, as it tells the model. Raises PollError for the first failure."""
        for read in reads[:1]:
            await self._fetch(read)
        if self._device.module.map.traits.in_flight == 1:
            for read in reads[1:]:
                await self._fetch(read)
            return
        ends = await asyncio.gather(*(self._fetch(read) for read in reads[1:]), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _fetch(self, decoder: ReadDecoder) -> bool:
        """Whether the whole range could be read; one that was refused is divided until it is known why."""
        read = decoder.read
        try:
            raw = await self._ask(read)
        except RefusedError as error:
            self._refusal = self._refusal or error
            self._refusals += 1
            if self._refusals >= self._most_refusals and not self._answers:
                raise
            if error.code in {_ILLEGAL_ADDRESS, _ILLEGAL_VALUE}:
                await self._divide(read)
            elif error.code == _ILLEGAL_FUNCTION:
                for piece in self._pieces(read):
                    self._device.learned.note_refused(piece)
            else:
                self._result.error = self._result.error or error  # it may well answer the other requests
            return False
        decoder.check_identity(raw)
        self._device.learned.note_answered((read.start, read.count))
        self._answers.append((decoder, raw))
        return True

    async def _divide(self, read: Read) -> None:
        """Read what can be read of a refused range, and learn what cannot."""
        learned, pieces = self._device.learned, self._pieces(read)
        cut = halves((read.start, read.count), pieces)
        if cut is None:
            learned.note_refused(pieces[0] if pieces else (read.start, read.count))
            return
        whole = [await self._fetch(self._part(read, span)) for span in (cut.left, cut.right)]
        if not all(whole):
            return
        if cut.gap is None or await self._answers_gap(cut.gap):
            learned.note_too_long((read.start, read.count))
        else:
            learned.note_refused(cut.gap)

    async def _answers_gap(self, gap: Span) -> bool:
        """Whether registers that nobody wants can be read, so that they are no hole."""
        try:
            await self._ask(Read(*gap, ()))
        except RefusedError:
            return False
        return True

    def _pieces(self, read: Read | None) -> list[Span]:
        """The numbers of the map that a range holds, or all, none overlapping another."""
        register_map = self._device.module.map
        wanted = [span for value in register_map.values for span in spans_of(value)]
        if register_map.identity is not None:
            wanted += spans_of(register_map.identity)
        return joined(span for span in wanted if read is None or read.holds(*span))

    def _part(self, read: Read, span: Span) -> ReadDecoder:
        start, size = span
        empty = Read(start, size, ())
        values = tuple(value for value in read.values if empty.holds(value.place, value.width))
        return self._device.module.decoder.read_decoder(Read(start, size, values))

    async def _ask(self, read: Read) -> bytes:
        """Ask, again where that can help, and note how it went. Raises PollError."""
        begun, device = now(), self._device
        try:
            raw, seconds = await self._ask_patiently(read)
        except PollError as error:
            self._result.exchanges.append(f"{read}: {error.reason}: {error} ({now() - begun:.3f} s)")
            raise
        device.patience.note((read.start, read.count), seconds)
        if self._explains:
            self._result.exchanges.append(f"{read}: {raw.hex(' ', 2)} ({seconds:.3f} s)")
        return raw

    async def _ask_patiently(self, read: Read) -> tuple[bytes, float]:
        pauses = iter(_BUSY_PAUSES)
        repeated = self._device.breaker.on_trial
        while True:
            patience = self._device.limit if repeated else self._patience(read)
            try:
                return await self._ask_once(read, patience)
            except RefusedError as error:
                pause = next(pauses, None) if error.code in {_BUSY, _STILL_WORKING} else None
                if error.code == _TARGET_SILENT:
                    raise _silent_behind_its_gateway(error) from error
                if pause is None or now() + pause >= self._deadline:
                    raise
                await asyncio.sleep(pause)
            except PollError as error:
                hopeful = error.reason is PollReason.GARBLED or patience < self._device.limit
                if repeated or not hopeful or error.reason not in _SILENT or now() >= self._deadline:
                    raise
                repeated = True
                self._device.patience.forget()

    def _patience(self, read: Read) -> float:
        return self._device.patience.seconds((read.start, read.count), self._device.limit)

    async def _ask_once(self, read: Read, patience: float, lull: float = 0.0) -> tuple[bytes, float]:
        device = self._device
        traits = device.module.map.traits
        question = Question(device.unit, FUNCTIONS[read.start.space], read.start.number, read.count)
        on_wire = device.cost.seconds(read.start.space, read.count)
        self._result.requests += 1
        waits = patience + on_wire, device.limit + on_wire
        terms = Terms(self._turn, self._deadline, *waits, traits.idle, lull, traits.in_flight)
        return await device.line.ask(question, terms)

    def _decode(self) -> None:
        """Everything that was answered, the exponents first."""
        reading = self._result.reading
        for decoder, raw in self._answers:
            decoder.note_exponents(raw, reading)
        for decoder, raw in self._answers:
            decoder.decode(raw, reading)
            if self._explains:
                self._result.decoded += decoder.explain(raw, reading)


def _is_silence(error: PollError) -> bool:
    """Whether time was lost in waiting; a device that garbles its answers at once keeps nobody waiting."""
    return error.reason in _SILENT and not isinstance(error, GarbledError)


def _silent_behind_its_gateway(error: RefusedError) -> PollError:
    return PollError(PollReason.TIMEOUT, f"the gateway had no answer from the unit: {error}")


def now() -> float:
    """The running event loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
