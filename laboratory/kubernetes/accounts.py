"""Who may ask a control plane: the administrator, users known by certificates, service accounts known by tokens."""

import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from laboratory.kubernetes.apiserver import Answer, Endpoint
from laboratory.kubernetes.certificates import Authority, Credential
from laboratory.kubernetes.kubeconfig import certificate_user, token_user, write_kubeconfig
from tapwatch.errors import TapwatchError


@dataclass(frozen=True)
class Accounts:
    """Of one control plane; kubeconfig files are for `entrance` when no other server is named."""

    folder: Path
    """Where the kubeconfig files go."""
    authority: Authority = field(repr=False)
    """Known to all servers and clients."""
    admin: Credential = field(repr=False)
    entrance: Endpoint

    @cached_property
    def kubeconfig(self) -> Path:
        """The administrator's, with a client certificate."""
        return self._kubeconfig("admin", certificate_user(self.admin), None)

    def client_kubeconfig(self, user: str, *, groups: Iterable[str] = (), server: str | None = None) -> Path:
        """USER.kubeconfig, of a user known by a client certificate."""
        return self._kubeconfig(user, certificate_user(self.authority.client(user, groups)), server)

    def token_kubeconfig(self, account: str, *, namespace: str = "default", server: str | None = None) -> Path:
        """ACCOUNT.kubeconfig, with a token for an hour of this service account, which is made when there is none."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self.create(accounts, {"metadata": {"name": account}})
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        token = self.create(f"{accounts}/{account}/token", request).json()["status"]["token"]
        return self._kubeconfig(account, token_user(token), server)

    def grant(self, cluster_role: str, user: str) -> None:
        """Bind a user, or a service account as `system:serviceaccount:NAMESPACE:NAME`, to a cluster role."""
        group = "rbac.authorization.k8s.io"
        binding = {
            "metadata": {"name": f"{cluster_role}-{user}"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": cluster_role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        }
        self.create(f"/apis/{group}/v1/clusterrolebindings", binding)

    def create(self, path: str, content: Mapping[str, object]) -> Answer:
        """POST an object, which may be there already; raises TapwatchError with the answer when it is refused."""
        answer = self.entrance.ask("POST", path, content)
        if answer.status not in {http.client.OK, http.client.CREATED, http.client.CONFLICT}:
            raise TapwatchError(f"POST {path} was answered {answer.status}: {answer.text}")
        return answer

    def _kubeconfig(self, name: str, user: Mapping[str, str], server: str | None) -> Path:
        file = self.folder / f"{name}.kubeconfig"
        return write_kubeconfig(file, server or self.entrance.url, self.authority.certificate_pem, name, user)
