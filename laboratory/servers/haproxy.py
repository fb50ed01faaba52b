"""HAProxy, the balancer before API servers: the one on PATH, else Debian's in the user's cache."""

from collections.abc import Mapping
from pathlib import Path

from demo.packages import program


def haproxy() -> Path:
    """Return the program. Raises TapwatchError when it cannot be fetched."""
    return program("haproxy", "haproxy")


def configuration(address: str, port: int, servers: Mapping[str, str]) -> str:
    """Its settings: TLS passes through to those of `servers` (name: ADDRESS:PORT) that say they are ready.

    A server that fails or hangs is asked nothing more after 2 to 4 seconds, and its connections are closed.
    """
    backends = "\n".join(f"  server {name} {place}" for name, place in servers.items())
    return f"""\
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
  timeout check 2s
  option redispatch 1
  retries 3
listen kubernetes
  bind {address}:{port}
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server check check-ssl verify none inter 1s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
{backends}
"""
