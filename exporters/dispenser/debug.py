"""A probe for people: what was asked and answered, for who writes a map or looks for a broken wire."""

from exporters.dispenser.decode import Decoded
from exporters.dispenser.device import Device
from exporters.dispenser.exposition import Format, Page
from exporters.dispenser.probe import Probe
from exporters.dispenser.request import ProbeRequest


def debug_page(asked: ProbeRequest, device: Device, result: Probe) -> str:
    """The page that `debug=true` answers."""
    outcome = "up" if result.error is None else f"{result.error.reason}: {result.error}"
    parts = {
        "Probe": [f"target {asked.address}, map {asked.module.map.name}, {asked.budget:g} s at most", outcome],
        "Plan": _plan(device),
        "Exchanges": result.exchanges or ["none"],
        "Values": [_value(one) for one in result.decoded] or ["none"],
        "Metrics that Prometheus would get": _metrics(result),
    }
    return "\n".join(f"{title}:\n" + "".join(f"  {line}\n" for line in lines) for title, lines in parts.items())


def _plan(device: Device) -> list[str]:
    limits = device.learned.limits
    plan = device.module.plan(device.cost, limits, device.module.refreshes)
    lines = [", ".join(str(one.read) for one in plan.reads) or "nothing"]
    refused = sorted(limits.refused)
    if refused:
        lines.append("the device refused: " + ", ".join(f"{place}+{width}" for place, width in refused))
    traits = device.module.map.traits
    if (limits.words, limits.bits) != (traits.words, traits.bits):
        lines.append(f"learned: at most {limits.words} registers and {limits.bits} bits in one request")
    return lines


def _value(one: Decoded) -> str:
    number = repr(one.number) if isinstance(one.number, str) else f"{one.number:.15g}"
    labels = dict(one.value.labels) or ""
    shown = f"{one.value.place} {one.value.type} raw {one.raw.hex()} = {number} -> {one.value.metric.name} {labels}"
    return f"{shown} {one.rendered.discarded or ''}".rstrip()


def _metrics(result: Probe) -> list[str]:
    page = Page()
    for metric, labels, value in result.own_samples:
        page.add(metric, labels, value)
    page.add_reading(result.module.families, result.reading.texts)
    return page.render(Format.accepted("")).splitlines()
