"""HAProxy, the balancer before API servers: the one on PATH, else Debian's in the user's cache."""

import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

from demo import debian
from tapwatch.cache import cache_folder, cached, digest, tell

_LIBRARIES = ("liblua", "libopentracing", "libpcre2")
"""What it needs and a machine without it may not have."""


def haproxy() -> tuple[str | Path, ...]:
    """The command that runs it, to which arguments are added. Raises TapwatchError when it cannot be fetched."""
    on_path = shutil.which("haproxy")
    if on_path is not None:
        return (on_path,)
    system = Path("/etc/os-release").read_bytes()  # its libraries are of this release
    root = cached("haproxy", digest([system]), _fetch) / "root"
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu*"))
    return "env", f"LD_LIBRARY_PATH={libraries}", root / "usr" / "sbin" / "haproxy"


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


def _fetch(folder: Path) -> None:
    tell(f"haproxy: none on PATH; fetching Debian's for {platform.machine()}")
    debian.unpack("haproxy", folder / "root", cache_folder() / "apt", _LIBRARIES)
