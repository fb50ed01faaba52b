"""Every metric that Tapwatch exposes: name, help, type and labels, written here once.

Collectors, rules, dashboards and documentation use these objects. Names follow Prometheus' naming practice: base
units, `_total` for counters, `_info` for constant 1 with labels, `_timestamp_seconds` for Unix times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class Metric:
    """One metric family."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...] = ()


_declared: dict[str, Metric] = {}

CATALOGUE: Mapping[str, Metric] = _declared
"""Every metric by its name."""


def _declare(metric_type: MetricType, name: str, help_text: str, *labels: str) -> Metric:
    if name in _declared:
        raise ValueError(f"metric {name} is declared twice")
    metric = _declared[name] = Metric(name, help_text, metric_type, labels)
    return metric


def _counter(name: str, help_text: str, *labels: str) -> Metric:
    return _declare("counter", name, help_text, *labels)


def _gauge(name: str, help_text: str, *labels: str) -> Metric:
    return _declare("gauge", name, help_text, *labels)


def _histogram(name: str, help_text: str, *labels: str) -> Metric:
    return _declare("histogram", name, help_text, *labels)


# Every process, of itself.
BUILD_INFO = _gauge("tapwatch_build_info", "The version that runs; always 1.", "version")
HTTP_REQUESTS = _counter("tapwatch_http_requests_total", "HTTP requests answered.", "path", "code")
HTTP_REQUEST_SECONDS = _histogram("tapwatch_http_request_duration_seconds", "Time to answer HTTP requests.", "path")
CONFIG_RELOAD_SUCCESSFUL = _gauge(
    "tapwatch_config_last_reload_successful", "1 when the settings in the files are the ones that run, else 0."
)
CONFIG_RELOAD_TIME = _gauge(
    "tapwatch_config_last_reload_success_timestamp_seconds", "When the settings were last read without a fault."
)

# The dispenser exporter, of a probe: on /probe, beside what the register map reads.
DISPENSER_UP = _gauge("dispenser_up", "1 when the dispenser answered with valid registers, else 0.")
DISPENSER_DOWN_INFO = _gauge(
    "dispenser_probe_failure_info", "Why the probe failed; present, and 1, only when it did.", "reason"
)
DISPENSER_PROBE_SECONDS = _gauge("dispenser_probe_duration_seconds", "Time the probe took, waiting in line included.")
DISPENSER_PROBE_REQUESTS = _gauge("dispenser_probe_requests", "Modbus requests that the probe sent.")
DISPENSER_PROBE_DISCARDED = _gauge(
    "dispenser_probe_discarded_values",
    "Values that are not exposed: the device has none (not_available), it is impossible (out_of_range), or the device "
    "does not let it be read (refused).",
    "reason",
)

DISPENSER_PROBE_CACHED = _gauge(
    "dispenser_probe_cached_samples", "Samples that were not read again, as the map says that they change slowly."
)
DISPENSER_PROBE_SUSPENDED = _gauge(
    "dispenser_probe_suspended",
    "1 when the failing unit was not asked, to spare the others behind its gateway; present only when it failed.",
)

