"""The text that Prometheus reads."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporters.dispenser.decode import Sample
from exporters.dispenser.exposition import render
from tapwatch.catalogue import DISPENSER_ENERGY, DISPENSER_SETPOINT, DISPENSER_UP


def test_the_text_is_as_prometheus_writes_it() -> None:
    samples = [
        Sample(DISPENSER_UP, (), 1),
        Sample(DISPENSER_SETPOINT, (("outlet", "hot"),), 96.5),
        Sample(DISPENSER_ENERGY, (), 36000000),
        Sample(DISPENSER_SETPOINT, (("outlet", "cold"),), 6),
    ]
    assert render(samples) == (
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


@given(st.text(), st.floats(allow_nan=False))
def test_any_label_and_number_read_back_as_they_were(label: str, number: float) -> None:
    text = render([Sample(DISPENSER_SETPOINT, (("outlet", label),), number)])
    (family,) = text_string_to_metric_families(text)
    (sample,) = family.samples
    assert sample.labels == {"outlet": label}
    assert sample.value == number
