"""One line in the log for each change, with the decision that Event and metric name too."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pd_operator.api.names import ServiceKey
from pd_operator.cli.logs import JsonFormatter
from pd_operator.controller.service_loop import ServiceLoop
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.demand import DemandHistory, FloatArray

from .stand_ins import GivenObserver, MemoryCluster, Object, loop_over

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pdservice.yaml"


class Archive:
    """A Prometheus without a past."""

    def demand_history(
        self, service: ServiceKey, start_seconds: float, end_seconds: float, bin_seconds: float
    ) -> DemandHistory:
        del service, bin_seconds
        nothing: FloatArray = np.empty(0)
        return DemandHistory(0.0, 30.0, *(nothing,) * 3).until(end_seconds).after(start_seconds)


def resource(mode: str, generation: int) -> Object:
    manifest: Object = yaml.safe_load(EXAMPLE.read_text())
    manifest["metadata"] |= {"namespace": "team", "uid": "u", "generation": generation}
    forecast = {"resolutionSeconds": 30, "historyDays": 1}
    manifest["spec"]["autoscaling"] = {"mode": mode, "forecast": forecast}
    manifest["spec"]["prefill"] |= {"minReplicas": 5, "maxReplicas": 8}
    return manifest


Loop = tuple[ServiceLoop, MemoryCluster, OperatorMetrics]


@pytest.fixture
def loop(result: TickResult) -> Loop:
    """Of a service that needs two prefill workers more than it has."""
    return loop_over(resource("Active", 1), GivenObserver([result.observation] * 2, Archive()))


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """What a collector reads of the service's log."""
    form = JsonFormatter().format
    told: list[dict[str, str]] = [json.loads(form(record)) for record in caplog.records]
    return [line for line in told if line.get("service") == "chat"]


async def test_a_change_of_replicas_is_one_line_that_names_its_decision(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ticking, cluster, metrics = loop
    await ticking.tick()
    told = [line for line in lines(caplog) if line["reason"] == "ScaledUp"]
    assert [line["message"].partition(":")[0] for line in told] == [
        "prefill 3 -> 5",
        "decode 2 -> 6",
    ]
    for line in told:
        assert (line["level"], line["namespace"]) == ("info", "team")
        assert line["decision"] == cluster.decisions[cluster.events.index("ScaledUp")]
        assert line["decision"] in _exemplars(metrics)


async def test_what_happens_before_a_decision_names_none(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ticking, cluster, _ = loop
    await ticking.tick()
    assert cluster.decisions[cluster.events.index("ChildrenApplied")] is None
    [line] = [line for line in lines(caplog) if line["reason"] == "ChildrenApplied"]
    assert "decision" not in line


async def test_another_mode_is_one_line_and_so_is_the_condition_that_follows(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ticking, _, _ = loop
    await ticking.tick()
    ticking._deps.registry.put(resource("Paused", 2))
    await ticking.tick()
    told = [line["message"] for line in lines(caplog)]
    assert told.count("mode Active -> Paused") == 1
    assert sum(message.startswith("Scaling is False: ") for message in told) == 1


async def test_a_tick_that_changes_nothing_is_silent(
    result: TickResult, caplog: pytest.LogCaptureFixture
) -> None:
    steady = resource("Paused", 1)
    ticking, _, _ = loop_over(steady, GivenObserver([result.observation] * 3, Archive()))
    await ticking.tick()
    await ticking.tick()
    caplog.clear()
    caplog.set_level(logging.INFO)
    await ticking.tick()
    assert caplog.records == []


def _exemplars(metrics: OperatorMetrics) -> set[str]:
    """The decisions that the counter's samples point to, as OpenMetrics carries them."""
    text = generate_latest(metrics.registry).decode()  # type: ignore[no-untyped-call]
    return {
        sample.exemplar.labels["decision"]
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }
