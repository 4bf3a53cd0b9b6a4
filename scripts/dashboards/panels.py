"""The house style: every panel has a unit and a description that teaches how to read it."""

from typing import TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = TypeVar("Panel", timeseries.Panel, stat.Panel, statetimeline.Panel, tables.Panel)

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
PREFILL, DECODE, TARGET = "orange", "blue", "green"
LETTERS = "ABCDEFGHIJ"
HEIGHT = 8  # in rows of Grafana's grid; columns are of its 24


def query(expression: str, legend: str) -> prometheus.Dataquery:
    """A query over the dashboard's time range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).range()


def instant(expression: str, legend: str) -> prometheus.Dataquery:
    """A query for the value at the end of the time range."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).instant()


def graph(
    title: str, description: str, unit: str, *queries: prometheus.Dataquery, columns: int = 12
) -> timeseries.Panel:
    """Lines over time, from zero, with a legend that names them."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .height(HEIGHT)
        .span(columns)
        .axis_soft_min(0)
        .line_width(1)
        .fill_opacity(0)
        .show_points(options.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    )
    return _with_queries(panel, queries)


def number(
    title: str, description: str, unit: str, *queries: prometheus.Dataquery, columns: int = 6
) -> stat.Panel:
    """Large figures."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .height(HEIGHT)
        .span(columns)
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.VALUE)
        .text_mode(options.BigValueTextMode.VALUE_AND_NAME)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(steps([(None, "text")]))
    )
    return _with_queries(panel, queries)


def table(
    title: str, description: str, *queries: prometheus.Dataquery, names: list[str]
) -> tables.Panel:
    """A row for each combination of labels, a column for each query, in their order."""
    panel = (
        tables.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit("none")
        .height(2 * HEIGHT)
        .span(24)
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {"Time": True},
                    "renameByName": {
                        f"Value #{letter}": name
                        for letter, name in zip(LETTERS, names, strict=False)
                    },
                },
            )
        )
    )
    return _with_queries(panel, queries)


def cells(expression: str, legend: str) -> prometheus.Dataquery:
    """A query for one column of a table: the values at the end of the time range."""
    return instant(expression, legend).format(PromQueryFormat.TABLE)


def states(
    title: str,
    description: str,
    *queries: prometheus.Dataquery,
    names: dict[str, tuple[str, str]],
    columns: int = 12,
) -> statetimeline.Panel:
    """Bands of states over time; `names` maps a value to its text and color."""
    mapping = models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(names.items())
        }
    )
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit("none")
        .height(HEIGHT)
        .span(columns)
        .mappings([mapping])
        .show_value(options.VisibilityMode.NEVER)
    )
    return _with_queries(panel, queries)


def steps(values: list[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    """Colors by value; the first step starts at None, minus infinity."""
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in values])
    )


def color(name: str) -> DynamicConfigValue:
    """Gives a series one color."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": name})


def dashed() -> DynamicConfigValue:
    """Draws a series as a dashed line."""
    return DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})


def heavy() -> DynamicConfigValue:
    """Draws a series as a heavy line."""
    return DynamicConfigValue("custom.lineWidth", 2)


def filled_down_to(series: str) -> list[DynamicConfigValue]:
    """Fills the area between a series and another below it."""
    return [
        DynamicConfigValue("custom.fillBelowTo", series),
        DynamicConfigValue("custom.fillOpacity", 15),
    ]


def _with_queries(panel: Panel, queries: tuple[prometheus.Dataquery, ...]) -> Panel:
    for letter, each in zip(LETTERS, queries, strict=False):
        panel.with_target(each.ref_id(letter).datasource(DATASOURCE))
    return panel
