"""The written history, loaded by promtool and read back by the operator's own reader."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
import requests

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.demo.history import History, write_history
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.names import ServiceKey
from pd_operator.demand import DemandHistory
from pd_operator.telemetry.prometheus import PrometheusReader

SERVICE = ServiceKey("default", "chat")
STEP_SECONDS = 5.0


@pytest.fixture(scope="module")
def history() -> History:
    """Ends a minute ago, at a full step."""
    end = (time.time() - 60) // STEP_SECONDS * STEP_SECONDS
    return History(SERVICE, "llama", end_unix_seconds=end, bin_seconds=STEP_SECONDS)


@pytest.fixture(scope="module")
def url(
    history: History, binaries: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A Prometheus that holds the history and scrapes nothing: its cluster does not exist."""
    directory = tmp_path_factory.mktemp("prometheus")
    write_history(directory / "history.om", history, TraceScenario())
    nowhere = directory / "kubeconfig"
    with Prometheus(binaries, directory, nowhere, history=directory / "history.om") as prometheus:
        yield prometheus.url


@pytest.fixture(scope="module")
def read_back(history: History, url: str) -> DemandHistory:
    """The history as the operator reads it."""
    reader = PrometheusReader(url, scrape_interval_seconds=STEP_SECONDS)
    start = history.end_unix_seconds - TraceScenario().history_seconds
    reading = reader.demand_history(SERVICE, start, history.end_unix_seconds, STEP_SECONDS)
    assert isinstance(reading, DemandHistory), reading
    return reading


def test_the_operator_reads_the_traces_load_out_of_it(
    history: History, read_back: DemandHistory
) -> None:
    scenario = TraceScenario()
    bins = np.arange(len(read_back.requests_per_second))
    ends = read_back.start_seconds + (bins + 1) * STEP_SECONDS - history.end_unix_seconds
    known = np.isfinite(read_back.requests_per_second)
    assert known.mean() > 0.98

    hour = 45.0
    for start in np.arange(-scenario.history_seconds, 0.0, 20 * hour):
        inside = known & (ends > start + hour) & (ends <= start + 2 * hour)
        expected = scenario.mean_rates(np.array([start + 1.5 * hour]), hour).sum()
        # Six standard deviations of the Poisson count of that hour.
        assert read_back.requests_per_second[inside].mean() == pytest.approx(
            expected, abs=6 * np.sqrt(expected / hour)
        )


def test_the_lengths_are_those_of_the_mix(read_back: DemandHistory) -> None:
    pools = TraceScenario().trace.lengths
    prompts = sorted(pool.input_tokens.mean() for pool in pools.values())
    answers = sorted(pool.output_tokens.mean() for pool in pools.values())

    assert prompts[0] < np.nanmean(read_back.prompt_tokens_mean) < prompts[1]
    assert answers[0] < np.nanmean(read_back.output_tokens_mean) < answers[1]


def test_the_bucket_edges_are_spelt_as_prometheus_spells_scraped_ones(url: str) -> None:
    # A million is "1e+06" in what an engine exposes; were it another series, sums over le break.
    answer = requests.get(f"{url}/api/v1/label/le/values", timeout=10).json()
    assert {"100.0", "1e+06", "1.1e+06", "+Inf"} <= set(answer["data"])
