"""The options of `tapwatch simulate` that shape the campus, and the layout that they make."""

from collections.abc import Callable
from typing import Any

import click
from pydantic import ValidationError

from exporters.dispenser.simulator.framing import LARGEST_UNIT
from exporters.dispenser.simulator.layout import Layout
from exporters.dispenser.simulator.traits import Traits
from tapwatch.process import DurationType

_BAUDRATES = (0, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)

_Command = Callable[..., None]
_Option = Callable[[_Command], _Command]

_SHARE = click.FloatRange(0, 1)
_DELAY = click.FloatRange(0, 3600)
_LIMIT = click.IntRange(0, 1000)


def _option(name: str, kind: object, default: object, text: str) -> _Option:
    return click.option(name, type=kind, default=default, show_default=True, help=text)


def _duration(name: str, field: str, default: str, text: str) -> _Option:
    return click.option(name, field, type=DurationType(), default=default, show_default=True, help=text)


_SIZE = (
    _option("--dispensers", click.IntRange(1, 20000), 24, "How many."),
    _option("--units-per-gateway", click.IntRange(1, LARGEST_UNIT), 8, "Units on one line."),
    _option("--rtu-share", _SHARE, 0.25, "Share of gateways with RTU frames."),
    _option("--tls-share", _SHARE, 0.0, "Share of gateways with Modbus TCP within TLS."),
    _option("--serial-lines", click.IntRange(0), 0, "So many gateways are serial devices (pseudo-terminals) instead."),
    _option("--modbus-host", str, "127.0.0.1", "This machine's address on which the gateways listen."),
    _option(
        "--modbus-port", click.IntRange(0, 65535), 15020, "First gateway's; the others take the next free ones. 0: any."
    ),
    _option("--speed", click.FloatRange(0.1, 1000), 1, "Simulated time's speed."),
    _option("--seed", int, 1, "Another number, another campus."),
)
_LINE = (
    _option("--baudrate", click.Choice(_BAUDRATES), 0, "Of the serial line behind each gateway. 0: none, all instant."),
    _duration("--turnaround", "turnaround_seconds", "20ms", "A device's time to answer, on a serial line."),
    _duration("--gateway-timeout", "gateway_timeout_seconds", "1s", "How long a gateway waits for a silent unit."),
)
_LIMITS = (
    _option("--connections", _LIMIT, 0, "Connections that a gateway takes; more are closed at once. 0: any number."),
    _option("--queue", _LIMIT, 0, "Requests that wait for a line; more are refused as busy. 0: any number."),
    _option("--in-flight", _LIMIT, 0, "Requests of one connection under way; more are lost. 0: any number."),
)
_DELAYS = (
    _option("--slow-seconds", _DELAY, 3.0, "How late a slow unit's answers are."),
    _option("--late-seconds", _DELAY, 5.0, "How late the answers are that come after the client gave up."),
    _option("--split-seconds", _DELAY, 0.002, "Between the bytes of a split answer."),
    _option("--flap-seconds", click.FloatRange(0.01, 3600), 10.0, "How long a flapping unit is gone, then back."),
    _option("--restart-seconds", _DELAY, 2.0, "How long a gateway that restarts is away."),
)
_TRAITS = (
    click.option("--hole", "holes", multiple=True, metavar="REGISTERS", help="Registers they lack, as i10-i12."),
    _option("--cap", click.IntRange(0), 0, "The most registers that they give at once. 0: any number."),
    _option("--cap-exception", click.Choice((2, 3)), 3, "How they refuse more."),
    _duration("--idle", "idle", "0s", "Silence that they need before a request."),
)


def layout_options(command: _Command) -> _Command:
    """Add them; the command gets them by name, for `layout_of`."""
    return _with_options(command, (*_SIZE, *_LINE, *_LIMITS, *_DELAYS, *_TRAITS))


def traits_options(command: _Command) -> _Command:
    """Only those of the devices; the command gets them by name, for `traits_of`."""
    return _with_options(command, _TRAITS)


def _with_options(command: _Command, options: tuple[_Option, ...]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command


def layout_of(**options: Any) -> Layout:  # noqa: ANN401 - click has checked each one
    """The campus that they describe. Raises click.UsageError where they contradict each other."""
    traits = traits_of(**{name: options.pop(name) for name in ("holes", "cap", "cap_exception", "idle")})
    if options["rtu_share"] + options["tls_share"] > 1:
        raise click.UsageError("--rtu-share and --tls-share are more than all gateways")
    return Layout(**options, traits=traits)


def traits_of(*, holes: tuple[str, ...], cap: int, cap_exception: int, idle: float) -> Traits:
    """How difficult the devices are. Raises click.UsageError."""
    try:
        return Traits.model_validate(
            {"holes": holes, "cap": cap, "cap_exception": cap_exception, "idle_ms": idle * 1000}
        )
    except ValidationError as error:
        raise click.UsageError("; ".join(one["msg"] for one in error.errors())) from error
