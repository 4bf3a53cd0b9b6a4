"""The dashboard's forecasts, asked of a real Prometheus: they lie where the load is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.contract.telemetry.conftest import running_prometheus

from pd_e2e.cluster.binaries import Programs
from pd_e2e.expressions import Expression, chart_expressions

BEGIN, LEAD, STEP = 1_700_000_000, 240, 15
SERVICE = 'namespace="ml",service="chat"'


def load(seconds: int) -> float:
    """Requests a second: a ramp, on which a shift shows."""
    return 10 + (seconds - BEGIN) / 60


@pytest.fixture(scope="module")
def url(binaries: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Half an hour of a load that was forecast exactly, one lead time before it came."""
    times = range(BEGIN, BEGIN + 1800, STEP)
    forecast = f'pd_operator_forecast_requests_per_second{{{SERVICE},role="prefill",percentile='
    lines = [f"pd_operator_demand_requests_per_second{{{SERVICE}}} {load(t)} {t}" for t in times]
    for percentile in (5, 50, 95):
        lines += [f'{forecast}"{percentile}"}} {load(t + LEAD)} {t}' for t in times]
    horizon = f'pd_operator_forecast_horizon_seconds{{{SERVICE},role="prefill"}}'
    lines += [f"{horizon} {LEAD}.25 {t}" for t in times]
    with running_prometheus(binaries, tmp_path_factory.mktemp("drawn"), "\n".join(lines)) as (
        address,
        _,
    ):
        yield address


def lines_of(chart: Path, title: str) -> dict[str, Expression]:
    expressions = chart_expressions(chart, namespace="ml", service="chat", lead_seconds=LEAD)
    drawn = [each for each in expressions if each.title.startswith(f"{title}: ")]
    return {each.title.removeprefix(f"{title}: "): each for each in drawn}


def test_a_forecast_that_came_true_lies_on_the_load(url: str, chart: Path) -> None:
    drawn = lines_of(chart, "Requests offered")
    window = {"start": BEGIN + 600, "end": BEGIN + 1500, "step": 60}

    def points(expression: Expression) -> list[list[object]]:
        asked: dict[str, str | int] = {"query": expression.promql, **window}
        answer = requests.get(f"{url}/api/v1/query_range", params=asked, timeout=10).json()
        values: list[list[object]] = answer["data"]["result"][0]["values"]
        return values

    offered = points(drawn.pop("offered"))
    assert len(offered) == 16
    for name, expression in drawn.items():
        assert points(expression) == offered, name


def test_the_lead_time_is_read_as_whole_seconds(url: str, chart: Path) -> None:
    """As Grafana makes a variable of an answer: labels, value and time in a text."""
    board = json.loads((chart / "dashboards" / "slo-attainment.json").read_text(encoding="utf-8"))
    variables = {one["name"]: one for one in board["templating"]["list"]}
    for role, lead in (("prefill", "240"), ("decode", "0")):
        variable = variables[f"lead_{role}"]
        query = re.sub(r"^query_result\((.*)\)$", r"\1", variable["query"])
        chosen = {"$namespace": "ml", "$service": "chat", "$cluster": ".*"}
        for name, value in chosen.items():
            query = query.replace(name, value)
        asked: dict[str, str | int] = {"query": query, "time": BEGIN + 1500}
        answer = requests.get(f"{url}/api/v1/query", params=asked, timeout=10).json()
        (series,) = answer["data"]["result"]
        assert series["metric"] == {}
        text = f"{{}} {series['value'][1]} {series['value'][0] * 1000}"
        found = re.search(variable["regex"].strip("/"), text)
        assert found is not None
        assert found[1] == lead
