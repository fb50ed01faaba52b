"""Which targets may be probed: a probe's URL names any address it likes, and the exporter would connect to it."""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal

from exporters.dispenser.address import Gateway

Network = IPv4Network | IPv6Network

_SERIAL_DEVICE = re.compile(r"/dev/(tty[A-Z]+[0-9]+|serial/by-(id|path)/[^/]+)")
"""Opening another device file can do harm: a watchdog's restarts the machine, a terminal's takes its keystrokes."""


@dataclass(frozen=True)
class TargetPolicy:
    """What the settings allow beside the inventory, which is always allowed."""

    beside: Literal["any", "inventory"] | tuple[Network, ...]
    inventory: Collection[Gateway]

    def refuse(self, gateway: Gateway) -> str | None:
        """Why the gateway must not be asked, as a sentence; None when it may be."""
        if gateway in self.inventory:
            return None
        if self.beside == "inventory":
            return f"{gateway} is not in the inventory, and the settings allow nothing else (targets: inventory)"
        if gateway.serial is not None:
            return _refuse_serial(gateway.host)
        if self.beside == "any" or _is_inside(gateway.host, self.beside):
            return None
        return f"{gateway} is neither in the inventory nor an address in {', '.join(map(str, self.beside))}"


def _refuse_serial(device: str) -> str | None:
    if _SERIAL_DEVICE.fullmatch(os.path.realpath(device)) and _SERIAL_DEVICE.fullmatch(device):
        return None
    return f"{device} is not a serial line's device, as /dev/ttyS0 or /dev/ttyUSB0, nor in the inventory"


def _is_inside(host: str, networks: Collection[Network]) -> bool:
    """A host name is never inside: who answers for it can change after it was looked at."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)
