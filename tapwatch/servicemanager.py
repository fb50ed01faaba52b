"""What a process tells the service manager that started it: systemd's protocol, sd_notify(3)."""

import os
import socket
from collections.abc import Mapping

import structlog

log = structlog.get_logger()

READY = "READY=1"
STOPPING = "STOPPING=1"


def tell(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send a state to the service manager; do nothing where none asked for it.

    A service manager that cannot be reached is logged: the process serves all the same.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            # A leading @ stands for the zero byte of a name that is not in the file system.
            channel.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError as error:
            log.warning("process.service_manager_unreachable", state=state, address=address, error=error.strerror)
