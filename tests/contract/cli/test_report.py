"""`kubectl pd report` out of a real Prometheus that holds what an operator told it."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from tests.contract.telemetry.conftest import running_prometheus
from tests.unit.cli.services import a_service

from pd_e2e.cluster.binaries import Programs
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.cli.reporting.page import report
from pd_operator.cli.reporting.past import NoPastError, PastReader, ServicePast
from pd_operator.telemetry.prometheus import PrometheusReader

BEGIN, STEP, COUNT, LEAD = 1_700_000_100, 15, 80, 60
OF = 'namespace="team",service="chat"'


def lines() -> Iterator[str]:
    """A load that grows by one request a second every quarter of a minute, foreseen exactly."""
    moments = [(i, BEGIN + i * STEP) for i in range(COUNT)]
    gauges: dict[str, list[tuple[str, Callable[[int], float]]]] = {
        "pd_operator_demand_requests_per_second": [(OF, lambda i: i)],
        "pd_operator_gpus": [(OF, lambda i: 4 if i < COUNT // 2 else 8)],
        "pd_operator_forecast_horizon_seconds": [
            (f'{OF},role="{role}"', lambda _: LEAD) for role in Role
        ],
        "pd_operator_forecast_requests_per_second": [
            (f'{OF},role="{role}",percentile="{percent}"', lambda i: i + LEAD // STEP)
            for role in Role
            for percent in (50, 95)
        ],
        "pd_operator_workers": [
            (f'{OF},role="{role}",state="{state}"', lambda i: 1 + i // 20)
            for role in Role
            for state in ("wanted", "ready")
        ],
        "pd_operator_slo_attainment_ratio": [
            (f'{OF},objective="{name}"', lambda _: 0.95) for name in ("ttft", "tpot")
        ],
    }
    for name, series in gauges.items():
        yield f"# TYPE {name} gauge"
        for labels, value in series:
            yield from (f"{name}{{{labels}}} {value(i)} {moment}" for i, moment in moments)


@pytest.fixture(scope="module")
def reader(
    binaries: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusReader]:
    directory = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(binaries, directory, "\n".join(lines())) as (url, _):
        reader = PrometheusReader(url)
        yield reader
        reader.close()


def read(reader: PrometheusReader, name: str = "chat") -> ServicePast:
    end = BEGIN + (COUNT - 1) * STEP
    return PastReader(reader, ServiceKey("team", name), BEGIN, end).read(95)


def test_the_past_is_read_as_the_operator_told_it(reader: PrometheusReader) -> None:
    past = read(reader)
    assert past.step_seconds == STEP
    np.testing.assert_array_equal(past.offered, np.arange(1, COUNT))
    assert past.pools[Role.DECODE].ready[-1] == 1 + (COUNT - 1) // 20


def test_a_forecast_that_came_true_lies_on_the_load(reader: PrometheusReader) -> None:
    past = read(reader)
    for pool in past.pools.values():
        said = pool.forecast_median
        known = ~np.isnan(said)
        assert known.sum() == len(said) - LEAD // STEP
        np.testing.assert_array_equal(said[known], past.offered[known])


def test_the_page_has_the_figures_and_the_plots(reader: PrometheusReader) -> None:
    text = report(a_service(), read(reader))
    assert text.count("<svg") == 3
    assert "95.0%" in text
    assert "at most 8 GPUs at once" in text
    assert "<script" not in text


def test_a_service_that_nobody_knows_has_no_past(reader: PrometheusReader) -> None:
    assert not read(reader, 'other"} or up{x="').known


def test_a_prometheus_that_is_away_is_said() -> None:
    with pytest.raises(NoPastError, match="does not answer"):
        read(PrometheusReader("http://127.0.0.1:1"))