# What dispensers say of themselves, as the default register map reads it.
DISPENSER_MAP_VERSION = _gauge("dispenser_map_version_info", "The register map's version in the device.", "version")
DISPENSER_WATER_TEMPERATURE = _gauge(
    "dispenser_water_temperature_celsius", "Water temperature at an outlet or the inlet.", "outlet"
)
DISPENSER_SETPOINT = _gauge("dispenser_setpoint_celsius", "Temperature that the device is set to keep.", "outlet")
DISPENSER_AMBIENT_TEMPERATURE = _gauge("dispenser_ambient_temperature_celsius", "Air temperature at the device.")
DISPENSER_TDS = _gauge("dispenser_tds_grams_per_liter", "Total dissolved solids.", "point")
DISPENSER_TURBIDITY = _gauge("dispenser_turbidity_ntu", "Turbidity in nephelometric units.")
DISPENSER_TANK_LEVEL = _gauge("dispenser_tank_level_ratio", "Fill level of a tank, 0 to 1.", "tank")
DISPENSER_INLET_PRESSURE = _gauge("dispenser_inlet_pressure_pascals", "Water pressure at the inlet.")
DISPENSER_STATE = _gauge("dispenser_state", "1 while a part is on or a mode is active, else 0.", "state")
DISPENSER_FAULT = _gauge("dispenser_fault_active", "1 while the device reports the fault, else 0.", "fault")
DISPENSER_ERROR_CODE = _gauge("dispenser_error_code", "The manufacturer's error code; 0 for none.")
DISPENSER_FILTER_LIFE = _gauge("dispenser_filter_life_ratio", "Life left in a filter stage, 1 new to 0.", "stage")
DISPENSER_UV_LIFE = _gauge("dispenser_uv_lamp_life_ratio", "Life left in the UV lamp, 1 new to 0.")
DISPENSER_FILTER_INSTALLED = _gauge(
    "dispenser_filter_installed_seconds", "Time since the filter stage was installed.", "stage"
)
DISPENSER_DISPENSED = _counter("dispenser_water_dispensed_liters_total", "Water drawn by people.", "outlet")
DISPENSER_FILTERED = _counter("dispenser_water_filtered_liters_total", "Water that passed the filters.")
DISPENSER_REJECTED = _counter("dispenser_water_rejected_liters_total", "Water that reverse osmosis sent to the drain.")
DISPENSER_ENERGY = _counter("dispenser_energy_joules_total", "Electric energy used.")
DISPENSER_HEATER_ON = _counter("dispenser_heater_on_seconds_total", "Time the heater was on.")
DISPENSER_COMPRESSOR_ON = _counter("dispenser_compressor_on_seconds_total", "Time the compressor was on.")
DISPENSER_UV_ON = _counter("dispenser_uv_on_seconds_total", "Time the UV lamp was on.")
DISPENSER_DISPENSES = _counter("dispenser_dispenses_total", "Draws by people.")
DISPENSER_STERILIZATIONS = _counter("dispenser_sterilization_cycles_total", "Sterilization cycles completed.")
DISPENSER_LAST_STERILIZATION = _gauge(
    "dispenser_last_sterilization_timestamp_seconds", "When the last sterilization cycle ended."
)
DISPENSER_LAST_MAINTENANCE = _gauge(
    "dispenser_last_maintenance_timestamp_seconds", "When the device was last maintained."
)

# The dispenser exporter, of its connections and its settings.
GATEWAY_CONNECTIONS = _counter("tapwatch_gateway_connections_total", "Connections opened to gateways.")
GATEWAY_CONNECTED = _gauge("tapwatch_gateways_connected", "Gateways with an open connection.")
MODBUS_REQUESTS = _counter("tapwatch_modbus_requests_total", "Modbus requests sent.")
MODBUS_STRAYS = _counter(
    "tapwatch_modbus_stray_answers_total", "Valid Modbus answers that nobody had asked for: late ones, or doubles."
)
PROBES = _counter(
    "tapwatch_probes_total", "Probes of dispensers by result: ok, or the reason of the failure.", "result"
)
PROBES_SHARED = _counter(
    "tapwatch_probes_shared_total", "Probes answered with a reading that another probe had asked for."
)
INVENTORY_DISPENSERS = _gauge("tapwatch_inventory_dispensers", "Dispensers in the inventory.")

# The cluster exporter: API servers seen from outside.
_CLUSTER = ("cluster", "region", "zone")
_ENDPOINT = (*_CLUSTER, "endpoint", "role")
CONTROLPLANE_CLUSTER = _gauge(
    "controlplane_cluster_info", "A cluster that is watched; always 1.", *_CLUSTER, "provider"
)
CONTROLPLANE_ENDPOINT_UP = _gauge(
    "controlplane_endpoint_up",
    "1 when /livez and /readyz both answered 200, else 0; role is replica, or address for the one that users use.",
    *_ENDPOINT,
)
CONTROLPLANE_ENDPOINT_FAILURE = _gauge(
    "controlplane_endpoint_failure_info",
    "Why an endpoint is down; present, and 1, only when it is.",
    *_ENDPOINT,
    "reason",
)
CONTROLPLANE_HEALTH = _gauge(
    "controlplane_health",
    "1 when a health path answered 200, 0 when it answered otherwise or not at all.",
    *_ENDPOINT,
    "path",
)
CONTROLPLANE_CHECK = _gauge(
    "controlplane_check_up", "1 when a single check of a health path passed, else 0.", *_ENDPOINT, "path", "check"
)
CONTROLPLANE_PROBE_SECONDS = _gauge(
    "controlplane_probe_duration_seconds",
    "Time a health path took to answer, or until it was given up.",
    *_ENDPOINT,
    "path",
)
CONTROLPLANE_PROBES = _counter(
    "controlplane_probes_total",
    "Probes of a health path by result: ok, or the reason of the failure.",
    *_ENDPOINT,
    "path",
    "result",
)
CONTROLPLANE_LAST_PROBE = _gauge(
    "controlplane_last_probe_timestamp_seconds", "When the endpoint's last probe ended.", *_ENDPOINT
)
CONTROLPLANE_VERSION = _gauge(
    "controlplane_version_info", "The version an endpoint runs, while it answers; always 1.", *_ENDPOINT, "git_version"
)
CONTROLPLANE_DISCOVERY_UP = _gauge(
    "controlplane_discovery_up",
    "1 when the cluster's endpoints could be listed at the last try, else 0.",
    *_CLUSTER,
)
CONTROLPLANE_DISCOVERY_FAILURE = _gauge(
    "controlplane_discovery_failure_info",
    "Why the endpoints could not be listed; present, and 1, only then.",
    *_CLUSTER,
    "reason",
)
WATCH_CRASHES = _counter(
    "tapwatch_watch_crashes_total", "Faults of our own that a loop survived; each is in the log.", "cluster", "loop"
)

