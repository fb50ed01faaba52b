"""Where an API server is reached: the URL of one replica, or of the address that users use."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator
from yarl import URL

Role = Literal["address", "replica"]
"""`address` is what users use, as a load balancer; `replica` is one API server."""


@dataclass(frozen=True, order=True)
class Endpoint:
    """One thing to probe."""

    url: str
    role: Role


def parse_server_url(value: object) -> str:
    """`https://10.0.0.11:6443` without a slash at its end; raises ValueError.

    A path in front of the API is kept, as some proxies have one. A password is refused: the URL becomes a label.
    """
    example = "must be a URL such as https://10.0.0.11:6443"
    try:
        url = URL(str(value))
    except ValueError:
        raise ValueError(example) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(example)
    if url.user is not None or url.password is not None:
        raise ValueError(f"{example}, without a user or a password")
    if url.query_string or url.fragment:
        raise ValueError(f"{example}, without anything behind ? or #")
    return str(url).rstrip("/")


def host_port(host: str, port: int) -> str:
    """`10.0.0.11:6443`, `[fd00::11]:6443`, `master-1.example:6443`."""
    try:
        is_version_6 = ipaddress.ip_address(host).version == 6  # noqa: PLR2004 - IPv6
    except ValueError:
        is_version_6 = False
    return f"[{host}]:{port}" if is_version_6 else f"{host}:{port}"


def replica_url(address: str, port: int) -> str:
    """The URL of a replica at an IP address or a host name."""
    return f"https://{host_port(address, port)}"


ServerUrl = Annotated[str, BeforeValidator(parse_server_url)]
"""The URL of an API server."""
