"""How every long-running command starts: the same options, exit status 2 with every fault of a bad file."""

import asyncio
import functools
import gc
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import click

from tapwatch import log
from tapwatch.errors import ConfigError, TapwatchError
from tapwatch.log import LogFormat
from tapwatch.settings import parse_duration
from tapwatch.web import Address, Service, serve

EXIT_FAILED = 1
EXIT_BAD_CONFIG = 2

_GARBAGE_THRESHOLDS = 5_000, 10, 200
"""Each collection of the oldest generation walks through all that is known of a large fleet, and everybody waits."""


class AddressType(click.ParamType[Address]):
    """HOST:PORT on the command line."""

    name = "HOST:PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Parse the text; a wrong one fails with what would be right."""
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DurationType(click.ParamType[float]):
    """A duration on the command line, as Prometheus writes it; seconds inside the program."""

    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text; a wrong one fails with what would be right."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class ProcessOptions:
    """What the shared options said."""

    config_file: Path | None
    config_check: bool
    listen_address: Address
    web_config_file: Path | None


def process_options(
    port: int, *, config_required: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that every process has; the command gets them as its first argument, a ProcessOptions."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def with_options(
            *args: object,
            config_file: Path | None,
            config_check: bool,
            listen_address: Address,
            web_config_file: Path | None,
            log_level: str,
            log_format: LogFormat,
            **own: object,
        ) -> None:
            log.configure(log_level, log_format)
            function(ProcessOptions(config_file, config_check, listen_address, web_config_file), *args, **own)

        for option in reversed(_options(port, config_required=config_required)):
            with_options = option(with_options)
        return with_options

    return decorate


def _options(port: int, *, config_required: bool) -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    path = click.Path(dir_okay=False, path_type=Path)
    return [
        click.option(
            "--config.file", "config_file", type=path, required=config_required, help="The settings file (YAML)."
        ),
        click.option(
            "--config.check", "config_check", is_flag=True, help="Check the settings file, print every fault, and exit."
        ),
        click.option(
            "--web.listen-address",
            "listen_address",
            type=AddressType(),
            default=f"127.0.0.1:{port}",
            show_default=True,
            help=f"Where to listen; :{port} serves every interface.",
        ),
        click.option(
            "--web.config.file",
            "web_config_file",
            type=path,
            help="TLS and basic authentication, in the format of Prometheus' own exporters.",
        ),
        click.option(
            "--log.level",
            "log_level",
            type=click.Choice(["debug", "info", "warning", "error"]),
            default="info",
            show_default=True,
            help="The least severe events to log.",
        ),
        click.option(
            "--log.format",
            "log_format",
            type=click.Choice(get_args(LogFormat)),
            default="auto",
            show_default=True,
            help="auto: readable on a terminal, JSON elsewhere.",
        ),
    ]


def program() -> str:
    """How this program was called, for commands that people are told to type next.

    A bare name where the shell finds it, else the path as it was typed, as `.venv/bin/tapwatch`.
    """
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {__package__}"
    found = shutil.which(called.name)
    on_path = found is not None and called.exists() and Path(found).samefile(called)
    return called.name if on_path else shlex.quote(str(called))


def exit_on_faults(function: Callable[..., None]) -> Callable[..., None]:
    """A command that ends on our own errors as users expect.

    ConfigError prints every fault, one a line, and exits with status 2; any other TapwatchError exits with status 1.
    """

    @functools.wraps(function)
    def guarded(*args: object, **kwargs: object) -> None:
        try:
            function(*args, **kwargs)
        except ConfigError as error:
            for fault in error.faults:
                click.echo(f"error: {fault}", err=True)
            click.echo("1 fault." if len(error.faults) == 1 else f"{len(error.faults)} faults.", err=True)
            sys.exit(EXIT_BAD_CONFIG)
        except TapwatchError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(EXIT_FAILED)

    return guarded


@exit_on_faults
def run(options: ProcessOptions, build: Callable[[], Service]) -> None:
    """Build the service and serve it until a signal ends it.

    Exits 2 with every fault when a settings file is wrong, 1 when the address is taken. With `--config.check` it only
    builds.
    """
    service = build()
    if options.config_check:
        click.echo(f"{options.config_file or 'the defaults'}: good")
        return
    gc.freeze()  # the program itself needs no walk
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    asyncio.run(serve(service, options.listen_address, options.web_config_file))
