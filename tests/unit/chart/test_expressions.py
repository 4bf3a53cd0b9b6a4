"""The chart's expressions speak of series that the operator really exports."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from pd_e2e.expressions import Expression, Kind, chart_expressions
from pd_operator.controller.status.metrics import OperatorMetrics

CHART = Path(__file__).parents[3] / "charts" / "pd-operator"
FROM_SCRAPING = {"namespace", "service", "pod", "cluster"}
"""Labels that Prometheus adds; `cluster` is an external one, which not everybody has."""


@pytest.fixture(scope="module")
def expressions() -> list[Expression]:
    return chart_expressions(CHART, namespace="ml", service="chat")


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Labels by name of the series that the operator's /metrics would show."""
    metrics = [each for each in vars(OperatorMetrics()).values() if hasattr(each, "_labelnames")]
    return {name: set(each._labelnames) for each in metrics for name in series_of(each)}


def series_of(metric: MetricWrapperBase) -> list[str]:
    (described,) = metric.describe()
    suffix = {"histogram": "_bucket", "counter": "_total"}.get(described.type, "")
    return [described.name + suffix]


def test_every_operator_series_that_is_asked_for_is_exported_with_its_labels(
    expressions: list[Expression], exported: dict[str, set[str]]
) -> None:
    own = {s for each in expressions for s in each.selectors if s.startswith("pd_operator_")}
    assert own
    for selector in own:
        name, _, matchers = selector.partition("{")
        assert name in exported, selector
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert asked <= exported[name] | FROM_SCRAPING, selector


def test_every_operator_series_is_shown_or_alerted_on(
    expressions: list[Expression], exported: dict[str, set[str]]
) -> None:
    text = "".join(each.promql for each in expressions)
    assert [name for name in exported if name not in text] == []


def test_recorded_series_that_alerts_read_are_recorded(expressions: list[Expression]) -> None:
    recorded = {each.title for each in expressions if each.kind is Kind.RECORD}
    read = {
        selector.partition("{")[0]
        for each in expressions
        for selector in each.selectors
        if selector.startswith("namespace_service_objective:")
    }
    assert read <= recorded


def test_grafanas_variables_are_filled_in(expressions: list[Expression]) -> None:
    panels = [each.promql for each in expressions if each.kind is Kind.PANEL]
    assert not any("$" in promql for promql in panels)
    assert any('namespace="ml", service="chat"' in promql for promql in panels)
    assert any("[30m:1m]" in promql for promql in panels)


def test_selectors_are_what_an_empty_answer_can_be_blamed_on(
    expressions: list[Expression],
) -> None:
    pool_down = next(each for each in expressions if each.title == "PDServicePoolDown")
    assert pool_down.selectors == (
        'pd_operator_workers{state="ready"}',
        "pd_operator_demand_requests_per_second",
    )
