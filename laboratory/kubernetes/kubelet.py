"""A server in a kubelet's place: tells through the API servers what a test says that a node measures.

No kubelet runs here, as one takes a worker, which the laboratory has. The way to it is real: the node's address and
port, the API server's proxy with its own certificate, and the paths of k8s.io/kubelet/pkg/apis/stats/v1alpha1.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

from laboratory.kubernetes import objects
from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.serving import Handler, serving

_NODES = "/api/v1/nodes"


@contextmanager
def node_measuring(plane: HighlyAvailable, name: str, summary: Mapping[str, object]) -> Iterator[None]:
    """A node whose kubelet answers /stats/summary with `summary`, as it is when it is asked; kwok keeps it ready."""

    class Kubelet(Handler):
        def do_GET(self) -> None:  # noqa: N802 - as the library has it
            if self.path == "/stats/summary":
                self.answer(HTTPStatus.OK, summary)
            else:
                self.answer(HTTPStatus.NOT_FOUND, {})

    address = plane.lan.address
    certificate = plane.authority.server(name, [name, address]).write(plane.folder / "pki", f"kubelet-{name}")
    with serving(address, certificate, Kubelet) as port:
        node = objects.node(name, 0)
        node["status"]["addresses"] = [{"type": "InternalIP", "address": address}]
        node["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": port}}
        plane.create(_NODES, node)
        try:
            yield
        finally:
            plane.entrance.ask("DELETE", f"{_NODES}/{name}")
