"""One simulated API server: health checks, version, EndpointSlices and Leases as a kube-apiserver of 1.37 answers them.

A single check can be made to fail, or pass again, by `POST /simulator/checks/NAME/fail` and `.../pass`; only this
machine can do so, as it listens on loopback.
"""

import asyncio
import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Any, TextIO

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

VERSION = "v1.37.0-simulated"
HOST = "127.0.0.1"

_HOOKS = (
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "priority-and-fairness-config-consumer",
    "priority-and-fairness-filter",
    "storage-object-count-tracker-hook",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
    "crd-informer-synced",
    "start-system-namespaces-controller",
    "peer-endpoint-reconciler-controller",
    "start-cluster-authentication-info-controller",
    "start-kube-apiserver-identity-lease-controller",
    "start-kube-apiserver-identity-lease-garbage-collector",
    "storage-readiness",
    "start-legacy-token-tracking-controller",
    "start-service-ip-repair-controllers",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "priority-and-fairness-config-producer",
    "bootstrap-controller",
    "start-kubernetes-service-cidr-controller",
    "start-kube-aggregator-informers",
    "apiservice-status-local-available-controller",
    "apiservice-status-remote-available-controller",
    "apiservice-registration-controller",
    "apiservice-discovery-controller",
    "kube-apiserver-autoregistration",
)
_COMMON = (
    *(f"poststarthook/{hook}" for hook in _HOOKS),
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
)
CHECKS = {
    "livez": ("ping", "log", "loopback-serving-certificate", "etcd", *_COMMON),
    "readyz": ("ping", "log", "etcd", "etcd-readiness", "informer-sync", *_COMMON, "shutdown"),
}
"""What a kube-apiserver 1.37.0 lists, in its order."""


_LOCK_TRIES, _LOCK_PAUSE_SECONDS = 200, 0.01

_SIMULATED = {("list", "endpointslices"), *((verb, "leases") for verb in ("create", "get", "patch"))}
"""Verbs and resources; leases can be neither listed nor watched."""


