"""Collections of the API, and which of their objects' fields are decoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

import msgspec


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The base of every part of an object: camelCase on the wire, unknown keys are passed over undecoded."""


class Metadata(Wire, frozen=True):
    """An object's name, and the version of the whole cluster when it was written."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class Named(Protocol):
    """An API object."""

    @property
    def metadata(self) -> Metadata:
        """Who it is."""


class Condition(Wire, frozen=True):
    """As most kinds have them in their status."""

    type: str
    status: str
    reason: str = ""


Object = TypeVar("Object", bound=Named)


@dataclass(frozen=True)
class Resource(Generic[Object]):
    """A collection that is watched."""

    group: str
    """Empty for the core API."""
    plural: str
    kind: type[Object]
    """What is decoded of each object."""
    namespace: str = ""
    """The only one that is looked at; all when empty."""
    query: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    idle_seconds: float | None = None
    """Where something always changes: a watch that is silent for longer is dead."""

    @property
    def name(self) -> str:
        """As kubectl takes it: `leases.coordination.k8s.io`."""
        return f"{self.plural}.{self.group}".rstrip(".")

    @property
    def path(self) -> str:
        """Its place in the API; all that we read are at version v1."""
        root = f"/apis/{self.group}/v1" if self.group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{self.plural}" if self.namespace else f"{root}/{self.plural}"
