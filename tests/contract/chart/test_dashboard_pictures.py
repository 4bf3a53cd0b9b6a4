"""The dashboards drawn from a real Prometheus: each in a picture, and what has no data is named."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from prometheus_api_client.prometheus_connect import PrometheusConnect
from scripts.dashboard_pictures.answers import Asker, Span
from scripts.dashboard_pictures.boards import Board, read_board
from scripts.dashboard_pictures.drawing import draw
from scripts.dashboard_pictures.units import written
from tests.contract.telemetry.conftest import running_prometheus

from pd_e2e.cluster.binaries import Programs

BEGIN, STEP, COUNT = 1_700_000_000, 15, 60
END = BEGIN + STEP * (COUNT - 1)
SERVICE = 'namespace="ml",service="chat"'
WANTED = f'pd_operator_workers{{{SERVICE},role="prefill",state="wanted"}}'


@pytest.fixture(scope="module")
def prometheus(
    binaries: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusConnect]:
    """A quarter of an hour in which prefill grew from two workers to three."""
    times = [BEGIN + STEP * n for n in range(COUNT)]
    lines = [f"pd_operator_leader 1 {t}" for t in times]
    for objective in ("ttft", "tpot"):
        series = f'slo_target_ratio{{{SERVICE},objective="{objective}"}}'
        lines += [f"pd_operator_{series} 0.9 {t}" for t in times]
    horizon = f'pd_operator_forecast_horizon_seconds{{{SERVICE},role="prefill"}}'
    lines += [f"{horizon} 240.25 {t}" for t in times]
    lines += [f"{WANTED} {2 if t < BEGIN + 420 else 3} {t}" for t in times]
    folder = tmp_path_factory.mktemp("pictures")
    with running_prometheus(binaries, folder, "\n".join(lines)) as (url, _):
        yield PrometheusConnect(url)


def board(chart: Path, name: str) -> Board:
    return read_board(chart / "dashboards" / f"{name}.json")


def asker(prometheus: PrometheusConnect, board: Board) -> Asker:
    return Asker(prometheus, board, Span(BEGIN, END, STEP))


def test_variables_are_chosen_as_grafana_does(prometheus: PrometheusConnect, chart: Path) -> None:
    chosen = asker(prometheus, board(chart, "slo-attainment")).chosen
    assert (chosen["namespace"], chosen["service"], chosen["cluster"]) == ("ml", "chat", ".*")
    assert (chosen["lead_prefill"], chosen["lead_decode"]) == ("240", "0")
    assert (chosen["__range"], chosen["__rate_interval"]) == ("885s", "60s")


def test_a_change_of_the_wanted_workers_is_marked_once(
    prometheus: PrometheusConnect, chart: Path
) -> None:
    slo = board(chart, "slo-attainment")
    (mark,) = slo.marks
    moments = asker(prometheus, slo).moments(mark)
    assert list(moments - BEGIN) == [420]


@pytest.mark.parametrize("name", ["slo-attainment", "fleet", "operator"])
def test_each_dashboard_is_drawn_and_says_what_is_missing(
    prometheus: PrometheusConnect, chart: Path, tmp_path: Path, name: str
) -> None:
    drawn = board(chart, name)
    empty = draw(drawn, asker(prometheus, drawn), tmp_path / "board.png")
    pixels = imread(tmp_path / "board.png")
    assert pixels.shape[1] > 1000
    assert np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0).shape[0] > 10
    known = {"slo-attainment": "Prefill workers", "fleet": "Services", "operator": "Leaders"}[name]
    assert known not in empty
    missing = {"slo-attainment": "Answers by status", "fleet": "GPUs held", "operator": "Memory"}
    assert missing[name] in empty


def test_no_bar_hides_another(chart: Path) -> None:
    looks = [panel.look("") for panel in board(chart, "slo-attainment").panels]
    bars = [look for look in looks if look.get("custom.drawStyle") == "bars"]
    assert bars
    assert {look["custom.stacking"]["mode"] for look in bars} == {"normal"}


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.9941, "percentunit", "99.41%"),
        (0.0175, "s", "17.5 ms"),
        (56.0, "s", "56 s"),
        (720.0, "s", "12 min"),
        (100 * 2**20, "bytes", "100 MiB"),
        (12.6, "reqps", "12.6 req/s"),
        (70000.0, "none", "70,000"),
    ],
)
def test_a_number_is_written_in_its_unit(value: float, unit: str, told: str) -> None:
    assert written(value, unit) == told
