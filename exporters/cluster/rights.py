"""What the exporter needs to be allowed, and what it is: asked of the API server, never guessed.

Kubernetes' documentation, "Checking API access": a SelfSubjectAccessReview, which everyone may ask for.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from exporters.cluster.api import Api
from exporters.cluster.objects.resource import Wire

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Right(NamedTuple):
    """One thing that a part of the exporter needs to be allowed."""

    part: str
    """What stays dark without it."""
    verb: str
    group: str
    resource: str
    """With its subresource, as `nodes/proxy`."""
    namespace: str = ""
    """Empty for all namespaces, and for what has none."""

    @property
    def name(self) -> str:
        """As kubectl takes it: `leases.coordination.k8s.io`."""
        return f"{self.resource}.{self.group}".rstrip(".")


class _Status(Wire, frozen=True):
    allowed: bool = False


class _Review(Wire, frozen=True):
    status: _Status = _Status()


async def review(api: Api, wanted: Collection[Right]) -> Mapping[Right, bool]:
    """Whether each right is granted. Raises PollError."""
    return {right: (await api.post(_PATH, _question(right), _Review)).status.allowed for right in wanted}


def _question(right: Right) -> dict[str, object]:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "version": "v1",
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace,
    }
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    return {**kind, "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}}}
