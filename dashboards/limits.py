"""The limits at which pictures change colour, in the units that people read.

They are those that the rules ship with; alerting/rulebook/limits.yaml gives the source of each.
"""

from alerting.rulebook.limits import quantity, shipped_limits
from dashboards.model import Step


def _shipped(name: str, unit: float = 1) -> float:
    """The limit in multiples of `unit`, itself in the limit's base unit."""
    value = quantity(name, shipped_limits().all[name].value) / unit
    return int(value) if value == int(value) else value


_MILLIGRAM, _HOUR, _DAY = 1e-3, 3600, 86400

LEGIONELLA_LOW, LEGIONELLA_HIGH = _shipped("growth_low_celsius"), _shipped("growth_high_celsius")
"""°C."""
HOT_STORAGE, COLD_STORAGE = _shipped("hot_storage_celsius"), _shipped("cold_storage_celsius")
"""°C."""
EXEMPT = _shipped("exempt_celsius")
"""°C."""
SOLIDS = _shipped("tds_grams_per_liter", _MILLIGRAM)
"""mg/L."""
REJECTION = _shipped("rejection_ratio")
TURBIDITY = _shipped("turbidity_ntu")
WORN = _shipped("filter_life_ratio")
MAINTENANCE = _shipped("maintenance_seconds", _DAY)
"""Days."""
IDLE = _shipped("idle_seconds", _HOUR)
"""Hours."""
CERTIFICATE = _shipped("certificate_seconds", _DAY)
"""Days."""
HEARTBEAT = _shipped("heartbeat_seconds")
"""Seconds."""
NODES_EXPIRED = _shipped("nodes_expired_ratio")
ETCD_BYTES = _shipped("database_bytes")

HOT_STEPS = (Step(None, "red"), Step(HOT_STORAGE, "yellow"), Step(EXEMPT, "green"))
COLD_STEPS = (Step(None, "green"), Step(COLD_STORAGE, "red"))
SOLIDS_STEPS = (Step(None, "green"), Step(SOLIDS, "red"))
REJECTION_STEPS = (Step(None, "red"), Step(REJECTION, "yellow"), Step(0.85, "green"))
TURBIDITY_STEPS = (Step(None, "green"), Step(TURBIDITY, "red"))
LIFE_STEPS = (Step(None, "red"), Step(WORN, "yellow"), Step(0.25, "green"))
MAINTENANCE_STEPS = (Step(None, "green"), Step(25, "yellow"), Step(MAINTENANCE, "red"))
CERTIFICATE_STEPS = (Step(None, "red"), Step(CERTIFICATE, "yellow"), Step(30, "green"))
EVERYTHING = (Step(None, "red"), Step(0.9, "yellow"), Step(1, "green"))
"""A share that should be all."""
