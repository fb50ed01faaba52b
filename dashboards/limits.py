"""The limits at which pictures change colour, in the units that people read; alerting/rulebook/ says who set them."""

from dashboards.model import Step

LEGIONELLA_LOW, LEGIONELLA_HIGH = 25, 45
"""°C. Between them legionella grows (WHO)."""
HOT_STORAGE = 60
"""°C. Hot water is stored at this or more (HSE)."""
EXEMPT = 90
"""°C. An outlet that is never cooler need not be sampled for coliforms."""
COLD_STORAGE = 20
"""°C. Cold water is stored below this (HSE)."""
SOLIDS = 500
"""mg/L of dissolved solids in water that is given (CJ 94-1999)."""
REJECTION = 0.75
"""The share of dissolved solids that a membrane keeps back at least; our own choice."""
TURBIDITY = 1
"""NTU (GB 5749-2006)."""
WORN = 0.1
"""The life left at which a filter or a lamp is to be changed; our own choice."""
MAINTENANCE = 31
"""Days. Maintenance at least once a month (Taiwan, Art. 6)."""
IDLE = 72
"""Hours without a draw after which a dispenser is to be flushed; a manufacturer's practice."""
CERTIFICATE = 14
"""Days that a certificate still lasts at least; our own choice."""
HEARTBEAT = 50
"""Seconds. Kubernetes' node-monitor-grace-period."""
DISK_FILL = 0.85
"""The share of a disk; Kubernetes' image-gc-high-threshold."""
NODES_EXPIRED = 0.55
"""The share of silent nodes; Kubernetes' unhealthy-zone-threshold."""
ETCD_BYTES = 1.6 * 2**30
"""Four fifths of etcd's default quota."""

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
