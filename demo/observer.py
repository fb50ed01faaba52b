"""What the demo sees of itself: targets, alerts and messages, asked of the servers that know."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from demo.ports import Ports


@dataclass(frozen=True)
class Standing:
    """How the pipeline stands at one moment."""

    targets: int
    targets_up: int
    firing: tuple[str, ...]
    """The names of the firing alerts, Watchdog left out."""
    delivered: int
    refused: int


class Observer:
    """Asks Prometheus, Alertmanager and the stand-in."""

    def __init__(self, session: aiohttp.ClientSession, ports: Ports) -> None:
        self._session = session
        self._ports = ports

    async def _get(self, process: str, path: str, *query: tuple[str, str]) -> Any:  # noqa: ANN401 - others' JSON
        async with self._session.get(self._ports.url(process, path), params=query, raise_for_status=True) as response:
            return await response.json()

    async def standing(self) -> Standing:
        """The counts that the status line shows."""
        targets, alerts, messages = await self.targets(), await self.alerts(), await self.messages()
        firing = sorted(alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing")
        return Standing(
            targets=len(targets),
            targets_up=sum(target["health"] == "up" for target in targets),
            firing=tuple(name for name in firing if name != "Watchdog"),
            delivered=sum(message["accepted"] for message in messages),
            refused=sum(not message["accepted"] for message in messages),
        )

    async def targets(self) -> list[dict[str, Any]]:
        """What Prometheus scrapes, and how that goes."""
        answer = await self._get("prometheus", "/api/v1/targets", ("state", "active"))
        targets: list[dict[str, Any]] = answer["data"]["activeTargets"]
        return targets

    async def alerts(self) -> list[dict[str, Any]]:
        """The alerts of Prometheus' rules, pending and firing."""
        alerts: list[dict[str, Any]] = (await self._get("prometheus", "/api/v1/alerts"))["data"]["alerts"]
        return alerts

    async def campus(self) -> list[dict[str, Any]]:
        """The simulated dispensers, and what is broken on purpose."""
        dispensers: list[dict[str, Any]] = await self._get("campus", "/dispensers")
        return dispensers

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression."""
        answer = await self._get("prometheus", "/api/v1/query", ("query", expression))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def firing(self, alert: str, label: str, value: str) -> bool:
        """Whether Prometheus' rules have the alert firing for this label value."""
        return any(
            one["state"] == "firing" and one["labels"]["alertname"] == alert and one["labels"].get(label) == value
            for one in await self.alerts()
        )

    async def with_alertmanager(self, alert: str, label: str, value: str) -> bool:
        """Whether Alertmanager holds the alert as firing."""
        matchers = [("filter", f'alertname="{alert}"'), ("filter", f'{label}="{value}"')]
        return bool(await self._get("alertmanager", "/api/v2/alerts", *matchers))

    async def messages(self) -> list[dict[str, Any]]:
        """What the stand-in received, oldest first."""
        messages: list[dict[str, Any]] = await self._get("stand-in", "/messages")
        return messages
