"""The past of a service, read piece by piece from a real Prometheus."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.daemon import Daemon
from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.cli.backtesting.live import read_past
from pd_operator.cli.backtesting.loads import PROMPT_TOKENS, REQUESTS, LoadError
from pd_operator.cli.own_past import PastSource
from pd_operator.cli.prometheus_from_here import Reached
from pd_operator.controller.tick import history_reader
from pd_operator.controller.tick.history_reader import HistoryReader
from pd_operator.telemetry.prometheus import PrometheusReader

KEY = ServiceKey("team", "chat")
SCRAPE = 15
HOURS = 3
NOW = time.time() // 60 * 60
GAP = range(3600, 4200)

CRDS = Path(__file__).parents[3] / "crds"
KUBECTL_PD = Path(sys.executable).with_name("kubectl-pd")
SERVICE = {
    "apiVersion": "serving.pd-operator.io/v1alpha1",
    "kind": "PDInferenceService",
    "metadata": {"name": KEY.name, "namespace": KEY.namespace},
    "spec": {
        "model": {"path": "org/model"},
        "engine": {"profile": {"name": "llama-3.1-8b-h100"}},
        "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
        "prefill": {"maxReplicas": 8, "expectedStartupSeconds": 90},
        "decode": {"maxReplicas": 8, "expectedStartupSeconds": 200},
        "autoscaling": {"forecast": {"quantilePercent": 85, "historyDays": 1}},
        "metrics": {"prometheusUrl": "http://prometheus.nowhere:9090"},
    },
}


def written() -> str:
    """Two requests per second of 1000 prompt and 100 generated tokens, not scraped for a while."""
    lines = []
    short, long = 'le="500.0"', 'le="2000.0"'
    every = 'le="+Inf"'
    buckets = {short: 1.0, long: 2.0, every: 2.0}
    families = {
        **{
            f'sglang:{name}_bucket{{pd_role="{role}",{edge},%s}} ': rate
            for name, role in (
                ("uncached_prompt_tokens_histogram", "prefill"),
                ("generation_tokens_histogram", "decode"),
            )
            for edge, rate in buckets.items()
        },
        'smg_http_requests_total{pd_role="router",path="/v1/completions",%s} ': 2.0,
        'sglang:uncached_prompt_tokens_histogram_sum{pd_role="prefill",%s} ': 2000.0,
        'sglang:uncached_prompt_tokens_histogram_count{pd_role="prefill",%s} ': 2.0,
        'sglang:generation_tokens_histogram_sum{pd_role="decode",%s} ': 200.0,
        'sglang:generation_tokens_histogram_count{pd_role="decode",%s} ': 2.0,
    }
    for family, per_second in families.items():
        name = family % 'namespace="team",pd_service="chat",pod="p"'
        lines += [
            f"{name}{per_second * second} {NOW - HOURS * 3600 + second}"
            for second in range(0, HOURS * 3600 + 1, SCRAPE)
            if second not in GAP
        ]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def url(prometheus_holding: Callable[[str], tuple[str, Daemon]]) -> str:
    return prometheus_holding(written())[0]


@pytest.mark.parametrize("piece", [history_reader.MAXIMUM_BINS, 50])
async def test_all_that_prometheus_has_is_read_whatever_the_pieces(
    url: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_reader, "MAXIMUM_BINS", piece)
    monkeypatch.setattr(history_reader, "PATIENCE_SECONDS", 60.0)
    reader = PrometheusReader(url)
    read = HistoryReader(KEY, ForecastSpec(resolution_seconds=60, history_days=2))
    await read.read(reader, NOW + 1)
    reader.close()
    assert read.complete
    assert read.history is not None
    assert len(read.history) == pytest.approx(HOURS * 60, abs=1)
    assert read.history.end_seconds == NOW
    known = ~np.isnan(read.history.requests_per_second)
    assert np.count_nonzero(~known) == pytest.approx(len(GAP) / 60, abs=2)
    known[0] = False  # the counters begin within the window of the first bin
    np.testing.assert_allclose(read.history.requests_per_second[known], 2.0, rtol=0.01)
    np.testing.assert_allclose(read.history.prompt_tokens_per_second[known], 2000.0, rtol=0.01)


def test_the_backtest_reads_a_live_service(url: str) -> None:
    loads = read_past(
        PastSource(KEY, Reached.directly(url), SCRAPE),
        ForecastSpec(resolution_seconds=60, history_days=1),
    )
    assert loads.name == "team/chat"
    assert loads.dated
    # Up to now, which is some minutes after the newest sample when other tests came first.
    since = (time.time() - NOW) / 60
    assert HOURS * 60 - 2 <= loads.bins <= HOURS * 60 + since + 2
    assert np.nanmean(loads.series[REQUESTS]) == pytest.approx(2.0, rel=0.01)
    assert np.nanmean(loads.series[PROMPT_TOKENS]) == pytest.approx(2000.0, rel=0.01)


def test_a_service_without_a_past_is_named(url: str) -> None:
    with pytest.raises(LoadError, match="knows no load of team/other"):
        read_past(
            PastSource(ServiceKey("team", "other"), Reached.directly(url), SCRAPE),
            ForecastSpec(resolution_seconds=60, history_days=1),
        )


def test_a_prometheus_that_is_not_there_is_named_with_a_way_out() -> None:
    with pytest.raises(LoadError, match="--prometheus URL"):
        read_past(
            PastSource(KEY, Reached.directly("http://127.0.0.1:9"), SCRAPE),
            ForecastSpec(resolution_seconds=60, history_days=1),
        )


@pytest.mark.controlplane
def test_kubectl_pd_backtest_and_simulate_take_what_they_need_from_the_service(
    url: str, control_plane: ControlPlane, tmp_path: Path
) -> None:
    control_plane.serve_crds(CRDS)
    control_plane.kubectl("create", "namespace", KEY.namespace)
    control_plane.kubectl("apply", "--filename=-", input_text=json.dumps(SERVICE))

    def pd(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(KUBECTL_PD), verb, KEY.name, "-n", KEY.namespace, *arguments]
        environment = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    report = tmp_path / "chat.html"
    done = pd("backtest", "--prometheus", url, "--forecasts", "30", "--html", str(report))
    assert done.returncode == 0, done.stderr
    for name in ("requests", "prompt tokens", "output tokens"):
        assert f"{name} per second: " in done.stdout
    assert "P85" in done.stdout, "the service's own percentile"
    assert re.search(r"^ *2 min", done.stdout, re.M), (
        "prefill's lead time: 90 s, a tick and a scrape"
    )
    assert re.search(r"^ *4 min", done.stdout, re.M), (
        "decode's lead time: 200 s, a tick and a scrape"
    )
    assert "Backtest of team/chat" in report.read_text()

    away = pd("backtest")
    assert away.returncode == 1
    assert "/services/http:prometheus:9090/proxy" in away.stderr
    assert "not found" in away.stderr, "the API server looked for that Service"
    assert "kubectl port-forward -n nowhere service/prometheus 9090:9090" in away.stderr
    played = pd("simulate", "--prometheus", url, "--hours", "1", "--output", "json")
    assert played.returncode == 0, played.stderr
    operator, fixed = json.loads(played.stdout)
    assert operator["attained"]["joint"] > 0.9
    assert 0 < operator["gpuHours"] < 3, "an hour of two requests a second"
    assert fixed["attained"]["joint"] > 0.9
    control_plane.kubectl("delete", "namespace", KEY.namespace, "--wait=false")
