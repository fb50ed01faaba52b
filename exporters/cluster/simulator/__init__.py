"""A simulated control plane on loopback: API server replicas that can be killed and hung, behind one address."""

from exporters.cluster.simulator.plane import NAME, PARTS, Replica, SimulatedControlPlane

__all__ = ["NAME", "PARTS", "Replica", "SimulatedControlPlane"]
