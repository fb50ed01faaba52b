"""Every metric that Tapwatch exposes: name, help, type and labels, written here once.

Collectors, rules, dashboards and documentation use these objects. Names follow Prometheus' naming practice: base
units, `_total` for counters, `_info` for constant 1 with labels, `_timestamp_seconds` for Unix times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True)
class KnownLabel:
    """A label of dispensers whose values rules, dashboards and people select by."""

    name: str
    values: tuple[tuple[str, str], ...]
    """Each value with its meaning."""
    is_open: bool = False
    """Whether devices may have other values, too, that rules treat alike."""

    @property
    def names(self) -> tuple[str, ...]:
        """The values alone."""
        return tuple(name for name, _ in self.values)


@dataclass(frozen=True)
class Metric:
    """One metric family."""

    name: str
    help: str
    type: MetricType
    labels: tuple[str, ...] = ()
    known_labels: tuple[KnownLabel, ...] = ()
    """Those of the labels whose values are known."""

    @property
    def is_time(self) -> bool:
        """Tell whether its values are Unix times, of which 0 means that nobody knows."""
        return self.name.endswith("_timestamp_seconds")


_declared: dict[str, Metric] = {}

CATALOGUE: Mapping[str, Metric] = _declared
"""Every metric by its name."""


def _declare(metric_type: MetricType, name: str, help_text: str, *labels: str | KnownLabel) -> Metric:
    if name in _declared:
        raise ValueError(f"metric {name} is declared twice")
    known = tuple(label for label in labels if isinstance(label, KnownLabel))
    names = tuple(label if isinstance(label, str) else label.name for label in labels)
    metric = _declared[name] = Metric(name, help_text, metric_type, names, known)
    return metric


def _counter(name: str, help_text: str, *labels: str | KnownLabel) -> Metric:
    return _declare("counter", name, help_text, *labels)


def _gauge(name: str, help_text: str, *labels: str | KnownLabel) -> Metric:
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

# What dispensers say of themselves, as the default register map reads it. The labels' values first: those that rules
# select by, and those of the maps that are shipped.
OUTLET = KnownLabel(
    "outlet",
    (
        ("hot", "The hot outlet, or its tank."),
        ("warm", "The outlet that people take for warm."),
        ("cold", "The cold outlet, or its tank."),
        ("inlet", "Where the water comes in."),
        ("mixed", "Behind a mixing valve."),
        ("recirculation", "The way back to a mixing valve."),
    ),
)
POINT = KnownLabel("point", (("inlet", "Before the filters."), ("outlet", "Behind the filters.")))
TANK = KnownLabel("tank", (("hot", "The hot tank."), ("cold", "The cold tank.")))
STATE = KnownLabel(
    "state",
    (
        ("power", "The dispenser is switched on."),
        ("heater", "The heater is on."),
        ("compressor", "The compressor of the cooler is on."),
        ("uv", "The UV lamp is on."),
        ("pump", "The pump is on."),
        ("inlet_valve", "The inlet valve is open."),
        ("drain_valve", "The drain valve is open."),
        ("sleep", "It sleeps."),
        ("sterilizing", "It sterilizes itself."),
        ("flushing", "It flushes itself."),
        ("child_lock", "The child lock is on."),
        ("hot_lock", "Hot water is locked."),
        ("maintenance", "It is being maintained."),
        ("none", "A mixing valve does nothing."),
        ("regulation", "A mixing valve regulates."),
        ("disinfection", "A mixing valve disinfects."),
        ("thermal_shock", "A mixing valve disinfects with the hottest water."),
        ("alarm", "A mixing valve has an alarm."),
    ),
)
FAULT = KnownLabel(
    "fault",
    (
        ("leak", "Water where there should be none."),
        ("overflow", "The tank overflows."),
        ("dry_run", "Pump or heater run without water."),
        ("hot_overtemp", "The hot water is too hot."),
        ("hot_underheat", "The heater runs without effect."),
        ("cold_fail", "The cooler runs without effect."),
        ("hot_sensor", "The sensor of the hot water has failed."),
        ("cold_sensor", "The sensor of the cold water has failed."),
        ("tds_sensor", "The sensor of dissolved solids has failed."),
        ("uv_lamp", "The UV lamp has failed."),
        ("inlet_lost", "No water comes in."),
        ("compressor", "The compressor has failed."),
        ("board", "The control board has failed."),
        ("comms", "Parts of the dispenser do not reach each other."),
        ("clock", "The clock has lost its time."),
        ("power_failure", "A phase of the mains is lost."),
        ("under_voltage", "The mains' voltage is too low."),
        ("low_power_factor", "The power factor is too low."),
        ("over_current", "The current is too high."),
        ("over_voltage", "The mains' voltage is too high."),
        ("missing_sensor", "A sensor of the meter is missing."),
    ),
)
STAGE = KnownLabel(
    "stage",
    (
        ("ro", "The membrane of reverse osmosis."),
        ("1", "The first filter, as water flows."),
        ("2", "The second filter."),
        ("3", "The third filter."),
        ("4", "The fourth filter."),
    ),
    is_open=True,
)
DISPENSER_MAP_VERSION = _gauge("dispenser_map_version_info", "The register map's version in the device.", "version")
DISPENSER_WATER_TEMPERATURE = _gauge(
    "dispenser_water_temperature_celsius", "Water temperature at an outlet or the inlet.", OUTLET
)
DISPENSER_SETPOINT = _gauge("dispenser_setpoint_celsius", "Temperature that the device is set to keep.", OUTLET)
DISPENSER_AMBIENT_TEMPERATURE = _gauge("dispenser_ambient_temperature_celsius", "Air temperature at the device.")
DISPENSER_TDS = _gauge("dispenser_tds_grams_per_liter", "Total dissolved solids.", POINT)
DISPENSER_TURBIDITY = _gauge("dispenser_turbidity_ntu", "Turbidity in nephelometric units.")
DISPENSER_TANK_LEVEL = _gauge("dispenser_tank_level_ratio", "Fill level of a tank, 0 to 1.", TANK)
DISPENSER_INLET_PRESSURE = _gauge("dispenser_inlet_pressure_pascals", "Water pressure at the inlet.")
DISPENSER_STATE = _gauge("dispenser_state", "1 while a part is on or a mode is active, else 0.", STATE)
DISPENSER_FAULT = _gauge("dispenser_fault_active", "1 while the device reports the fault, else 0.", FAULT)
DISPENSER_ERROR_CODE = _gauge("dispenser_error_code", "The manufacturer's error code; 0 for none.")
DISPENSER_FILTER_LIFE = _gauge("dispenser_filter_life_ratio", "Life left in a filter stage, 1 new to 0.", STAGE)
DISPENSER_UV_LIFE = _gauge("dispenser_uv_lamp_life_ratio", "Life left in the UV lamp, 1 new to 0.")
DISPENSER_FILTER_INSTALLED = _gauge(
    "dispenser_filter_installed_seconds", "Time since the filter stage was installed.", STAGE
)
DISPENSER_DISPENSED = _counter("dispenser_water_dispensed_liters_total", "Water drawn by people.", OUTLET)
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
CONTROLPLANE_STAGE_SECONDS = _gauge(
    "controlplane_connection_duration_seconds",
    "Time that a step on the way to an endpoint took: dns, connect, tls; absent for a step that was not completed.",
    *_ENDPOINT,
    "stage",
)
CONTROLPLANE_CERTIFICATE_EXPIRY = _gauge(
    "controlplane_certificate_expiry_timestamp_seconds",
    "When the certificate expires that the endpoint showed last.",
    *_ENDPOINT,
)
CONTROLPLANE_CREDENTIAL_EXPIRY = _gauge(
    "controlplane_credential_expiry_timestamp_seconds",
    "When the client certificate expires that the exporter shows.",
    *_CLUSTER,
)
CONTROLPLANE_CLOCK_SKEW = _gauge(
    "controlplane_clock_skew_seconds",
    "The endpoint's clock minus the exporter's, told from the Date of its answers.",
    *_ENDPOINT,
)
CONTROLPLANE_VERSION_SKEW = _gauge(
    "controlplane_version_skew",
    "Minor releases between the newest API server and the oldest kube-apiserver, or kubelet.",
    *_CLUSTER,
    "component",
)
CONTROLPLANE_REPLICAS = _gauge(
    "controlplane_replicas",
    "API server replicas by who says so: listed by the cluster or the settings, alive by their lease, or up.",
    *_CLUSTER,
    "source",
)
CONTROLPLANE_DISAGREEMENT = _gauge(
    "controlplane_address_disagreement",
    "1 while address and replicas disagree about health (just one of them is up) or version (it runs one that no "
    "replica does), else 0.",
    *_CLUSTER,
    "about",
)

# The cluster exporter: the write path.
CONTROLPLANE_WRITE_UP = _gauge(
    "controlplane_write_up", "1 when the last write of a Lease through the endpoint succeeded, else 0.", *_ENDPOINT
)
CONTROLPLANE_WRITE_FAILURE = _gauge(
    "controlplane_write_failure_info",
    "Why the last write failed; present, and 1, only when it did.",
    *_ENDPOINT,
    "reason",
)
CONTROLPLANE_WRITE_SECONDS = _gauge(
    "controlplane_write_duration_seconds", "Time the last write took, or until it was given up.", *_ENDPOINT
)
CONTROLPLANE_WRITES = _counter(
    "controlplane_writes_total", "Writes by result: ok, or the reason of the failure.", *_ENDPOINT, "result"
)
CONTROLPLANE_READ_STALENESS = _gauge(
    "controlplane_read_staleness_seconds",
    "Time from the success of the last write until the replica `reader` showed it, 3 s when it did not by then.",
    *_ENDPOINT,
    "reader",
)

# The cluster exporter: leaders.
CONTROLPLANE_LEADER = _gauge(
    "controlplane_leader_info", "Who holds the lease of a component; always 1.", *_CLUSTER, "lease", "holder"
)
CONTROLPLANE_LEADER_AGE = _gauge(
    "controlplane_leader_lease_age_seconds", "Time since the lease was seen to be renewed.", *_CLUSTER, "lease"
)
CONTROLPLANE_LEADER_DURATION = _gauge(
    "controlplane_leader_lease_duration_seconds", "After this age the lease is free for others.", *_CLUSTER, "lease"
)
CONTROLPLANE_LEADER_TRANSITIONS = _counter(
    "controlplane_leader_transitions_total", "How often the lease went to another holder.", *_CLUSTER, "lease"
)

# The cluster exporter: etcd, asked directly.
_MEMBER = (*_CLUSTER, "endpoint")
CONTROLPLANE_ETCD_UP = _gauge("controlplane_etcd_up", "1 when the member says that it is healthy, else 0.", *_MEMBER)
CONTROLPLANE_ETCD_FAILURE = _gauge(
    "controlplane_etcd_failure_info",
    "Why the member is down; present, and 1, only when it is.",
    *_MEMBER,
    "reason",
)
CONTROLPLANE_ETCD_SECONDS = _gauge(
    "controlplane_etcd_health_duration_seconds", "Time /health took to answer, or until it was given up.", *_MEMBER
)
CONTROLPLANE_ETCD_VERSION = _gauge(
    "controlplane_etcd_version_info", "The version the member runs; always 1.", *_MEMBER, "version"
)
CONTROLPLANE_ETCD_MEMBERS = _gauge(
    "controlplane_etcd_members", "Members of the cluster, as this one says; absent without a quorum.", *_MEMBER
)
CONTROLPLANE_ETCD_HAS_LEADER = _gauge(
    "controlplane_etcd_has_leader", "1 when the member knows a leader, else 0.", *_MEMBER
)
CONTROLPLANE_ETCD_IS_LEADER = _gauge("controlplane_etcd_is_leader", "1 when the member leads, else 0.", *_MEMBER)
CONTROLPLANE_ETCD_TERM = _gauge(
    "controlplane_etcd_raft_term", "The number of the election that the member knows of.", *_MEMBER
)
CONTROLPLANE_ETCD_INDEX = _gauge(
    "controlplane_etcd_raft_index", "The last entry of the log that the member has.", *_MEMBER
)
CONTROLPLANE_ETCD_DATABASE = _gauge(
    "controlplane_etcd_database_bytes", "Size of the member's database on disk.", *_MEMBER
)
CONTROLPLANE_ETCD_IN_USE = _gauge(
    "controlplane_etcd_database_in_use_bytes", "Size of what the member's database holds.", *_MEMBER
)
CONTROLPLANE_ETCD_ALARM = _gauge(
    "controlplane_etcd_alarm_active",
    "An alarm of the cluster, such as NOSPACE, which forbids writes; present, and 1, while it is active.",
    *_MEMBER,
    "alarm",
)

# The cluster exporter: nodes.
_NODE = (*_CLUSTER, "node", "node_zone")
CONTROLPLANE_NODE = _gauge("controlplane_node_info", "A node; always 1.", *_NODE, "kubelet_version")
CONTROLPLANE_NODE_CONDITION = _gauge(
    "controlplane_node_condition",
    "The status of Ready, and of every other condition that is not False; always 1.",
    *_NODE,
    "condition",
    "status",
)
CONTROLPLANE_NODE_TAINT = _gauge("controlplane_node_taint", "A taint of a node; always 1.", *_NODE, "key", "effect")
CONTROLPLANE_NODE_HEARTBEAT_AGE = _gauge(
    "controlplane_node_heartbeat_age_seconds", "Time since the node's lease was seen to be renewed.", *_NODE
)
CONTROLPLANE_NODES = _gauge("controlplane_nodes", "Nodes of a zone.", *_CLUSTER, "node_zone")
CONTROLPLANE_NODES_EXPIRED = _gauge(
    "controlplane_nodes_expired_ratio", "Share of a zone's nodes whose lease has expired.", *_CLUSTER, "node_zone"
)
_INTERFACE = (*_CLUSTER, "node", "interface")
CONTROLPLANE_NODE_RECEIVED = _counter(
    "controlplane_node_network_receive_bytes_total", "Bytes received, as the kubelet counts.", *_INTERFACE
)
CONTROLPLANE_NODE_RECEIVE_ERRORS = _counter(
    "controlplane_node_network_receive_errors_total", "Errors of receiving, as the kubelet counts.", *_INTERFACE
)
CONTROLPLANE_NODE_SENT = _counter(
    "controlplane_node_network_transmit_bytes_total", "Bytes sent, as the kubelet counts.", *_INTERFACE
)
CONTROLPLANE_NODE_SEND_ERRORS = _counter(
    "controlplane_node_network_transmit_errors_total", "Errors of sending, as the kubelet counts.", *_INTERFACE
)
CONTROLPLANE_NODE_DISK_FILL = _gauge(
    "controlplane_node_disk_fill_ratio",
    "Share of a node's disk that cannot be written any more: nodefs, imagefs.",
    *_CLUSTER,
    "node",
    "disk",
)
CONTROLPLANE_VOLUME_FILL = _gauge(
    "controlplane_volume_fill_ratio",
    "Share of a persistent volume that cannot be written any more.",
    *_CLUSTER,
    "namespace",
    "persistentvolumeclaim",
)
CONTROLPLANE_KUBELET_SUMMARIES = _counter(
    "controlplane_kubelet_summaries_total",
    "Kubelets asked for their numbers by result: ok, or the reason of the failure.",
    *_CLUSTER,
    "result",
)

# The cluster exporter: components and workloads.
CONTROLPLANE_API_SERVICE = _gauge(
    "controlplane_apiservice_available",
    "1 when an aggregated API is available, else 0; those of the API server itself only when they are not.",
    *_CLUSTER,
    "apiservice",
)
CONTROLPLANE_WEBHOOK_ENDPOINTS = _gauge(
    "controlplane_webhook_ready_endpoints",
    "Ready endpoints behind a webhook that fails closed; with none, what it guards cannot be changed.",
    *_CLUSTER,
    "kind",
    "configuration",
    "webhook",
    "namespace",
    "service",
)
CONTROLPLANE_SYSTEM_POD_NOT_READY = _gauge(
    "controlplane_system_pod_not_ready",
    "A pod of the system's namespaces that is not ready; always 1.",
    *_CLUSTER,
    "namespace",
    "pod",
    "node",
    "reason",
)
_WORKLOAD = (*_CLUSTER, "namespace", "kind", "workload")
CONTROLPLANE_WORKLOAD_REPLICAS = _gauge(
    "controlplane_workload_replicas", "Replicas: desired, updated, ready, available.", *_WORKLOAD, "state"
)
CONTROLPLANE_WORKLOAD_GENERATION_LAG = _gauge(
    "controlplane_workload_generation_lag", "Changes of the workload that its controller has not seen.", *_WORKLOAD
)
CONTROLPLANE_WORKLOAD_STUCK = _gauge(
    "controlplane_workload_rollout_stuck",
    "1 when a rollout has stood still for longer than it may, else 0.",
    *_WORKLOAD,
)
CONTROLPLANE_WORKLOAD_REVISION = _gauge(
    "controlplane_workload_revision_info",
    "The revision that is, or is being, rolled out; always 1.",
    *_WORKLOAD,
    "revision",
)
CONTROLPLANE_WORKLOAD_IMAGE = _gauge(
    "controlplane_workload_image_info", "The image of a container; always 1.", *_WORKLOAD, "container", "image"
)
CONTROLPLANE_CONTAINER_RESTARTS = _counter(
    "controlplane_container_restarts_total",
    "Restarts of a workload's containers since the exporter watches, by why the container ended.",
    *_WORKLOAD,
    "container",
    "reason",
)
CONTROLPLANE_CONTAINER_LAST_RESTART = _gauge(
    "controlplane_container_last_termination_timestamp_seconds",
    "When a container last ended that was then restarted, by why it ended.",
    *_WORKLOAD,
    "container",
    "reason",
)
CONTROLPLANE_CONTAINER_PROBE_FAILURES = _counter(
    "controlplane_container_probe_failures_total",
    "Failures of containers' probes since the exporter watches: liveness, readiness, startup.",
    *_WORKLOAD,
    "container",
    "probe",
)

# The cluster exporter, of its own view.
_COLLECTION = (*_CLUSTER, "resource", "namespace")
CONTROLPLANE_WATCH_UP = _gauge(
    "controlplane_watch_up", "1 while a collection of the API is watched without a fault, else 0.", *_COLLECTION
)
CONTROLPLANE_WATCH_FAILURE = _gauge(
    "controlplane_watch_failure_info",
    "Why a collection is not watched; present, and 1, only then.",
    *_COLLECTION,
    "reason",
)
CONTROLPLANE_WATCH_OBJECTS = _gauge("controlplane_watch_objects", "Objects of a collection.", *_COLLECTION)
CONTROLPLANE_WATCH_LISTS = _counter(
    "controlplane_watch_lists_total", "How often a collection was listed as a whole.", *_COLLECTION
)
CONTROLPLANE_WATCH_EVENTS = _counter("controlplane_watch_events_total", "Changes that a watch told of.", *_COLLECTION)
CONTROLPLANE_RIGHT = _gauge(
    "controlplane_right_granted",
    "1 when the cluster grants the exporter a right that the part needs, else 0.",
    *_CLUSTER,
    "part",
    "verb",
    "resource",
    "namespace",
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
OUTBOX_UP = _gauge("tapwatch_outbox_up", "1 when the last transaction of the outbox went well, else 0.")
NOTIFICATIONS_STORED = _counter(
    "tapwatch_notifications_stored_total",
    "Notifications that were confirmed to Alertmanager as safe in the outbox: new ones, and ones known before.",
    "robot",
    "news",
)
OUTBOX_NOTIFICATIONS = _gauge("tapwatch_outbox_notifications", "Notifications in the outbox that wait.", "robot")
OUTBOX_AGE = _gauge(
    "tapwatch_outbox_oldest_age_seconds",
    "How long the notification has waited that has waited longest; 0 when none does.",
    "robot",
)
DELIVERY_AGE = _histogram(
    "tapwatch_delivery_age_seconds",
    "From a notification's arrival at the bridge until DingTalk had taken all of it.",
    "robot",
    "severity",
)
WATCHDOG_HEARD = _gauge(
    "tapwatch_watchdog_last_heard_timestamp_seconds", "When the alert that fires always last came.", "watchdog"
)
WATCHDOG_SILENT = _gauge(
    "tapwatch_watchdog_silent", "1 while the alert that fires always does not come and people are told so.", "watchdog"
)
UNDELIVERED_ALERTS = _gauge(
    "tapwatch_undelivered_alerts",
    "Alerts that Alertmanager has active for longer than they may take, and of which nobody was told.",
    "severity",
)
RECONCILED = _gauge(
    "tapwatch_reconciled_timestamp_seconds", "When Alertmanager's active alerts were last compared with the ledger."
)
RECONCILING_SINCE = _gauge(
    "tapwatch_reconciling_since_timestamp_seconds",
    "Since when this process is to compare Alertmanager's active alerts with the ledger; absent when it is not to.",
)
ROBOT_FAILING = _gauge(
    "tapwatch_robot_failure_info",
    "Why a robot's last call failed; present, and 1, only when it did.",
    "robot",
    "reason",
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
