"""Parts of the API that others serve: aggregated APIs, and webhooks without which nothing can be changed."""

from collections.abc import Iterator, Mapping

from exporters.cluster.objects.resource import Condition, Metadata, Resource, Wire
from exporters.cluster.objects.store import ObjectKey, Store
from exporters.cluster.sample import Sample
from tapwatch import catalogue


class _ServiceReference(Wire, frozen=True):
    namespace: str
    name: str


class _ApiServiceSpec(Wire, frozen=True):
    service: _ServiceReference | None = None


class _ApiServiceStatus(Wire, frozen=True):
    conditions: list[Condition] | None = None


class ApiService(Wire, frozen=True):
    """What is wanted of an APIService."""

    metadata: Metadata
    spec: _ApiServiceSpec = _ApiServiceSpec()
    status: _ApiServiceStatus = _ApiServiceStatus()


class _ClientConfig(Wire, frozen=True):
    service: _ServiceReference | None = None


class _Webhook(Wire, frozen=True):
    name: str
    client_config: _ClientConfig
    failure_policy: str = "Fail"  # as the API's documentation says


class WebhookConfiguration(Wire, frozen=True):
    """What is wanted of a ValidatingWebhookConfiguration, or a mutating one."""

    metadata: Metadata
    webhooks: list[_Webhook] | None = None


API_SERVICES = Resource("apiregistration.k8s.io", "apiservices", ApiService)
_ADMISSION = "admissionregistration.k8s.io"
VALIDATING = Resource(_ADMISSION, "validatingwebhookconfigurations", WebhookConfiguration)
MUTATING = Resource(_ADMISSION, "mutatingwebhookconfigurations", WebhookConfiguration)


class ApiServices(Store[ApiService, bool | None]):
    """Whether each aggregated API is available; None for those that the API server serves itself while they are."""

    def read(self, one: ApiService, before: bool | None) -> bool | None:  # noqa: ARG002, FBT001 - of any store
        """As the API server says of it."""
        available = any(each.type == "Available" and each.status == "True" for each in one.status.conditions or ())
        return None if available and one.spec.service is None else available

    def samples(self) -> Iterator[Sample]:
        """Those that others serve, and any that is not available."""
        for (_, name), available in self.rows():
            if available is not None:
                yield Sample(catalogue.CONTROLPLANE_API_SERVICE, (name,), float(available))


Webhook = tuple[str, ObjectKey]
"""A webhook's name and the Service that answers it."""


class Webhooks(Store[WebhookConfiguration, tuple[Webhook, ...]]):
    """The webhooks that fail closed and are answered inside the cluster."""

    def __init__(self, kind: str) -> None:
        """`kind` is validating or mutating."""
        super().__init__()
        self._kind = kind

    def read(self, one: WebhookConfiguration, before: object) -> tuple[Webhook, ...]:  # noqa: ARG002 - as above
        """Those whose absence would forbid changes."""
        return tuple(
            (webhook.name, (webhook.client_config.service.namespace, webhook.client_config.service.name))
            for webhook in one.webhooks or ()
            if webhook.failure_policy == "Fail" and webhook.client_config.service is not None
        )

    def samples(self, ready: Mapping[ObjectKey, int]) -> Iterator[Sample]:
        """How many endpoints answer each; `ready` counts those of every Service."""
        for (_, name), webhooks in self.rows():
            for webhook, service in webhooks:
                labels = (self._kind, name, webhook, *service)
                yield Sample(catalogue.CONTROLPLANE_WEBHOOK_ENDPOINTS, labels, ready.get(service, 0))
