"""Logs: a constant event name with fields; JSON in containers, readable on a terminal, secrets masked."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog
from pydantic import SecretStr

LogFormat = Literal["auto", "json", "console"]

_MASK = "***"
_SECRET_FIELDS = frozenset({"access_token", "authorization", "password", "secret", "token"})


def configure(level: str = "info", log_format: LogFormat = "auto") -> None:
    """Send our events and the libraries' to stderr; `auto` is console on a terminal and JSON elsewhere."""
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    renderer: structlog.typing.Processor = (
        # The default would show local variables beside a traceback, and there are secrets among them.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if log_format == "console"
        else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
        structlog.processors.StackInfoRenderer(),
    ]
    if log_format == "json":
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for chatty in ("aiohttp.access", "asyncio", "pymodbus", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL if chatty == "pymodbus" else logging.WARNING)


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is a secret by its type or by its field's name."""
    for field, value in event.items():
        if isinstance(value, SecretStr) or field in _SECRET_FIELDS:
            event[field] = _MASK
    return event
