"""Our dashboards as Grafana's classic JSON, which every Grafana from 9.4 on reads. The only module with its SDK."""

import json
import string
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dashboards.language import Language, Text, Words, name_in, say
from dashboards.model import (
    COLUMNS,
    Annotation,
    Column,
    Dashboard,
    Link,
    Number,
    Panel,
    PanelKind,
    Row,
    Step,
    Variable,
)

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
_INSTANT: frozenset[PanelKind] = frozenset({"stat", "tiles", "table", "bargauge"})
_OTHER_LANGUAGE = {Language.EN: Language.ZH_TW, Language.ZH_TW: Language.EN}
_NAMES = {Language.EN: "English", Language.ZH_TW: "中文"}
_DATASOURCE_LABEL = Text("Data source", "資料來源")


def to_json(dashboard: Dashboard, language: Language = Language.EN) -> str:
    """The file that Grafana loads; the same dashboard always gives the same bytes."""
    builder = (
        builders.Dashboard(say(dashboard.title, language))
        .uid(name_in(dashboard.uid, language))
        .description(say(dashboard.description, language))
        .tags([name_in(_TAG, language), *dashboard.tags])
        .time(f"now-{dashboard.shown}", "now")
        .timezone("browser")
        .refresh(dashboard.refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .annotations([_annotation(annotation, language) for annotation in dashboard.annotations])
        .with_variable(_data_source(language))
        .link(_to_the_others(language))
        .link(_to_the_other_language(dashboard, _OTHER_LANGUAGE[language]))
    )
    for variable in dashboard.variables:
        builder.with_variable(
            _number(variable, language) if isinstance(variable, Number) else _variable(variable, language)
        )
    for number, (item, place) in enumerate(_places(dashboard), start=1):
        if isinstance(item, Row):
            builder.with_row(_row(item, language).id(number).grid_pos(place))
        else:
            builder.with_panel(_panel(item, language).id(number).grid_pos(place))
    plain = _in_sight(json.loads(json.dumps(builder.build(), cls=JSONEncoder)))
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _in_sight(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Without the SDK's `placement`, which would hide links and annotations in a menu from Grafana 12.3 on."""
    if isinstance(node, dict):
        return {key: _in_sight(value) for key, value in node.items() if key != "placement"}
    return [_in_sight(one) for one in node] if isinstance(node, list) else node


def _data_source(language: Language) -> builders.DatasourceVariable:
    return builders.DatasourceVariable(DATASOURCE_VARIABLE).label(say(_DATASOURCE_LABEL, language)).type("prometheus")


def _to_the_others(language: Language) -> builders.DashboardLink:
    return (
        builders.DashboardLink("Tapwatch")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([name_in(_TAG, language)])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )


def _to_the_other_language(dashboard: Dashboard, language: Language) -> builders.DashboardLink:
    return (
        builders.DashboardLink(_NAMES[language])
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{name_in(dashboard.uid, language)}")
        .icon("external link")
        .keep_time(True)
        .include_vars(True)
    )


def _annotation(annotation: Annotation, language: Language) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name(say(annotation.name, language))
        .datasource(_DATASOURCE)
        .enable(True)
        .icon_color(annotation.color)
        .expr(annotation.expr)
        .title_format(annotation.title)
        .text_format(annotation.text)
        .step("60s")
    )


def _number(number: Number, language: Language) -> builders.TextBoxVariable:
    text = f"{number.default:g}"
    return (
        builders.TextBoxVariable(number.name)
        .label(say(number.title, language))
        .default_value(text)
        .current(models.VariableOption(text=text, value=text, selected=True))
    )


def _variable(variable: Variable, language: Language) -> builders.QueryVariable:
    builder = (
        builders.QueryVariable(variable.name)
        .label(say(variable.title, language))
        .datasource(_DATASOURCE)
        .query(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(variable.several)
        .include_all(variable.several)
    )
    if variable.several:
        builder.all_value(".*").current(models.VariableOption(text="All", value="$__all", selected=True))
    return builder


def _row(row: Row, language: Language) -> builders.Row:
    builder = builders.Row(say(row.title, language))
    return builder.repeat(row.repeat) if row.repeat else builder


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


def _panel(panel: Panel, language: Language) -> Any:  # noqa: ANN401 - the SDK's panel builders have no type in common
    builder = (
        _BUILDERS[panel.kind](panel)
        .title(say(panel.title, language))
        .description(say(panel.description, language))
        .datasource(_DATASOURCE)
        .unit(panel.unit)
        .thresholds(_thresholds(panel.steps))
    )
    if panel.limits is not None:
        builder.min(panel.limits[0]).max(panel.limits[1])
    if panel.words:
        builder.mappings(_mappings(panel.words, language))
    if panel.kind == "table":
        _add_columns(builder, panel, language)
    elif panel.links:
        builder.data_links([_link(link, "__field.labels", language) for link in panel.links])
    for target in _targets(panel, language):
        builder.with_target(target)
    return builder


def _thresholds(steps: Sequence[Step]) -> builders.ThresholdsConfig:
    values = [models.Threshold(value=step.value, color=step.color) for step in steps]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(values)


def _mappings(words: Mapping[int, Words], language: Language) -> list[models.ValueMapping]:
    results = {str(value): models.ValueMappingResult(text=say(word, language)) for value, word in words.items()}
    return [models.ValueMap(options=results)]


def _link(link: Link, source: str, language: Language) -> builders.DashboardLink:
    """`source` is where Grafana finds the value's labels; what it fills in, it writes as URLs need it."""
    parts = ["${__url_time_range}", f"${{{DATASOURCE_VARIABLE}:queryparam}}"]
    parts += [f"${{{name}:queryparam}}" for name in link.kept]
    parts += [f"var-{name}=${{{source}.{label}}}" for name, label in link.labels.items()]
    return (
        builders.DashboardLink(say(link.title, language))
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{name_in(link.uid, language)}?{'&'.join(parts)}")
    )


def _targets(panel: Panel, language: Language) -> Iterator[prometheus.Dataquery]:
    for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        target = prometheus.Dataquery().datasource(_DATASOURCE).ref_id(letter)
        target.expr(query.expr).legend_format(say(query.legend, language))
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


def _tiles(panel: Panel) -> stat.Panel:
    """A tile for each series, under its name."""
    return (
        _stat(panel).text_mode(common.BigValueTextMode.VALUE_AND_NAME).justify_mode(common.BigValueJustifyMode.CENTER)
    )


def _table(_panel: Panel) -> table.Panel:
    return table.Panel()


def _add_columns(builder: table.Panel, panel: Panel, language: Language) -> None:
    """The columns that say something, in their order; a query's time does not, nor do values without a heading.

    Grafana calls the values of a single query `Value`, of several `Value #A` and so on.
    """
    names = ["Value"] if len(panel.queries) == 1 else [f"Value #{letter}" for letter in string.ascii_uppercase]
    values = dict(zip(names, panel.values, strict=False))
    headings = {label: say(title, language) for label, title in panel.columns.items()}
    headings |= {name: say(column.title, language) for name, column in values.items()}
    organize = {
        "excludeByName": {"Time": True} if values else {"Time": True, "Value": True},
        "indexByName": {name: position for position, name in enumerate(headings)},
        "renameByName": headings,
    }
    if len(panel.queries) > 1:
        builder.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    builder.with_transformation(models.DataTransformerConfig(id_val="organize", options=organize))
    for column in values.values():
        builder.override_by_name(say(column.title, language), list(_properties(column, language)))
    for label in dict.fromkeys(label for link in panel.links for label in link.labels.values()):
        links = [_link(one, "__data.fields", language).build() for one in panel.links if label in one.labels.values()]
        builder.override_by_name(headings[label], [models.DynamicConfigValue(id_val="links", value=links)])


def _properties(column: Column, language: Language) -> Iterator[models.DynamicConfigValue]:
    """A cell's colour is said twice: `displayMode` is Grafana 9.4's word for it, `cellOptions` that of later ones."""
    yield models.DynamicConfigValue(id_val="unit", value=column.unit)
    if column.words:
        yield models.DynamicConfigValue(id_val="mappings", value=_mappings(column.words, language))
    if column.steps:
        yield models.DynamicConfigValue(id_val="thresholds", value=_thresholds(column.steps).build())
        yield models.DynamicConfigValue(id_val="custom.displayMode", value="color-background-solid")
        yield models.DynamicConfigValue(
            id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}
        )


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
    "tiles": _tiles,
    "timeseries": _timeseries,
    "table": _table,
    "bargauge": _bargauge,
    "state-timeline": _state_timeline,
}
