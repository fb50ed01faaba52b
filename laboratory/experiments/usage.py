"""Who uses this machine's processors: the stack's parts, Kubernetes, and what stands in for the world outside."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from laboratory.experiments.stack import Stack

_KUBERNETES: Final = ("kube", "etcd", "containerd", "coredns")
"""How the names of its programs begin."""


def processor_seconds(stack: Stack) -> Mapping[str, float]:
    """What each has used of any core, since its processes began; by part, and under names of our own."""
    parts = {f"pod{pod.uid}": pod.part for pod in stack.pods()}
    used: Counter[str] = Counter()
    for process in psutil.process_iter(["name", "cmdline", "cpu_times"]):
        try:
            groups = Path(f"/proc/{process.pid}/cgroup").read_text(encoding="utf-8")
        except OSError:  # it has ended meanwhile
            continue
        times = process.info["cpu_times"]
        if times is not None:
            used[_owner(process, groups, parts)] += times.user + times.system
    return used


def cores(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> Mapping[str, float]:
    """How many cores each kept busy between two readings, the busiest first; new processes count from 0."""
    busy = {name: max(after[name] - before.get(name, 0.0), 0.0) / seconds for name in after}
    return dict(sorted(busy.items(), key=lambda one: -one[1]))


def _owner(process: psutil.Process, groups: str, parts: Mapping[str, str]) -> str:
    part = next((part for uid, part in parts.items() if uid in groups), None)
    if part is not None:
        return part
    if (process.info["name"] or "").startswith(_KUBERNETES):
        return "Kubernetes"
    return "simulated dispensers" if "simulate" in (process.info["cmdline"] or ()) else "others"
