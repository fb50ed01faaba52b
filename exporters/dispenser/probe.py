"""A probe: one dispenser read by its map within a deadline. It never raises; a failure is part of its answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from exporters.dispenser.decode import Decoded, Sample, check_identity, decode
from exporters.dispenser.modbus import Line
from exporters.dispenser.plan import Read
from exporters.dispenser.registermap import RegisterMap
from tapwatch import catalogue
from tapwatch.errors import PollError, PollReason


@dataclass(frozen=True)
class Module:
    """A register map and the reads that cover it."""

    map: RegisterMap
    reads: Sequence[Read]


@dataclass
class Probe:
    """What a probe found."""

    decoded: list[Decoded] = field(default_factory=list)
    exchanges: list[str] = field(default_factory=list)
    """One line for each exchange, for people who debug."""
    error: PollError | None = None
    requests: int = 0
    seconds: float = 0.0

    @property
    def samples(self) -> Iterator[Sample]:
        """The probe's own metrics, then what the registers said."""
        yield Sample(catalogue.DISPENSER_UP, (), int(self.error is None))
        if self.error is not None:
            yield Sample(catalogue.DISPENSER_DOWN_INFO, (("reason", self.error.reason),), 1)
        yield Sample(catalogue.DISPENSER_PROBE_SECONDS, (), self.seconds)
        yield Sample(catalogue.DISPENSER_PROBE_REQUESTS, (), self.requests)
        discarded = Counter(one.discarded for one in self.decoded if one.discarded is not None)
        for reason, count in sorted(discarded.items()):
            yield Sample(catalogue.DISPENSER_PROBE_DISCARDED, (("reason", reason),), count)
        for one in self.decoded:
            yield from one.samples


async def probe(line: Line, unit: int, module: Module, budget: float, request_timeout: float) -> Probe:
    """Read a unit within `budget` seconds, waiting in line included; one request takes at most `request_timeout`."""
    result = Probe()
    started = time.monotonic()
    deadline = started + budget
    try:
        async with asyncio.timeout(budget):
            await line.wait_turn()
    except TimeoutError:
        result.error = PollError(PollReason.QUEUE, f"{line.gateway} was busy with other units until the deadline")
    else:
        before = line.requests
        try:
            await _read_all(line, unit, module, deadline, request_timeout, result)
        except PollError as error:
            result.error = error
        finally:
            result.requests = line.requests - before
            line.release()
    result.seconds = time.monotonic() - started
    return result


async def _read_all(
    line: Line, unit: int, module: Module, deadline: float, request_timeout: float, result: Probe
) -> None:
    """Fill `result` block by block: what came before a failure is kept. Raises PollError for the first failure."""
    refused: PollError | None = None
    for read in module.reads:
        started = time.monotonic()
        try:
            raw = await line.read(unit, read, min(request_timeout, max(deadline - started, 0.0)))
        except PollError as error:
            result.exchanges.append(f"{read}: {error.reason}: {error} ({time.monotonic() - started:.3f} s)")
            if error.reason is not PollReason.EXCEPTION:
                raise
            refused = refused or error  # the device lives and may well answer the other reads
            continue
        result.exchanges.append(f"{read}: {raw.hex(' ', 2)} ({time.monotonic() - started:.3f} s)")
        identity = module.map.identity
        if identity is not None and read is module.reads[0]:
            check_identity(identity, read, raw, module.map.order)
        result.decoded.extend(decode(read, raw))
    if refused is not None:
        raise refused
