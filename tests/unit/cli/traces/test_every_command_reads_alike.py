"""One and the same trace, in seconds and in milliseconds, through every command that reads one."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pd_operator.cli.kubectl_pd import app

RATE = 10.0
BEGIN = 1_790_000_000
SPEC = """
apiVersion: serving.pd-operator.io/v1alpha1
kind: PDInferenceService
metadata: {name: chat}
spec:
  model: {path: org/model}
  engine: {profile: {name: llama-3.1-8b-h100}}
  objectives: {ttft: {milliseconds: 500}, tpot: {milliseconds: 15}}
  prefill: {maxReplicas: 8}
  decode: {maxReplicas: 8}
  autoscaling: {forecast: {model: LastValue}}
  metrics: {prometheusUrl: "http://prometheus:9090"}
"""

Write = Callable[[str, float, float], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a trace of 10 requests/s: name of the column of times, their unit and beginning."""

    def written(name: str, per_second: float, begin: float) -> Path:
        gaps = np.random.default_rng(7).exponential(1 / RATE, 6000)
        path = tmp_path / "requests.csv"
        times = ((begin + np.cumsum(gaps)) * per_second).round(3)
        rows = "\n".join(f"{time!r},900,100" for time in times.tolist())
        path.write_text(f"{name},Request tokens,GeneratedTokens\n{rows}\n", encoding="utf-8")
        return path

    return written


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def planned(trace: Path, *more: object) -> Result:
    engine = ("--profile", "llama-3.1-8b-h100", "--ttft", 500, "--tpot", 15)
    return run("plan", *engine, "--trace", trace, *more, "-o", "json")


def simulated(trace: Path, *more: object) -> Result:
    manifest = trace.with_name("service.yaml")
    manifest.write_text(SPEC, encoding="utf-8")
    return run("simulate", "-f", manifest, "--trace", trace, "--fixed", "1,1", *more, "-o", "json")


def replayed(trace: Path, *more: object) -> Result:
    settings = ("--season", 0, "--model", "Ewma", "--ahead", 60, "--forecasts", 20)
    rows = ("--rows", "requests", "--step", 10)
    return run("backtest", "--file", trace, *settings, *rows, *more, "-o", "json")


@pytest.mark.parametrize("command", [planned, simulated, replayed])
def test_seconds_and_milliseconds_come_to_the_same(
    command: Callable[..., Result], write: Write
) -> None:
    answers = []
    for per_second in (1, 1000):
        done = command(write("timestamp", per_second, BEGIN))
        assert done.exit_code == 0, done.output
        answers.append(json.loads(done.stdout))
    seconds, milliseconds = answers
    assert _close(seconds, milliseconds)


def test_ten_requests_a_second_are_ten(write: Write) -> None:
    for name, per_second in (("timestamp", 1000), ("arrival_ms", 1000), ("t_s", 1)):
        load = json.loads(planned(write(name, per_second, BEGIN)).stdout)["load"]
        assert load["requestsPerSecond"] == pytest.approx(RATE, rel=0.05)


@pytest.mark.parametrize("command", [planned, simulated, replayed])
def test_a_trace_that_could_be_two_is_refused_until_its_unit_is_given(
    command: Callable[..., Result], write: Write
) -> None:
    trace = write("timestamp", 1000, 0)
    refused = command(trace)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "may be seconds or milliseconds; say which with --time-unit" in refused.stderr
    told = command(trace, "--time-unit", "milliseconds")
    assert told.exit_code == 0, told.output


@pytest.mark.parametrize("command", [planned, simulated, replayed])
def test_the_column_of_times_can_be_named(command: Callable[..., Result], write: Write) -> None:
    trace = write("when", 1, BEGIN)
    refused = command(trace)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "name it with --time" in refused.stderr
    assert command(trace, "--time", "when").exit_code == 0


def _close(one: object, other: object) -> bool:
    """Whether two documents are the same but for the rounding of times."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=0.01)
    return one == other
