"""The generated dashboards, as Grafana would load them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.provisioning import GENERATED

Json = Mapping[str, Any]

DASHBOARDS: Mapping[str, Json] = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(GENERATED.glob("*.json"))
}
"""By their files' stems."""


@dataclass(frozen=True)
class Place:
    """One panel and the dashboard that it stands on."""

    dashboard: Json
    panel: Json

    def __str__(self) -> str:
        return f"{self.dashboard['title']}: {self.panel['title']}"

    @property
    def targets(self) -> list[Json]:
        """Its queries."""
        return list(self.panel["targets"])


def places() -> Iterator[Place]:
    """Every panel but the rows' headings."""
    for dashboard in DASHBOARDS.values():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield Place(dashboard, panel)


def variables(dashboard: Json) -> list[Json]:
    """The choices at the top, the data source among them."""
    return list(dashboard["templating"]["list"])


def fill_in(expr: str, dashboard: Json) -> str:
    """The query as Grafana would send it with "All" chosen everywhere."""
    for variable in variables(dashboard):
        expr = expr.replace(f"${variable['name']}", variable.get("allValue", ""))
    return expr.replace("$__rate_interval", "1m").replace("$__range", "6h")
