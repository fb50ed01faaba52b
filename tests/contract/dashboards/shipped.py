"""The generated dashboards, as Grafana would load them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from dashboards.language import Language
from dashboards.provisioning import GENERATED

Json = Mapping[str, Any]

DASHBOARDS: Mapping[str, Json] = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(GENERATED.rglob("*.json"))
}
"""By their files' stems, which are their uids."""

ENGLISH = {uid: dashboard for uid, dashboard in DASHBOARDS.items() if not uid.endswith("-zh-tw")}
"""Those whose queries are tested; the others have the same ones, which is tested too."""

SECONDS = {"1h": 3600, "6h": 6 * 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
"""The times that dashboards show at first."""


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


def places(dashboards: Mapping[str, Json] = DASHBOARDS) -> Iterator[Place]:
    """Every panel but the rows' headings."""
    for dashboard in dashboards.values():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield Place(dashboard, panel)


def every_panel(
    *types: str, dashboards: Mapping[str, Json] = DASHBOARDS
) -> Callable[[Callable[[Place], None]], Callable[[str], None]]:
    """Make a test of each dashboard from a check of a panel; its failure names the panel.

    A test of each panel would be thousands, and their bookkeeping takes longer than the checks. `types` are the panels
    that it is about, if not all.
    """

    def decorate(check: Callable[[Place], None]) -> Callable[[str], None]:
        @pytest.mark.parametrize("uid", dashboards)
        def test(uid: str) -> None:
            for place in places({uid: dashboards[uid]}):
                if types and place.panel["type"] not in types:
                    continue
                try:
                    check(place)
                except AssertionError as fault:
                    fault.add_note(f"In the panel {place}.")
                    raise

        test.__doc__ = check.__doc__
        return test

    return decorate


def variables(dashboard: Json, kind: str = "") -> list[Json]:
    """The choices at the top, the data source among them; or those of one kind."""
    return [one for one in dashboard["templating"]["list"] if kind in {"", one["type"]}]


def language(dashboard: Json) -> Language:
    """The one that it is written in."""
    return Language.ZH_TW if dashboard["uid"].endswith("-zh-tw") else Language.EN


def fill_in(expr: str, dashboard: Json, chosen: Mapping[str, str] | None = None) -> str:
    """The query as Grafana sends it at first, with `chosen`, else everything, for each variable."""
    shown = dashboard["time"]["from"].removeprefix("now-")
    values = {
        "__rate_interval": "1m",
        "__range": shown,
        "__range_s": str(SECONDS[shown]),
        **{one["name"]: one["query"] for one in variables(dashboard, "textbox")},
        **{one["name"]: one.get("allValue", ".*") for one in variables(dashboard, "query")},
        **(chosen or {}),
    }
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expr)
