"""The text that Prometheus reads, beside prometheus-client's own rendering of the same samples."""

import gzip
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporters.dispenser.decode import MapDecoder, Slot, Texts
from exporters.dispenser.exposition import Format, Page, compress, families, rendered_labels
from exporters.dispenser.mapfile import load_maps
from tapwatch.catalogue import DISPENSER_ENERGY, DISPENSER_SETPOINT, DISPENSER_UP

PLAIN = Format.accepted("text/plain;version=0.0.4")
OPEN_METRICS = Format.accepted("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
SLOTS = MapDecoder(load_maps([])["default"]).slots


def test_the_text_is_as_prometheus_writes_it() -> None:
    page = Page()
    page.add(DISPENSER_UP, (), 1)
    page.add(DISPENSER_SETPOINT, (("outlet", "hot"),), 96.5)
    page.add(DISPENSER_ENERGY, (), 36000000)
    page.add(DISPENSER_SETPOINT, (("outlet", "cold"),), 6)
    assert page.render(PLAIN) == (
        "# HELP dispenser_up 1 when the dispenser answered with valid registers, else 0.\n"
        "# TYPE dispenser_up gauge\n"
        "dispenser_up 1.0\n"
        "# HELP dispenser_setpoint_celsius Temperature that the device is set to keep.\n"
        "# TYPE dispenser_setpoint_celsius gauge\n"
        'dispenser_setpoint_celsius{outlet="hot"} 96.5\n'
        'dispenser_setpoint_celsius{outlet="cold"} 6.0\n'
        "# HELP dispenser_energy_joules_total Electric energy used.\n"
        "# TYPE dispenser_energy_joules_total counter\n"
        "dispenser_energy_joules_total 3.6e+07\n"
    )


class Library(Collector):
    """The same samples for prometheus-client."""

    def __init__(self, slots: Iterable[Slot], texts: Texts) -> None:
        self._found = list(zip(slots, texts, strict=True))

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        made: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for slot, text in self._found:
            if text is None:
                continue
            metric, labels = slot.metric, dict(slot.labels)
            kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
            family = made.setdefault(metric.name, kind(metric.name, metric.help))
            value = float(text) if slot.value_label is None else 1.0
            extra = {slot.value_label: text} if slot.value_label else {}
            family.add_sample(metric.name, {**labels, **extra}, value)
        return made.values()


@pytest.mark.parametrize(("page_format", "library"), [(PLAIN, generate_latest), (OPEN_METRICS, generate_open_metrics)])
def test_a_whole_reading_is_byte_for_byte_what_prometheus_client_writes(page_format: Format, library: object) -> None:
    texts: Texts = [str(number / 8) if number % 7 else None for number, _ in enumerate(SLOTS)]
    registry = CollectorRegistry()
    registry.register(Library(SLOTS, texts))
    page = Page()
    page.add_reading(families(SLOTS), texts)
    assert page.render(page_format).encode() == library(registry)  # type: ignore[operator]


def test_what_a_scraper_accepts_decides_the_format() -> None:
    assert PLAIN.content_type.startswith("text/plain; version=0.0.4")
    assert OPEN_METRICS.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert Format.accepted("*/*").content_type.startswith("text/plain")


@given(st.text(), st.floats(allow_nan=False))
def test_any_label_and_number_read_back_as_they_were(label: str, number: float) -> None:
    page = Page()
    page.add(DISPENSER_SETPOINT, (("outlet", label),), number, rendered_labels({"site": label}))
    (family,) = text_string_to_metric_families(page.render(PLAIN))
    (sample,) = family.samples
    assert sample.labels == {"outlet": label, "site": label}
    assert sample.value == number


@given(st.text(min_size=1))
def test_several_devices_on_one_page_keep_their_labels(label: str) -> None:
    texts: Texts = ["1.0"] * len(SLOTS)
    page = Page()
    for name in (label, "other" + label):
        page.add_reading(families(SLOTS), texts, rendered_labels({"dispenser": name}))
    found = list(parse_open_metrics(page.render(OPEN_METRICS)))  # type: ignore[no-untyped-call]
    assert len(found) == len({slot.metric for slot in SLOTS})
    for family in found:
        assert {sample.labels["dispenser"] for sample in family.samples} == {label, "other" + label}


def test_a_page_is_compressed_for_who_takes_it() -> None:
    body = b"dispenser_up 1\n" * 1000
    compressed = compress(body, "gzip, deflate")
    assert compressed is not None
    assert gzip.decompress(compressed) == body
    assert compress(body, "identity") is None
    assert compress(b"dispenser_up 1\n", "gzip") is None, "not worth it"
