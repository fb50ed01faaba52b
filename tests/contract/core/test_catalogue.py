"""Metric names are a contract: a rename breaks rules and dashboards that users wrote."""

import re
from pathlib import Path

import pytest

from tapwatch.catalogue import CATALOGUE, Metric
from tapwatch.reference import metrics_page

EVERY = sorted(CATALOGUE.values(), key=lambda metric: metric.name)


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
class TestEveryMetric:
    """Prometheus' naming practice."""

    def test_has_one_of_our_prefixes(self, metric: Metric) -> None:
        assert metric.name.startswith(("dispenser_", "controlplane_", "tapwatch_"))

    def test_ends_in_total_just_when_it_is_a_counter(self, metric: Metric) -> None:
        assert metric.name.endswith("_total") == (metric.type == "counter")

    def test_is_in_lower_case_with_base_units(self, metric: Metric) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        for unit in ("milliseconds", "fahrenheit", "percent", "minutes", "hours", "days", "kwh", "bar"):
            assert unit not in metric.name.split("_")

    def test_has_a_sentence_as_its_help(self, metric: Metric) -> None:
        assert metric.help.endswith(".")
        assert metric.help[0].isupper() or metric.help[0].isdigit()

    def test_info_metrics_have_a_label(self, metric: Metric) -> None:
        assert not metric.name.endswith("_info") or metric.labels


def test_the_page_of_metrics_is_in_step() -> None:
    assert Path("docs/metrics.md").read_text("utf-8") == metrics_page(), "run `make docs`"


def test_the_names_that_users_build_on_are_there() -> None:
    """Spelled out on purpose."""
    assert {
        "controlplane_check_up",
        "controlplane_endpoint_up",
        "controlplane_health",
        "controlplane_probe_duration_seconds",
        "dispenser_ambient_temperature_celsius",
        "dispenser_compressor_on_seconds_total",
        "dispenser_dispenses_total",
        "dispenser_energy_joules_total",
        "dispenser_error_code",
        "dispenser_fault_active",
        "dispenser_filter_installed_seconds",
        "dispenser_filter_life_ratio",
        "dispenser_heater_on_seconds_total",
        "dispenser_inlet_pressure_pascals",
        "dispenser_last_maintenance_timestamp_seconds",
        "dispenser_last_sterilization_timestamp_seconds",
        "dispenser_map_version_info",
        "dispenser_probe_duration_seconds",
        "dispenser_probe_failure_info",
        "dispenser_setpoint_celsius",
        "dispenser_state",
        "dispenser_sterilization_cycles_total",
        "dispenser_tank_level_ratio",
        "dispenser_tds_grams_per_liter",
        "dispenser_turbidity_ntu",
        "dispenser_up",
        "dispenser_uv_lamp_life_ratio",
        "dispenser_uv_on_seconds_total",
        "dispenser_water_dispensed_liters_total",
        "dispenser_water_filtered_liters_total",
        "dispenser_water_rejected_liters_total",
        "dispenser_water_temperature_celsius",
        "tapwatch_build_info",
        "tapwatch_config_last_reload_success_timestamp_seconds",
        "tapwatch_config_last_reload_successful",
        "tapwatch_http_request_duration_seconds",
        "tapwatch_http_requests_total",
        "tapwatch_messages_total",
        "tapwatch_notifications_total",
        "tapwatch_probes_total",
    } <= set(CATALOGUE)
