"""The bridge's settings file: where Zabbix and Alertmanager are, and how the two are kept in step."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tapwatch.settings import RelativePath, Seconds, SecretFile, Settings, load
from tapwatch.web import Address

ValueChannel = Literal["auto", "history.push", "trapper"]

TRAPPER_PORT = 10051


def _web_address(url: str) -> str:
    """The message never repeats the address: it may hold a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a URL") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, '?' or '#'; secrets stand in files of their own")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as https://zabbix.example/api_jsonrpc.php")
    return url.rstrip("/")


def _with_port(text: str) -> str:
    return text if ":" in text.rpartition("]")[2] else f"{text}:{TRAPPER_PORT}"


def _trapper_address(text: str) -> str:
    Address.parse(_with_port(text))
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]
Severity = Annotated[int, Field(ge=0, le=5)]
"""Zabbix' severities by number, as their names can be changed: 0 not classified to 5 disaster."""


class Severities(Settings):
    """How bad an alert is in Zabbix."""

    critical: Severity = 4
    warning: Severity = 2
    info: Severity = 1


class ClusterSettings(Settings):
    """A cluster that `provision` makes hosts for before its first alert."""

    location: str = ""
    nodes: list[str] = Field(default_factory=list)


class WebhookSettings(Settings):
    """How Zabbix reaches the bridge: written into Zabbix' media type by `provision`."""

    url: WebAddress = "http://127.0.0.1:9805"
    username: str = ""
    password: SecretFile | None = Field(default=None, alias="password_file")
    """For a bridge with basic authentication (--web.config.file)."""


class ZabbixSettings(Settings):
    """What the bridge and `provision` both read."""

    api_url: WebAddress
    server: Annotated[str, AfterValidator(_trapper_address)] | None = None
    """HOST[:PORT] of the server's or the proxy's trapper."""
    values: ValueChannel = "auto"
    """How values are sent; auto is history.push where the API has it (7.0), else the trapper."""
    timeout: Annotated[Seconds, Field(gt=0)] = 10.0
    """The longest wait for one answer of Zabbix or Alertmanager."""
    patience: Annotated[Seconds, Field(gt=0)] = 45.0
    """The longest that a notification may wait for Zabbix' caches; below Alertmanager's `group_interval`."""
    alertmanagers: list[WebAddress] = Field(default_factory=list)
    """Every member of the cluster; without any, the way back and the acknowledgements are off."""
    receiver: str = "zabbix"
    """The name of Alertmanager's receiver that posts to the bridge."""
    interval: Annotated[Seconds, Field(ge=1)] = 30.0
    """How often both sides are compared."""
    settle: Seconds = 300.0
    """How long the two sides may differ before the bridge sends again what was lost."""
    silence: Annotated[Seconds, Field(ge=60)] = 8 * 3600.0
    """How long a silence lasts that stands for an acknowledgement."""
    heartbeat: Annotated[Seconds, Field(ge=1)] = 60.0
    """How often the bridge tells Zabbix that it lives."""
    nodata: Annotated[Seconds, Field(ge=30)] = 180.0
    """How long Zabbix waits for it before it opens a problem."""
    severities: Severities = Field(default_factory=Severities)
    team: str = "platform"
    """The label `team` of problems whose tags name none."""
    inventory: list[RelativePath] = Field(default_factory=list)
    """The dispenser exporter's inventory files: they give hosts their location."""
    clusters: dict[str, ClusterSettings] = Field(default_factory=dict)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)

    @property
    def trapper(self) -> tuple[str, int] | None:
        """Host and port of the trapper."""
        if self.server is None:
            return None
        address = Address.parse(_with_port(self.server))
        return address.host, address.port


class BridgeSettings(ZabbixSettings):
    """The file as the bridge reads it."""

    token: SecretFile = Field(alias="token_file")


class ProvisionSettings(ZabbixSettings):
    """The file as `provision` reads it: it may make the bridge's token."""

    token_file: RelativePath


def load_settings(file: Path) -> BridgeSettings:
    """Read the file and the secrets that it names; raises ConfigError with every fault."""
    return load(file, BridgeSettings)


def load_provision_settings(file: Path) -> ProvisionSettings:
    """As `load_settings`, but the token's file need not exist."""
    return load(file, ProvisionSettings)
