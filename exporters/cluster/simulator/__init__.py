"""A simulated control plane on loopback: API server replicas that can be killed and hung, behind one address."""

from exporters.cluster.simulator.plane import Replica, SimulatedControlPlane

__all__ = ["Replica", "SimulatedControlPlane"]
