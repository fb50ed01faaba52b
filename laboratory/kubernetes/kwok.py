"""kwok: does for the nodes that are objects only what their kubelets would do."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from laboratory.kubernetes.accounts import Accounts
from laboratory.programs.gotools import ensure
from laboratory.servers.daemon import Daemon

STAGES = Path(__file__).parent / "stages.yaml"
LEASE_SECONDS = 40
"""As a kubelet's; a quarter of it passes from one renewal to the next."""


@contextmanager
def nodes_kept_alive(plane: Accounts) -> Iterator[Daemon]:
    """Leases of nodes annotated `kwok.x-k8s.io/node` are renewed, their states kept; pods bound to them run."""
    command: list[str | Path] = [
        ensure("kwok"),
        f"--config={STAGES}",
        f"--kubeconfig={plane.kubeconfig}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        "--v=WARN",
    ]
    kwok = Daemon("kwok", command, plane.folder / "kwok.log")
    try:
        yield kwok
    finally:
        kwok.kill()
