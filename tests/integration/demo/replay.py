"""An hour of a running demo in seconds: what it exports goes on as it goes now, and promtool runs the shipped rules."""

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from demo.servers import locate
from laboratory.rules.shipped import RULE_FILES

STEP_SECONDS = 15
HOUR_STEPS = 3600 // STEP_SECONDS
_COUNTED = ("_total", "_count", "_sum", "_bucket")
_TIMES = ("_timestamp_seconds", "_time_seconds")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Snapshot:
    """Every scraped series at one moment."""

    time: float
    values: Mapping[Labels, float]


async def take_snapshot(prometheus: str) -> Snapshot:
    """Ask a Prometheus for all that it has scraped last; what its rules made of it is left out."""
    query = {"query": '{__name__=~".+",__name__!~"ALERTS.*|.*:.*"}'}
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(f"{prometheus}/api/v1/query", params=query) as response,
    ):
        found: Sequence[Mapping[str, Any]] = (await response.json())["data"]["result"]
    values = {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found}
    return Snapshot(found[0]["value"][0], values)


def go_on(before: Snapshot, now: Snapshot) -> dict[Labels, tuple[float, float]]:
    """Each series' value at the start of the hour, which is promtool's time 0, and what each step adds."""
    return {
        labels: _course(dict(labels)["__name__"], before.values.get(labels), value, now.time, now.time - before.time)
        for labels, value in now.values.items()
        if math.isfinite(value)
    }


def _course(name: str, before: float | None, value: float, now: float, elapsed: float) -> tuple[float, float]:
    grown = 0.0 if before is None else value - before
    if name.endswith(_TIMES):
        return value - now, STEP_SECONDS if grown else 0.0
    if name.endswith(_COUNTED):
        return value, max(0.0, grown) / elapsed * STEP_SECONDS
    return value, 0.0


def run_an_hour(courses: Mapping[Labels, tuple[float, float]], expression: str, folder: Path) -> str:
    """What promtool says of the expression being empty at the end of the hour: nothing, or what it found."""
    series = [
        {"series": _spell(labels), "values": f"{start!r}+{step!r}x{HOUR_STEPS}"}
        for labels, (start, step) in courses.items()
    ]
    case = {
        "interval": f"{STEP_SECONDS}s",
        "input_series": series,
        "promql_expr_test": [{"expr": expression, "eval_time": "1h", "exp_samples": []}],
    }
    file = folder / "hour.yaml"
    content = {
        "rule_files": [str(file) for file in RULE_FILES],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [case],
    }
    file.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    answer = subprocess.run([locate("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def _spell(labels: Labels) -> str:
    pairs = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels if name != "__name__")
    return f"{dict(labels)['__name__']}{{{pairs}}}"
