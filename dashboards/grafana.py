"""Our dashboards as Grafana's classic JSON, which every Grafana from 9.4 on reads. The only module with its SDK."""

import json
import string
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from dashboards.model import COLUMNS, Dashboard, Panel, PanelKind, Row, Variable

with warnings.catch_warnings():
    # The SDK asks for schema version 2, which Grafana's file provisioning refuses (grafana/grafana#127928).
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, prometheus, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.builders import common as options
    from grafana_foundation_sdk.builders import dashboard as builders
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common
    from grafana_foundation_sdk.models import dashboard as models
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE_VARIABLE = "datasource"

_DATASOURCE = common.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE_VARIABLE}}}")
_TAG = "tapwatch"
_INSTANT: frozenset[PanelKind] = frozenset({"stat", "table", "bargauge"})


def to_json(dashboard: Dashboard) -> str:
    """The file that Grafana loads; the same dashboard always gives the same bytes."""
    builder = (
        builders.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([_TAG, *dashboard.tags])
        .time("now-6h", "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .annotations([])
        .with_variable(builders.DatasourceVariable(DATASOURCE_VARIABLE).label("Data source").type("prometheus"))
        .link(_to_the_others())
    )
    for variable in dashboard.variables:
        builder.with_variable(_variable(variable))
    for number, (item, place) in enumerate(_places(dashboard), start=1):
        if isinstance(item, Row):
            builder.with_row(builders.Row(item.title).id(number).grid_pos(place))
        else:
            builder.with_panel(_panel(item).id(number).grid_pos(place))
    return json.dumps(builder.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _to_the_others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Tapwatch")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _variable(variable: Variable) -> builders.QueryVariable:
    return (
        builders.QueryVariable(variable.name)
        .label(variable.title)
        .datasource(_DATASOURCE)
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all", selected=True))
    )


def _places(dashboard: Dashboard) -> Iterator[tuple[Row | Panel, models.GridPos]]:
    """Rows and panels from the top left on, as far as they fit beside each other."""
    y = 0
    for row in dashboard.rows:
        yield row, models.GridPos(h=1, w=COLUMNS, x=0, y=y)
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            yield panel, models.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            x, height = x + panel.width, max(height, panel.height)
        y += height


def _panel(panel: Panel) -> Any:  # noqa: ANN401 - the SDK's panel builders have no type in common
    builder = (
        _BUILDERS[panel.kind](panel)
        .title(panel.title)
        .description(panel.description)
        .datasource(_DATASOURCE)
        .unit(panel.unit)
        .thresholds(_thresholds(panel))
    )
    if panel.limits is not None:
        builder.min(panel.limits[0]).max(panel.limits[1])
    if panel.words:
        words = {str(value): models.ValueMappingResult(text=word) for value, word in panel.words.items()}
        builder.mappings([models.ValueMap(options=words)])
    for target in _targets(panel):
        builder.with_target(target)
    return builder


def _thresholds(panel: Panel) -> builders.ThresholdsConfig:
    steps = [models.Threshold(value=step.value, color=step.color) for step in panel.steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _targets(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        target = prometheus.Dataquery().datasource(_DATASOURCE).ref_id(letter)
        target.expr(query.expr).legend_format(query.legend)
        if panel.kind in _INSTANT:
            target.instant()
        if panel.kind == "table":
            target.format(PromQueryFormat.TABLE)
        yield target


def _color(mode: models.FieldColorModeId) -> builders.FieldColor:
    return builders.FieldColor().mode(mode)


def _last_value() -> options.ReduceDataOptions:
    return options.ReduceDataOptions().calcs(["lastNotNull"])


def _stat(_panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.BACKGROUND)
        .reduce_options(_last_value())
        .color_scheme(_color(models.FieldColorModeId.THRESHOLDS))
    )


def _timeseries(panel: Panel) -> timeseries.Panel:
    """Thresholds are drawn where there are any."""
    drawn = common.GraphThresholdsStyleMode.DASHED if len(panel.steps) > 1 else common.GraphThresholdsStyleMode.OFF
    return (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(5)
        .legend(options.VizLegendOptions().show_legend(True))
        .tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .thresholds_style(options.GraphThresholdsStyleConfig().mode(drawn))
        .color_scheme(_color(models.FieldColorModeId.PALETTE_CLASSIC))
    )


def _table(panel: Panel) -> table.Panel:
    """The columns that say something, in their order; a query's value and time do not."""
    organize = {
        "excludeByName": {"Time": True, "Value": True},
        "indexByName": {label: position for position, label in enumerate(panel.columns)},
        "renameByName": dict(panel.columns),
    }
    return table.Panel().with_transformation(models.DataTransformerConfig(id_val="organize", options=organize))


def _bargauge(_panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(common.VizOrientation.HORIZONTAL)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .reduce_options(_last_value())
        .color_scheme(_color(models.FieldColorModeId.THRESHOLDS))
    )


def _state_timeline(_panel: Panel) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(common.VisibilityMode.NEVER)
        .legend(options.VizLegendOptions().show_legend(True))
        .color_scheme(_color(models.FieldColorModeId.THRESHOLDS))
    )


_BUILDERS: dict[PanelKind, Callable[[Panel], Any]] = {
    "stat": _stat,
    "timeseries": _timeseries,
    "table": _table,
    "bargauge": _bargauge,
    "state-timeline": _state_timeline,
}
