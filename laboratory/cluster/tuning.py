"""What decides how soon a cluster notices a dead worker and replaces its pods; docs/laboratory.md explains it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from laboratory.kubernetes.plane import Flags


@dataclass(frozen=True)
class Tuning:
    """Settings of one cluster, beside those that every cluster here has."""

    plane: Flags = field(default_factory=Flags)
    kubelet: Mapping[str, object] = field(default_factory=dict)
    """Fields of a KubeletConfiguration."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of kubelets and kube-proxies."""


DEFAULTS: Final = Tuning()
"""Kubernetes' own: a node that is silent for 50 s is taken for dead, and its pods are replaced 300 s later."""

TUNED: Final = Tuning(
    plane=Flags(
        api_server=("--default-not-ready-toleration-seconds=5", "--default-unreachable-toleration-seconds=5"),
        controller_manager=("--node-monitor-period=1s", "--node-monitor-grace-period=6s"),
    ),
    # A lease is renewed after a quarter of its duration: four renewals fit in the grace period.
    kubelet={"nodeStatusUpdateFrequency": "2s", "nodeLeaseDurationSeconds": 6},
    # A connection that hangs is given up within the grace period, or a failing master makes healthy workers NotReady.
    environment={"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "2", "HTTP2_PING_TIMEOUT_SECONDS": "2"},
)
"""A silent node is taken for dead after 6 s, and its pods are replaced 5 s later."""