@dataclass(frozen=True)
class ServerFiles:
    """What a server is told, in files of one folder; the list of replicas is read at each request."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """Certificate and key."""
        return self.folder / "server.pem"

    @property
    def token(self) -> Path:
        """The one bearer token that is accepted."""
        return self.folder / "token"

    @property
    def stored(self) -> Path:
        """What was written, in place of etcd."""
        return self.folder / "stored.json"

    @property
    def lock(self) -> Path:
        """Held by the replica that writes."""
        return self.folder / "stored.lock"

    @property
    def replicas(self) -> Path:
        """The ports of the replicas that the EndpointSlice lists: a JSON list."""
        return self.folder / "replicas.json"


class ApiServer:
    """The answers of one replica."""

    def __init__(self, files: ServerFiles) -> None:
        self._files = files
        self._token = files.token.read_text(encoding="utf-8")
        self._failing: set[str] = set()
        self.application = web.Application(middlewares=[self._authenticate])
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        lease = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        self.application.add_routes(
            [
                web.get("/{path:livez|readyz}", self._health),
                web.get("/{path:livez|readyz}/{check:.+}", self._single_check),
                web.get("/version", self._version),
                web.get(slices, self._endpoint_slices),
                web.post(reviews, self._review),
                web.patch(lease, self._apply_lease),
                web.get(lease, self._lease),
                web.post("/simulator/checks/{check:.+}/{verdict:fail|pass}", self._turn),
            ]
        )

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """As a real one: a wrong token is refused on every path, no token is fine where everyone may look."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is not None and not compare_digest(header.encode(), f"Bearer {self._token}".encode()):
            return _status(401, "Unauthorized", "Unauthorized")
        if header is None and request.path.startswith("/apis"):
            message = 'endpointslices.discovery.k8s.io is forbidden: User "system:anonymous" cannot list them'
            return _status(403, "Forbidden", message)
        return await handler(request)

    async def _health(self, request: web.Request) -> web.Response:
        path, excluded = request.match_info["path"], set(request.query.getall("exclude", []))
        lines = [self._line(check, excluded=check in excluded) for check in CHECKS[path]]
        if any(line.startswith("[-]") for line in lines):
            return web.Response(status=500, text="".join(f"{line}\n" for line in (*lines, f"{path} check failed")))
        if "verbose" not in request.query:
            return web.Response(text="ok")
        return web.Response(text="".join(f"{line}\n" for line in (*lines, f"{path} check passed")))

    def _line(self, check: str, *, excluded: bool) -> str:
        if excluded:
            return f"[+]{check} excluded: ok"
        return f"[-]{check} failed: reason withheld" if check in self._failing else f"[+]{check} ok"

    async def _single_check(self, request: web.Request) -> web.Response:
        check = request.match_info["check"]
        if check not in CHECKS[request.match_info["path"]]:
            return web.Response(status=404, text="404 page not found\n")
        if check in self._failing:
            return web.Response(status=500, text="internal server error: reason withheld\n")
        return web.Response(text="ok")

    async def _version(self, _request: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "37", "gitVersion": VERSION, "platform": "simulated"})

    async def _endpoint_slices(self, _request: web.Request) -> web.Response:
        """One slice for each replica, as they differ only in their ports and a slice has one set of ports."""
        ports = json.loads(self._files.replicas.read_text(encoding="utf-8"))
        items = [_endpoint_slice(number, port) for number, port in enumerate(ports, 1)]
        kind = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {"resourceVersion": "1"}}
        return web.json_response({**kind, "items": items})

    async def _review(self, request: web.Request) -> web.Response:
        """Whether the caller may do something: only what is simulated."""
        asked = await request.json()
        attributes = asked["spec"]["resourceAttributes"]
        allowed = (attributes["verb"], attributes["resource"]) in _SIMULATED
        return web.json_response({**asked, "status": {"allowed": allowed}}, status=201)

    async def _apply_lease(self, request: web.Request) -> web.Response:
        """Server-side apply: created or changed, in what all replicas share, as they do etcd."""
        if "etcd" in self._failing:
            return _status(500, "InternalError", "etcdserver: request timed out")
        written = {**await request.json()}
        with self._files.lock.open("w") as lock:
            # One write after the other, as etcd takes them: versions never go back.
            if not await _take(lock):
                return _status(500, "InternalError", "etcdserver: request timed out")
            stored = self._stored()
            written["metadata"] = {**written["metadata"], "resourceVersion": str(stored["version"] + 1)}
            stored = {"version": stored["version"] + 1, "leases": {**stored["leases"], request.path: written}}
            new = self._files.stored.with_suffix(".new")
            new.write_text(json.dumps(stored), encoding="utf-8")
            new.replace(self._files.stored)  # at once, as others read it
        return web.json_response(written)

    async def _lease(self, request: web.Request) -> web.Response:
        lease = self._stored()["leases"].get(request.path)
        if lease is None:
            return _status(404, "NotFound", "the lease does not exist")
        return web.json_response(lease)

    def _stored(self) -> dict[str, Any]:
        if not self._files.stored.exists():
            return {"version": 1, "leases": {}}
        stored: dict[str, Any] = json.loads(self._files.stored.read_text(encoding="utf-8"))
        return stored

    async def _turn(self, request: web.Request) -> web.Response:
        check = request.match_info["check"]
        if check not in {name for names in CHECKS.values() for name in names}:
            return web.Response(status=404, text=f"there is no check {check}\n")
        turn: Callable[[str], None] = (
            self._failing.add if request.match_info["verdict"] == "fail" else self._failing.discard
        )
        turn(check)
        return web.Response(text="done\n")


async def _take(lock: TextIO) -> bool:
    """Take the lock; False when another replica keeps it, as one that was stopped with it would for long."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return True
    return False


def _status(code: int, reason: str, message: str) -> web.Response:
    content = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return web.json_response({**content, "message": message, "reason": reason, "code": code}, status=code)


def _endpoint_slice(number: int, port: int) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"kubernetes-simulated-{number}",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [HOST], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
