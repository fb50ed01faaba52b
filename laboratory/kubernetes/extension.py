"""A server that extends Kubernetes: an API behind the aggregation layer, and an admission webhook.

It runs on this machine; the API servers reach it as the Service `extension`, whose endpoint is written by hand.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from laboratory.kubernetes.plane import HighlyAvailable
from laboratory.kubernetes.serving import Handler, serving

GROUP, VERSION = "tests.tapwatch.example", "v1"
GUARDED = "guarded"
"""The namespace whose config maps the webhook judges."""

_SERVICE = {"namespace": "default", "name": "extension"}
_RESOURCE = {"name": "cups", "singularName": "cup", "namespaced": False, "kind": "Cup", "verbs": ["get"]}
_SERVICES = "/api/v1/namespaces/default/services"
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@dataclass(frozen=True)
class Extension:
    """What API servers ask."""

    plane: HighlyAvailable
    authority: str
    """The PEM, in base64, by which API servers trust it."""
    port: int

    def add_endpoint(self) -> None:
        """Make it an endpoint of its Service."""
        content = {
            "metadata": {"name": "extension", "labels": {"kubernetes.io/service-name": "extension"}},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": self.port}],
            "endpoints": [{"addresses": [self.plane.lan.address], "conditions": {"ready": True}}],
        }
        self.plane.create(_SLICES, content)

    def remove_endpoint(self) -> None:
        """Leave its Service without any."""
        self.plane.entrance.ask("DELETE", f"{_SLICES}/extension")

    def add_api(self) -> str:
        """Let API servers pass questions about its API on to it; the APIService's name."""
        name = f"{VERSION}.{GROUP}"
        content = {
            "metadata": {"name": name},
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "caBundle": self.authority,
                "service": _SERVICE,
            },
        }
        self.plane.create(_API_SERVICES, content)
        return name

    def add_webhook(self) -> str:
        """Let it judge new config maps of the namespace GUARDED; without its answer there are none. Its name."""
        self.plane.create("/api/v1/namespaces", {"metadata": {"name": GUARDED}})
        webhook = {
            "name": f"judge.{GROUP}",
            "clientConfig": {"caBundle": self.authority, "service": {**_SERVICE, "path": "/judge"}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": GUARDED}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 2,
        }
        self.plane.create(_WEBHOOKS, {"metadata": {"name": "extension"}, "webhooks": [webhook]})
        return "extension"


@contextmanager
def extended(plane: HighlyAvailable) -> Iterator[Extension]:
    """It serves, with its Service and endpoint; whatever it added is gone afterwards."""
    host = f"{_SERVICE['name']}.{_SERVICE['namespace']}.svc"
    certificate = plane.authority.server(host, [host]).write(plane.folder / "pki", "extension")
    with serving(plane.lan.address, certificate, _Handler) as port:
        extension = Extension(plane, base64.b64encode(plane.authority.certificate_pem).decode(), port)
        spec = {"ports": [{"port": 443, "targetPort": port}]}
        try:
            plane.create(_SERVICES, {"metadata": {"name": _SERVICE["name"]}, "spec": spec})
            extension.add_endpoint()
            yield extension
        finally:
            for path in (f"{_API_SERVICES}/{VERSION}.{GROUP}", f"{_WEBHOOKS}/extension", f"{_SERVICES}/extension"):
                plane.entrance.ask("DELETE", path)
            extension.remove_endpoint()


class _Handler(Handler):
    """Answers as an aggregated API server and as a webhook that allows everything."""

    def do_GET(self) -> None:  # noqa: N802 - as the library has it
        """The API's resources."""
        if self.path == f"/apis/{GROUP}/{VERSION}":
            listed = {"groupVersion": f"{GROUP}/{VERSION}", "resources": [_RESOURCE]}
            self.answer(HTTPStatus.OK, {"kind": "APIResourceList", "apiVersion": "v1", **listed})
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"kind": "Status", "apiVersion": "v1", "status": "Failure"})

    def do_POST(self) -> None:  # noqa: N802 - as the library has it
        """A verdict on what the webhook was asked."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        verdict = {"uid": review["request"]["uid"], "allowed": True}
        self.answer(HTTPStatus.OK, {"kind": review["kind"], "apiVersion": review["apiVersion"], "response": verdict})