# The DingTalk bridge.
NOTIFICATIONS = _counter(
    "tapwatch_notifications_total",
    "Notifications received from Alertmanager by result: delivered, or the reason they were not.",
    "robot",
    "result",
)
MESSAGES = _counter(
    "tapwatch_messages_total",
    "Messages sent to a robot by result: delivered, or the reason they were not.",
    "robot",
    "result",
)
MESSAGE_SECONDS = _histogram("tapwatch_message_duration_seconds", "Time a robot took to answer.", "robot")
NOTIFICATION_ALERTS = _counter(
    "tapwatch_notification_alerts_total", "Alerts in delivered notifications.", "robot", "status"
)
LAST_DELIVERY = _gauge("tapwatch_last_delivery_timestamp_seconds", "When the robot last took a message.", "robot")
ROBOT_BLOCKED_UNTIL = _gauge(
    "tapwatch_robot_blocked_until_timestamp_seconds",
    "Until when the robot took no messages when it was last out of budget or muted.",
    "robot",
)

# The Zabbix bridge.
ZABBIX_NOTIFICATIONS = _counter(
    "tapwatch_zabbix_notifications_total",
    "Notifications received from Alertmanager by result: taken by Zabbix, or the reason they were not.",
    "result",
)
ZABBIX_NOTIFICATION_SECONDS = _histogram(
    "tapwatch_zabbix_notification_duration_seconds", "Time until Zabbix had taken a notification, or it was given up."
)
ZABBIX_ALERTS = _counter("tapwatch_zabbix_alerts_total", "Alerts that Zabbix has taken.", "status")
ZABBIX_VALUES = _counter(
    "tapwatch_zabbix_values_total",
    "States of alerts sent to Zabbix by result: taken, or the reason of failure.",
    "result",
)
ZABBIX_LAST_DELIVERY = _gauge(
    "tapwatch_zabbix_last_delivery_timestamp_seconds", "When Zabbix last took a notification."
)
ZABBIX_EVENTS = _counter(
    "tapwatch_zabbix_events_total",
    "Problems and recoveries that Zabbix told of by result: taken by Alertmanager, or the reason they were not.",
    "result",
)
ZABBIX_COMPARISONS = _counter(
    "tapwatch_zabbix_comparisons_total",
    "Comparisons of Zabbix with Alertmanager by result: taken, or the reason of failure.",
    "result",
)
ZABBIX_LAST_COMPARISON = _gauge(
    "tapwatch_zabbix_last_comparison_timestamp_seconds", "When Zabbix and Alertmanager were last brought into step."
)
ZABBIX_PROBLEMS_FORWARDED = _gauge(
    "tapwatch_zabbix_problems_forwarded", "Zabbix' own problems that are kept alive in Alertmanager."
)
ZABBIX_ACKNOWLEDGEMENTS = _counter(
    "tapwatch_zabbix_acknowledgements_total",
    "Acknowledgements and silences carried over, by the side that was changed.",
    "target",
)
ZABBIX_REPAIRS = _counter(
    "tapwatch_zabbix_repairs_total",
    "Alerts told again: missing in Zabbix, or an orphan there whose alert is gone.",
    "kind",
)
ZABBIX_CRASHES = _counter(
    "tapwatch_zabbix_crashes_total", "Faults of our own that a loop of the bridge survived; each is in the log."
)
